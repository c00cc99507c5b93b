"""A journal that no secret gets into: marks for sensitive values, known secrets hidden in every text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from taskspec.engine.ledger import Journal
from taskspec.sensitive import Secrets
from taskspec.state.model import Event, State, StoredEvent

_OURS = frozenset({"fingerprint", "digest", "server", "actions", "counts"})
"""What we have made ourselves: digests are no text, and hiding a part of one would break it."""


@dataclass(frozen=True, slots=True)
class DiscreetJournal:
    """Writes to another journal."""

    journal: Journal
    secrets: Secrets

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        return self.journal.append(run, [self._hidden(event) for event in events])

    def renew(self) -> None:
        self.journal.renew()

    def confirm(self) -> None:
        self.journal.confirm()

    def load(self) -> State:
        return self.journal.load()

    def _hidden(self, event: Event) -> Event:
        scrubbed = self.secrets.scrubbed
        body = {name: value if name in _OURS else scrubbed(value) for name, value in event.body.items()}
        return replace(event, body=body)
