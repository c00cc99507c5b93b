"""When a run ends before its work is done: on an interrupt or at a deadline, and in which of three ways."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum


class OnInterrupt(StrEnum):
    """What an interrupt does with launches that run: leave them running, wait for them, or stop them."""

    DETACH = "detach"
    WAIT = "wait"
    STOP = "stop"


@dataclass(slots=True)
class InterruptState:
    """Whether, since when and how the run is ending. `is_abandoned` is set at once, so that sleeping workers wake up.

    `calls_are_cut` is set when calls have to end too: a launch can be left alone or stopped, a call is only ours.
    """

    mode: OnInterrupt
    within: float
    deadline: float | None
    requested_at: float | None = None
    is_signalled: threading.Event = field(default_factory=threading.Event)
    """Set by the signal itself, before the loop hears of it: no start is sent any more."""
    is_abandoned: threading.Event = field(default_factory=threading.Event)
    calls_are_cut: threading.Event = field(default_factory=threading.Event)

    @property
    def is_requested(self) -> bool:
        return self.requested_at is not None

    def ask(self, now: float, mode: OnInterrupt | None = None) -> bool:
        """Begin to leave; False when that has begun before."""
        if self.requested_at is not None:
            return False
        self.requested_at = now
        self.mode = mode or self.mode
        if self.mode is OnInterrupt.DETACH:
            self.is_abandoned.set()
        if self.mode is not OnInterrupt.WAIT:
            self.calls_are_cut.set()
        return True

    def has_passed(self, now: float) -> bool:
        """Whether the deadline of the whole run is over."""
        return self.deadline is not None and self.requested_at is None and now >= self.deadline

    def is_over(self, now: float, *, starting: bool, active: bool) -> bool:
        """Whether nothing is left to wait for: detaching waits for starts on their way, and not for long."""
        if self.requested_at is None:
            return False
        if self.mode is OnInterrupt.DETACH:
            return not starting or now - self.requested_at > self.within
        return not active

    def seconds_left(self, now: float, limit: float) -> float:
        """How long the loop may sleep without missing its own end."""
        if self.requested_at is not None:
            return min(limit, 0.1)
        return min(limit, max(0.0, self.deadline - now)) if self.deadline is not None else limit
