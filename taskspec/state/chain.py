"""The hash chain of a journal: each link covers its row and the link before, the first link the lineage. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from taskspec.state.model import StoredEvent
from taskspec.values import canonical

Row = tuple[int, str, str, str, str, str, str]
"""Number, moment, run, kind, address, key, and the body in canonical form."""


def chain_link(previous: str, row: Row) -> str:
    """The hash over a row and the link before it."""
    return hashlib.sha256("\0".join([previous, *map(str, row)]).encode("utf-8", "surrogatepass")).hexdigest()


def row_of(stored: StoredEvent) -> Row:
    """An event as a row of the journal."""
    event = stored.event
    return stored.number, stored.at, stored.run, event.kind.value, event.address, event.key, canonical(event.body)


def chained(previous: str, events: Iterable[StoredEvent]) -> Iterator[tuple[Row, str]]:
    """Each event as a row with its link; `previous` is the link before the first, or the lineage."""
    for stored in events:
        row = row_of(stored)
        previous = chain_link(previous, row)
        yield row, previous
