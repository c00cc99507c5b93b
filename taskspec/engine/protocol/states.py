"""The phases of a task between its turn and its end. Each state holds what its phase knows, and never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto

from taskspec.api import TaskInfo
from taskspec.engine.executors.call_protocol import CallOrder
from taskspec.engine.launches.prepare import PreparedLaunch
from taskspec.engine.launches.verdict import Verdict
from taskspec.engine.schedule.retries import PendingRetry
from taskspec.plan.lookup_needs import Findings
from taskspec.plan.request import LaunchRequest
from taskspec.specfile.fields.retries_and_deadlines import FailureKind, Stage
from taskspec.state.model import Outcome
from taskspec.values import Json

Address = str
"""The identity of a task instance for the whole run."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task. `key` ties its journal events together; `number` counts over all runs, `tries` in this one.

    `replaces` are launches of a service that end once this one is up. `reused`: another user started the launch.
    `carries_key`: its launch shows the key, because taskspec started it.
    """

    address: Address
    began: float
    key: str = ""
    number: int = 0
    tries: int = 1
    task_id: int | None = None
    fingerprint: str = ""
    reused: bool = False
    carries_key: bool = True
    replaces: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchedLaunch:
    """What polls have shown of a launch.

    `missing` counts polls in a row that did not list it. `settling_until` is set while a finished launch owes a result.
    `is_asking`: a worker probes it, or looks up what it left outside its output, since `fails_since` without an answer.
    """

    workspace: int
    task_id: int
    status: str = ""
    missing: int = 0
    stage: Stage = Stage.QUEUED
    stage_since: float = 0.0
    settling_until: float | None = None
    found: Findings = field(default_factory=dict)
    is_asking: bool = False
    fails_since: float | None = None

    def enter(self, stage: Stage, now: float) -> WatchedLaunch:
        """The launch is in this stage; the clock of a stage starts at the poll that first shows it."""
        if stage is self.stage and self.stage_since:
            return self
        return replace(self, stage=stage, stage_since=now)


@dataclass(frozen=True, slots=True)
class OfAttempt:
    """A phase or an end of one attempt."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class OfLaunch(OfAttempt):
    """A phase in which a launch is polled."""

    launch: WatchedLaunch


@dataclass(frozen=True, slots=True)
class OfUnsent(OfAttempt):
    """A phase or an end of an attempt of which nothing was sent. `retry` is the try that it makes, if not the first."""

    retry: PendingRetry | None = None


@dataclass(frozen=True, slots=True)
class Preparing(OfAttempt):
    """The launch waits for facts from the server: its agent, or the highest launch id. Nothing is on record yet."""

    request: LaunchRequest
    retry: PendingRetry | None = None

    @property
    def after(self) -> int | None:
        """The number of the attempt of this run that failed before, if there was one."""
        return self.retry.attempt if self.retry is not None else None


@dataclass(frozen=True, slots=True)
class Searching(OfAttempt):
    """A worker looks for a running service to reuse."""

    prepared: PreparedLaunch
    retry: PendingRetry | None = None


@dataclass(frozen=True, slots=True)
class Replacing(OfAttempt):
    """A worker stops the launch that the new one replaces."""

    prepared: PreparedLaunch
    retry: PendingRetry | None = None


@dataclass(frozen=True, slots=True)
class Starting(OfAttempt):
    """The intent is on record and the start is being sent."""

    prepared: PreparedLaunch


@dataclass(frozen=True, slots=True)
class Unresolved(OfAttempt):
    """The run ended while the start was on its way. The next apply looks for the launch."""


@dataclass(frozen=True, slots=True)
class Restarting(OfAttempt):
    """The server is asked to run a failed launch again."""

    retry: PendingRetry


@dataclass(frozen=True, slots=True)
class Running(OfLaunch):
    """The launch of a job runs."""


@dataclass(frozen=True, slots=True)
class StartingService(OfLaunch):
    """The launch of a service runs, and the service is not up yet."""


