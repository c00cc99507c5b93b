"""A plan is data, and apply carries it out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from taskspec.diagnostics import Diagnostic
from taskspec.plan.request import CallRequest, Request
from taskspec.specfile.fields.kinds import Kind
from taskspec.state.model import Record
from taskspec.template.expansion.instances import Expansion
from taskspec.template.included_scope import TaskViews
from taskspec.values import Json, Path


class Action(StrEnum):
    """What apply will do with a task."""

    START = "start"
    RERUN = "rerun"
    ATTACH = "attach"
    PUBLISH = "publish"
    KEEP = "keep"
    STOP = "stop"
    SKIP = "skip"

    @property
    def sign(self) -> str:
        return _SIGNS[self]

    @property
    def launches(self) -> bool:
        """Whether it begins a new launch."""
        return self in (Action.START, Action.RERUN)


_IDLE = (Action.KEEP, Action.SKIP)
"""Actions that change nothing."""
_SIGNS = {
    Action.START: "+",
    Action.RERUN: "±",
    Action.ATTACH: ">",
    Action.PUBLISH: "~",
    Action.KEEP: "=",
    Action.STOP: "-",
    Action.SKIP: "○",
}


class Reason(StrEnum):
    """Why, as a stable code that reports show."""

    NEVER_LAUNCHED = "never_launched"
    NOT_ARRIVED = "not_arrived"
    FORGOTTEN = "forgotten_by_server"
    STILL_RUNNING = "still_running"
    ENDED_UNSEEN = "ended_unseen"
    LAST_LAUNCH_FAILED = "last_launch_failed"
    REQUESTED = "requested"
    ALWAYS = "always_reruns"
    INPUTS_CHANGED = "inputs_changed"
    UPSTREAM_RERUNS = "upstream_reruns"
    UPSTREAM_RAN = "upstream_ran_since"
    INPUTS_UNKNOWN = "inputs_unknown"
    OUTPUTS_CHANGED = "outputs_changed"
    UNCHANGED = "unchanged"
    NEVER_RERUNS = "never_reruns"
    NOT_IN_SPEC = "not_in_spec"
    SERVICE_NEEDED = "service_needed"
    SERVICE_NOT_NEEDED = "service_not_needed"
    INSTANCES_UNKNOWN = "instances_unknown"
    CUT_OFF = "cut_off"
    STILL_PENDING = "still_pending"
    CONDITION_FALSE = "condition_false"
    RUNS_ON_FAILURE = "runs_on_failure"
    RUNS_ALWAYS = "runs_always"


@dataclass(frozen=True, slots=True)
class Observed:
    """What the server says about a launch. `status` is the server's own word, which taskspec may not know.

    `duplicates` are later launches under the same start key: the server carried out one start more than once.
    `is_unproven`: the launch shows no start key, on a server that shows the keys of others.
    """

    task_id: int
    status: str
    is_terminal: bool
    output: Mapping[str, Json]
    duplicates: tuple[int, ...] = ()
    is_unproven: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of the inputs that differs from the last launch. ABSENT stands for a key that is not there."""

    path: Path
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Planned:
    """The action for one address, and why. `previous` is the launch that is kept, attached to, replaced or stopped.

    `condition` is the text of what the action still depends on, which apply decides just before. `root` is the address
    because of which a task is skipped, empty where that is the task itself.
    """

    address: str
    action: Action
    reason: Reason
    detail: str = ""
    changes: tuple[Change, ...] = ()
    request: Request | None = None
    fingerprint: str | None = None
    previous: Record | None = None
    observed: Observed | None = None
    attempts: int = 0
    condition: str = ""
    root: str = ""

    @property
    def duplicates(self) -> tuple[int, ...]:
        """Further launches of the same start, which apply stops whatever else it does."""
        return self.observed.duplicates if self.observed is not None else ()

    @property
    def replaces_running(self) -> bool:
        """Whether the last launch still runs and has to be stopped before the new one starts."""
        return self.action.launches and self.observed is not None and not self.observed.is_terminal

    @property
    def runs_here(self) -> bool:
        """Whether it runs a command on this machine."""
        return self.action.launches and isinstance(self.request, CallRequest) and self.request.kind is Kind.LOCAL

    @property
    def only_if_changed(self) -> bool:
        """Apply may find, once the inputs are known, that nothing changed, and then keeps the last launch."""
        return self.reason is Reason.INPUTS_UNKNOWN

    @property
    def is_folded(self) -> bool:
        """Whether it stands for instances that a result to come decides."""
        return self.reason is Reason.INSTANCES_UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask(Planned):
    """The action for one instance. `node` is its number in the expansion."""

    node: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole proposal, in an order in which it could be carried out one by one.

    `views` are what expressions see of tasks once the plan is made.
    `serial` and `lineage` name the state it was made from; `stops` are launches that left the spec and still run.
    `agents` are those that fit now, by address, where a rule names the agent. `reusable` are launches of others that
    a service would take over now instead of its start.
    """

    name: str
    source: str
    server: str
    lineage: str
    serial: int
    tasks: tuple[PlannedTask, ...]
    stops: tuple[Planned, ...]
    results: Mapping[str, Json]
    expansion: Expansion
    views: TaskViews = field(repr=False, compare=False)
    warnings: tuple[Diagnostic, ...] = ()
    pools: Mapping[str, int] = field(default_factory=dict)
    slots_per_agent: int | None = None
    agents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reusable: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_changes(self) -> bool:
        """Whether apply would do anything at all."""
        return bool(self.stops) or any(task.action not in _IDLE or task.duplicates for task in self.tasks)

    @property
    def needs_approval(self) -> bool:
        """Whether something would be launched or stopped. To attach and to publish need no approval."""
        return any(task.action.launches or task.action is Action.STOP for task in self.tasks) or bool(self.stops)

    @property
    def counts(self) -> dict[Action, int]:
        found = Counter(task.action for task in (*self.tasks, *self.stops))
        return {action: found[action] for action in Action}
