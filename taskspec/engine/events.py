"""What happens during an apply, as values. The engine reports them and the views show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from taskspec.errors import SpecError, TaskspecError
from taskspec.plan.model import Plan
from taskspec.state.model import Outcome
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class RunBegan:
    run: str
    plan: Plan
    parallelism: int


@dataclass(frozen=True, slots=True)
class LaunchStarted:
    """The server has the launch. `adopted` means it was there already and is taken over."""

    address: str
    task_id: int
    adopted: bool


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A call is being made: a request, a wait, a platform call or a command; `what` says which, for people."""

    address: str
    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    address: str
    task_id: int
    status: str


class SkipReason(StrEnum):
    """Why a task was skipped."""

    CONDITION_FALSE = "condition_false"
    NOTHING_FAILED = "nothing_failed"
    UPSTREAM_FAILED = "upstream_failed"
    FAIL_FAST = "fail_fast"

    @property
    def is_normal(self) -> bool:
        """Whether that is a normal result, and no failure's doing."""
        return self in (SkipReason.CONDITION_FALSE, SkipReason.NOTHING_FAILED)


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task has its outcome in this run. `seconds` is the time since its launch began, as far as this run saw.

    `skip` says why a skipped task was skipped.
    """

    address: str
    outcome: Outcome
    task_id: int | None = None
    summary: str = ""
    seconds: float = 0.0
    log_tail: tuple[str, ...] = ()
    link: str = ""
    because_of: str = ""
    skip: SkipReason | None = None

    @property
    def is_bad(self) -> bool:
        """Whether the run has failed because of this."""
        if self.outcome is Outcome.SKIPPED:
            return self.skip is None or not self.skip.is_normal
        return self.outcome in (Outcome.FAILED, Outcome.STOPPED)


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something a person should know that changes no outcome."""

    address: str
    message: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    report: RunReport


EngineEvent = RunBegan | LaunchStarted | CallBegan | StatusChanged | TaskEnded | Noticed | RunEnded


class Listener(Protocol):
    """Receives events, one at a time, in the thread of the loop."""

    def on(self, event: EngineEvent) -> None: ...


@dataclass(frozen=True, slots=True)
class RunReport:
    """The outcome of every task of the plan.

    `stopped` and `unstopped` are launches that had left the spec: those that were stopped, and those that could not be.
    """

    run: str
    tasks: tuple[TaskEnded, ...]
    results: Mapping[str, Json]
    seconds: float
    detached: bool = False
    stopped: tuple[str, ...] = ()
    unstopped: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.unstopped) or any(task.is_bad for task in self.tasks)

    @property
    def pending(self) -> bool:
        """Whether something waits for people, and the next apply goes on."""
        return any(task.outcome is Outcome.PENDING for task in self.tasks)

    @property
    def counts(self) -> dict[str, int]:
        return Counter(task.outcome.value for task in self.tasks)


def error_text(error: Exception | None) -> str:
    """An error for a report: what went wrong, and what to do."""
    if isinstance(error, SpecError):
        return "; ".join(problem.summary for problem in error.diagnostics)
    if isinstance(error, TaskspecError):
        return f"{error.message} ({error.remedy})" if error.remedy else error.message
    return f"{type(error).__name__}: {error}"