@dataclass(frozen=True, slots=True)
class RunningService(OfLaunch):
    """The service is ready for the tasks that use it."""

    verdict: Verdict


class StopPurpose(StrEnum):
    """Why a worker stops a launch."""

    REPLACED = auto()
    """A new launch of a job takes its place."""
    OVERDUE = auto()
    """It is past a deadline, or a service is up without what it promises."""
    SERVICE_OVERDUE = auto()
    """It is past a deadline, and tasks were using it."""
    INTERRUPT = auto()
    DUPLICATE = auto()
    """It came of a start that was carried out twice."""
    UNWANTED = auto()
    """Its task left the spec."""
    CONDITION_FALSE = auto()
    UNUSED = auto()
    """The last user of the service has ended."""
    NEVER_READY = auto()
    """The service is not up yet, and no task needs it any longer."""
    LEFT_OVER = auto()
    """An earlier run left it, and no task needs it."""
    SUPERSEDED = auto()
    """A newer launch of the service is up."""

    @property
    def survives_interrupt(self) -> bool:
        """Whether the worker goes on with it while the run ends."""
        cut_short = (StopPurpose.REPLACED, StopPurpose.OVERDUE, StopPurpose.INTERRUPT, StopPurpose.DUPLICATE)
        return self not in (*cut_short, StopPurpose.CONDITION_FALSE)


@dataclass(frozen=True, slots=True)
class Stopping(OfAttempt):
    """A worker stops the launch; then the task ends as `verdict` says. `info` is what polls showed last."""

    purpose: StopPurpose
    verdict: Verdict
    info: TaskInfo | None = None
    launch: WatchedLaunch | None = None


@dataclass(frozen=True, slots=True)
class CallQueued(OfUnsent):
    """The call waits until fewer calls are being made."""


@dataclass(frozen=True, slots=True)
class Digesting(OfUnsent):
    """A worker reads the files that the call uploads."""


@dataclass(frozen=True, slots=True)
class Calling(OfAttempt):
    """The call is being made."""

    order: CallOrder


@dataclass(frozen=True, slots=True)
class OnHold(OfAttempt):
    """A wait for a person between two looks. The run may end without it once `wait_until` has come."""

    order: CallOrder
    next_poll: float
    wait_until: float
    summary: str


NotSent = Preparing | Searching | Replacing | Digesting | CallQueued
"""The task has had its turn, and its launch or call was not sent yet."""
Watched = Running | StartingService | RunningService
LaunchState = Watched | Preparing | Searching | Replacing | Starting | Unresolved | Restarting | Stopping
CallState = CallQueued | Digesting | Calling | OnHold
TaskState = LaunchState | CallState


class Downstream(StrEnum):
    """What the end of a task means for the tasks that need it."""

    NOTHING = auto()
    MAY_BEGIN = auto()
    LOST = auto()
    """A service died: later users cannot begin."""


@dataclass(frozen=True, slots=True)
class Succeeded(OfAttempt):
    """The job or call succeeded."""

    results: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Failed(OfAttempt):
    """The try failed; whether the task is tried again is decided by its retry rule."""

    summary: str
    outcome: Outcome = Outcome.FAILED
    kind: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class Kept(OfAttempt):
    """What an earlier run launched or called is kept."""


@dataclass(frozen=True, slots=True)
class EndedService(OfAttempt):
    """The task has its outcome. `is_unstopped`: its launch still runs. `with_log`: the report shows its log."""

    outcome: Outcome
    summary: str
    downstream: Downstream = Downstream.NOTHING
    is_unstopped: bool = False
    with_log: bool = False


@dataclass(frozen=True, slots=True)
class Pending(OfAttempt):
    """A person has not finished: the task and those that need it wait for the next apply."""

    summary: str


@dataclass(frozen=True, slots=True)
class Dropped(OfUnsent):
    """The run ended before anything was sent; the task has no outcome."""


End = Succeeded | Failed | Kept | EndedService | Pending | Dropped
