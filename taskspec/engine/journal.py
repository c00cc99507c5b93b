"""What a run needs of the state: a journal that is written durably under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from taskspec.secrets.sensitive import Secrets
from taskspec.state.model import Event, State, StoredEvent

RENEW_SECONDS = 15.0
"""How long the journal may be silent before the lease is renewed by itself."""


class Journal(Protocol):
    """Writes events durably, under the lease of the run."""

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]: ...

    def renew(self) -> None: ...

    def confirm(self) -> None: ...

    def load(self) -> State: ...


_OURS = frozenset({"fingerprint", "digest", "server", "actions", "counts"})
"""What we have made ourselves: digests are no text, and hiding a part of one would break it."""


@dataclass(frozen=True, slots=True)
class RedactingJournal:
    """Writes to another journal."""

    journal: Journal
    secrets: Secrets

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        return self.journal.append(run, [self._redacted_event(event) for event in events])

    def renew(self) -> None:
        self.journal.renew()

    def confirm(self) -> None:
        self.journal.confirm()

    def load(self) -> State:
        return self.journal.load()

    def _redacted_event(self, event: Event) -> Event:
        scrubbed = self.secrets.redact_json
        body = {name: value if name in _OURS else scrubbed(value) for name, value in event.body.items()}
        return replace(event, body=body)
