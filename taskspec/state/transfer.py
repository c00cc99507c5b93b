"""Export a state as one document, and import it on another machine: schemas/state.schema.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.errors import LockHeld, StateError
from taskspec.state import database
from taskspec.state.database import Row, chained
from taskspec.state.model import Event, EventKind, StoredEvent, fold
from taskspec.values import Json

VERSION = 1
_FIELDS = {"number": int, "at": str, "run": str, "kind": str, "address": str, "key": str, "body": dict, "chain": str}
"""The fields of an event in a document, in the order of a row of the journal."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A journal that was read from a document and verified by its chain."""

    lineage: str
    server: str
    events: tuple[StoredEvent, ...]


def export_document(lineage: str, server: str, events: Iterable[StoredEvent]) -> dict[str, Json]:
    """The document of a journal. The same journal gives the same document."""
    rows = [
        dict(zip(_FIELDS, (*row[:-1], dict(stored.event.body), link), strict=True))
        for stored, (row, link) in _linked(lineage, list(events))
    ]
    head = {"taskspec_state": VERSION, "format": database.FORMAT, "lineage": lineage, "server": server}
    return {**head, "events": rows}


def _linked(lineage: str, events: list[StoredEvent]) -> Iterable[tuple[StoredEvent, tuple[Row, str]]]:
    return zip(events, chained(lineage, events), strict=True)


def read_export(shown_as: str, content: bytes) -> Exported:
    """Read and verify the journal in a document. Raises StateError for the first problem."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise _refused(shown_as, f"it is not valid JSON: {error}") from None
    if not isinstance(document, Mapping) or document.get("taskspec_state") != VERSION:
        raise _refused(shown_as, "it is not an export of a state")
    if not isinstance(document.get("format"), int) or document["format"] > database.FORMAT:
        raise StateError(
            f'"{shown_as}" has format {document.get("format")}, and this taskspec reads up to {database.FORMAT}',
            remedy="use the newer taskspec that wrote it",
        )
    lineage, server, rows = (document.get(name) for name in ("lineage", "server", "events"))
    if not (isinstance(lineage, str) and lineage and isinstance(server, str) and isinstance(rows, list)):
        raise _refused(shown_as, "lineage, server or events are missing")
    return Exported(lineage, server, _verified(shown_as, lineage, rows))


def _verified(shown_as: str, lineage: str, rows: list[Any]) -> tuple[StoredEvent, ...]:
    events = [_event(shown_as, number, row) for number, row in enumerate(rows, start=1)]
    try:
        for stored, (_, link) in _linked(lineage, events):
            if rows[stored.number - 1]["chain"] != link:
                raise _refused(shown_as, f"event {stored.number} was changed after it was written")
        fold(lineage, events)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(shown_as, f"an event cannot be read: {error!r}") from None
    return tuple(events)


def _event(shown_as: str, number: int, row: Any) -> StoredEvent:
    whole = isinstance(row, Mapping) and all(isinstance(row.get(name), kind) for name, kind in _FIELDS.items())
    if not whole or row["number"] != number or row["kind"] not in set(EventKind):
        raise _refused(shown_as, f"event {number} is not valid")
    return StoredEvent(
        number, row["at"], row["run"], Event(EventKind(row["kind"]), row["address"], row["key"], row["body"])
    )


def restore(path: Path, exported: Exported, now: str, run: str, imported: Event) -> None:
    """Create the state at `path` from an export, and record the import.

    Raises StateError, without a change, when there is a state, or was one of another lineage.
    """
    database.check_import(path, exported.lineage)
    last = StoredEvent(len(exported.events) + 1, now, run, imported)
    rows = chained(exported.lineage, (*exported.events, last))
    if not database.create(path, exported.lineage, rows, now):
        raise LockHeld("another run has created a state here", remedy="look at it: taskspec state list")


def _refused(shown_as: str, why: str) -> StateError:
    return StateError(
        f'"{shown_as}" cannot be imported: {why}',
        remedy="export it again where the state is: taskspec state export > FILE; nothing was changed here",
    )
