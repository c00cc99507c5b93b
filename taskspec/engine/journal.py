"""What a run needs of the state: a journal that is written durably under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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


def redacted_event(event: Event, secrets: Secrets) -> Event:
    """The event as it may be written."""
    scrubbed = secrets.redact_json
    body = {name: value if name in _OURS else scrubbed(value) for name, value in event.body.items()}
    return replace(event, body=body)
