"""When to ask about running launches next: often while things change, less often while they do not. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskspec.errors import ApiError, Unauthorized

GROWTH = 1.5
"""By how much the pause grows after a poll without news."""


@dataclass(slots=True)
class PollSchedule:
    """One poll at a time. Seconds; the clock is a number passed in."""

    shortest: float
    longest: float
    patience: float
    """How long the server may fail to answer before the run ends."""
    is_asking: bool = False
    _interval: float = field(init=False)
    _next: float = field(init=False, default=0.0)
    _answered_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._interval = self.shortest

    def hurry(self, now: float, *, is_first: bool) -> None:
        """A launch began: ask soon. The server's silence counts from the first that is watched."""
        if is_first:
            self._answered_at = now
        self._interval = self.shortest
        self._next = min(self._next, now + self.shortest) if self._next > now else now + self.shortest

    def is_due(self, now: float) -> bool:
        return not self.is_asking and self._next <= now

    def seconds_left(self, now: float, limit: float) -> float:
        """How long the loop may sleep before the next poll is due."""
        return limit if self.is_asking else min(limit, max(0.0, self._next - now))

    def answered(self, now: float, *, changed: bool) -> None:
        self.is_asking = False
        self._answered_at = now
        self._pause(now, changed=changed)

    def failed(self, error: Exception, now: float) -> None:
        """Wait out a passing problem. Raises the error for a lost permission, or when the server is silent for long."""
        self.is_asking = False
        is_passing = isinstance(error, ApiError) and not isinstance(error, Unauthorized)
        if not is_passing or now - self._answered_at > self.patience:
            raise error
        self._pause(now, changed=False)

    def _pause(self, now: float, *, changed: bool) -> None:
        self._interval = self.shortest if changed else min(self._interval * GROWTH, self.longest)
        self._next = now + self._interval
