"""How long a launch may take, and when a failed one is tried again: what the author says about endurance. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
PATTERN = r"^(\d+(\.\d+)?[smhd])+$"
"""What the schema accepts as text."""


def seconds(value: str | float) -> float:
    """The duration in seconds. Raises ValueError for text that is none."""
    if not isinstance(value, str):
        return float(value)
    parts = _PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a valid duration")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def show(duration: float) -> str:
    """A duration in the form `seconds` reads, in whole units where it can."""
    for unit in ("d", "h", "m"):
        if duration >= _UNITS[unit] and duration % _UNITS[unit] == 0:
            return f"{duration / _UNITS[unit]:g}{unit}"
    return f"{duration:g}s"


class Stage(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class FailureKind(StrEnum):
    """Classes of failure, as `retry.on` names them and the journal records them."""

    ERROR = "error"
    STOPPED = "stopped"
    VANISHED = "vanished"
    REFUSED = "refused"
    UNKNOWN_START = "unknown_start"
    INPUTS = "inputs"
    ERROR_OUTPUT = "error_output"
    MISSING_RESULT = "missing_result"
    FAILED_CHECK = "failed_check"
    QUEUE_DEADLINE = "queue_deadline"
    STARTING_DEADLINE = "starting_deadline"
    RUNNING_DEADLINE = "running_deadline"
    STOPPING_DEADLINE = "stopping_deadline"


class RetryMode(StrEnum):
    """What another try is: a new launch, or the same launch on the server once more."""

    RELAUNCH = "relaunch"
    RESTART = "restart"


DEADLINE_OF: Mapping[Stage, FailureKind] = {
    Stage.QUEUED: FailureKind.QUEUE_DEADLINE,
    Stage.STARTING: FailureKind.STARTING_DEADLINE,
    Stage.RUNNING: FailureKind.RUNNING_DEADLINE,
    Stage.STOPPING: FailureKind.STOPPING_DEADLINE,
}
RETRYABLE = (FailureKind.ERROR, FailureKind.QUEUE_DEADLINE, FailureKind.STARTING_DEADLINE, FailureKind.VANISHED)
"""What is tried again when `retry` names no classes: trouble of machines, never a verdict on results."""

DEFAULT_DEADLINES: Mapping[Stage, float | None] = {
    Stage.QUEUED: 24 * 3600.0,
    Stage.STARTING: 2 * 3600.0,
    Stage.RUNNING: None,
    Stage.STOPPING: 600.0,
}
"""A day in the queue, two hours to start, any time to run, ten minutes to stop: no training is ever cut."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds each stage may take; None for no limit."""

    limits: Mapping[Stage, float | None] = field(default_factory=lambda: dict(DEFAULT_DEADLINES))

    def limit(self, stage: Stage) -> float | None:
        return self.limits[stage]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed launch is tried, the first try included, and the pause before the second try."""

    attempts: int = 1
    backoff: float = 30.0
    on: tuple[FailureKind, ...] = RETRYABLE
    how: RetryMode = RetryMode.RELAUNCH

    def pause_before(self, attempt: int) -> float:
        """Seconds to wait before this attempt (2, 3, …): the backoff doubled each time, an hour at most."""
        return float(min(self.backoff * 2 ** (attempt - 2), 3600.0))


def read_deadlines(body: Mapping[str, Any]) -> Deadlines:
    """Deadlines as written; a stage that is not named keeps its default, null means no limit."""
    limits = dict(DEFAULT_DEADLINES)
    for name, value in body.items():
        limits[Stage(name)] = None if value is None else seconds(value)
    return Deadlines(limits)


def read_retry(body: Mapping[str, Any]) -> Retry:
    """A retry rule as written; without one a launch is tried once."""
    if not body:
        return Retry()
    kinds = tuple(FailureKind(kind) for kind in body["on"]) if "on" in body else RETRYABLE
    return Retry(
        attempts=body.get("attempts", 2),
        backoff=seconds(body.get("backoff", 30.0)),
        on=kinds,
        how=RetryMode(body.get("how", RetryMode.RELAUNCH)),
    )
