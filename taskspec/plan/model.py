"""What we propose: a plan is data, and apply does what it says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from taskspec.diagnostics import Diagnostic
from taskspec.plan.request import LaunchRequest
from taskspec.state.model import Record
from taskspec.template.instances import Expansion
from taskspec.values import Json, Path


class Action(StrEnum):
    """What apply will do with a task."""

    START = "start"
    RERUN = "rerun"
    ATTACH = "attach"
    PUBLISH = "publish"
    KEEP = "keep"
    STOP = "stop"

    @property
    def sign(self) -> str:
        return _SIGNS[self]

    @property
    def launches(self) -> bool:
        """Whether it begins a new launch."""
        return self in (Action.START, Action.RERUN)


_SIGNS = {
    Action.START: "+",
    Action.RERUN: "±",
    Action.ATTACH: ">",
    Action.PUBLISH: "~",
    Action.KEEP: "=",
    Action.STOP: "-",
}


class Reason(StrEnum):
    """Why, as a stable code. It explains an action to people; nothing may branch on it but `ONLY_IF_CHANGED`."""

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


@dataclass(frozen=True, slots=True)
class Observed:
    """What the server says about a launch of ours. `status` is the server's word, known to us or not.

    `twins` are later launches under the same start key: the server carried out one start more than once.
    """

    task_id: int
    status: str
    is_terminal: bool
    output: Mapping[str, Json]
    twins: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One leaf of the inputs that differs from the last launch. ABSENT stands for a key that is not there."""

    path: Path
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One instance, the action for it, and why. `previous` is the launch that is kept, attached to or replaced."""

    address: str
    action: Action
    reason: Reason
    detail: str = ""
    changes: tuple[Change, ...] = ()
    request: LaunchRequest | None = None
    fingerprint: str | None = None
    previous: Record | None = None
    observed: Observed | None = None
    node: int = -1
    attempts: int = 0

    @property
    def twins(self) -> tuple[int, ...]:
        """Further launches of the same start, which apply stops whatever else it does."""
        return self.observed.twins if self.observed is not None else ()

    @property
    def replaces_running(self) -> bool:
        """Whether the last launch still runs and has to be stopped before the new one starts."""
        return self.action.launches and self.observed is not None and not self.observed.is_terminal

    @property
    def only_if_changed(self) -> bool:
        """Apply may find, once the inputs are known, that nothing changed, and then keeps the last launch."""
        return self.reason is Reason.INPUTS_UNKNOWN


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole proposal, in an order in which it could be carried out one by one.

    `serial` and `lineage` name the state it was made from; `stops` are launches that left the spec and still run.
    `agents` are those that fit now, by address, where a rule names the agent.
    """

    name: str
    source: str
    server: str
    lineage: str
    serial: int
    tasks: tuple[PlannedTask, ...]
    stops: tuple[PlannedTask, ...]
    results: Mapping[str, Json]
    expansion: Expansion
    warnings: tuple[Diagnostic, ...] = ()
    agents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def has_changes(self) -> bool:
        """Whether apply would do anything at all; the one home of this rule."""
        return bool(self.stops) or any(task.action is not Action.KEEP or task.twins for task in self.tasks)

    @property
    def needs_approval(self) -> bool:
        """Whether something would be launched or stopped; attaching and publishing are no surprise."""
        return any(task.action.launches for task in self.tasks) or bool(self.stops)

    @property
    def counts(self) -> dict[Action, int]:
        found = Counter(task.action for task in (*self.tasks, *self.stops))
        return {action: found[action] for action in Action}
