"""Failed launches that wait for their next try. Pure: the clock is a number passed in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from taskspec.engine.events import TaskEnded
from taskspec.specfile.fields.retries_and_deadlines import FailureKind
from taskspec.specfile.model import TaskDecl

JITTER = 0.1
"""Share of a pause by which equal pauses are spread, so that a hundred failed launches do not return at once."""


@dataclass(frozen=True, slots=True, order=True)
class PendingRetry:
    """A task whose next try is due at a time; `tries` it has had in this run, the last with number `attempt`.

    `restart` is the launch to run again, where the rule asks for that; `key` is its start key. `ended` is
    what the task ends with if the try is never made.
    """

    due: float
    address: str
    tries: int
    attempt: int
    ended: TaskEnded = field(compare=False)
    key: str = ""
    restart: int | None = None


@dataclass(slots=True)
class Retries:
    """Waiting tries, the earliest first."""

    _waiting: list[PendingRetry] = field(default_factory=list)

    def add(self, retry: PendingRetry) -> None:
        heapq.heappush(self._waiting, retry)

    def pop_due(self, now: float) -> PendingRetry | None:
        """The next try whose time has come."""
        return heapq.heappop(self._waiting) if self._waiting and self._waiting[0].due <= now else None

    def clear(self) -> list[PendingRetry]:
        """All that wait, given up."""
        given_up, self._waiting = sorted(self._waiting), []
        return given_up

    def seconds_left(self, now: float, limit: float) -> float:
        return min(limit, max(0.0, self._waiting[0].due - now)) if self._waiting else limit

    def __bool__(self) -> bool:
        return bool(self._waiting)


def pause(task: TaskDecl, kind: FailureKind | None, tries: int, key: str) -> float | None:
    """Seconds until the next try, or None when there is none: the rule, the class, and nothing destructive twice."""
    if task.destructive or kind not in task.retry.on or tries >= task.retry.attempts:
        return None
    spread = (int(key[:8] or "0", 16) % 1000) / 1000  # derived from the key: the same run pauses the same way
    return task.retry.pause_before(tries + 1) * (1 + JITTER * spread)
