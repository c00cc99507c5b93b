"""Events on their way to the journal, and the actions that must wait until they are durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from taskspec.state.model import Event, State, StoredEvent

RENEW_SECONDS = 15.0
"""How long the journal may be silent before the lease is renewed by itself."""


class Journal(Protocol):
    """What a run needs of the state: durable writes under its lease."""

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]: ...

    def renew(self) -> None: ...

    def confirm(self) -> None: ...

    def load(self) -> State: ...


@dataclass(slots=True)
class Ledger:
    """Collects what one turn of the loop has to say and writes it in one durable transaction."""

    store: Journal
    run: str
    clock: Callable[[], float]
    _events: list[Event] = field(default_factory=list)
    _actions: list[Callable[[], None]] = field(default_factory=list)
    _written_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._written_at = self.clock()

    def write(self, event: Event) -> None:
        self._events.append(event)

    def then(self, action: Callable[[], None]) -> None:
        """Do this once everything written so far is durable."""
        self._actions.append(action)

    @property
    def is_empty(self) -> bool:
        return not self._events and not self._actions

    def flush(self) -> None:
        """Make events durable, then act. Raises LockHeld when another run has taken over; nothing is sent then."""
        if self._events:
            self.store.append(self.run, self._events)
            self._events = []
            self._written_at = self.clock()
        elif self.clock() - self._written_at > RENEW_SECONDS:
            self.store.renew()
            self._written_at = self.clock()
        actions, self._actions = self._actions, []
        for action in actions:
            action()
