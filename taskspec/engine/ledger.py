"""What a run needs of the state: a journal that is written durably under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from taskspec.state.model import Event, State, StoredEvent

RENEW_SECONDS = 15.0
"""How long the journal may be silent before the lease is renewed by itself."""


class Journal(Protocol):
    """Writes events durably, under the lease of the run."""

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]: ...

    def renew(self) -> None: ...

    def confirm(self) -> None: ...

    def load(self) -> State: ...
