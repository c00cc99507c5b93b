"""Events and journals for the tests: short to write, and of the shape that the schema asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator

from taskspec.specfile.schema import load_schema
from taskspec.state.model import Event, EventKind, StoredEvent

KEY = "0" * 19 + "1"
INPUTS: Mapping[str, Any] = {"module": "./app", "version": "sha256:1", "params": {"lr": 0.1}}
INTENT: Mapping[str, Any] = {"attempt": 1, "fingerprint": "f" * 64, "inputs": INPUTS, "watermark": 40}
BY: Mapping[str, Any] = {"who": "ada@host", "why": "because"}
BODIES: Mapping[EventKind, Mapping[str, Any]] = {
    EventKind.RUN_STARTED: {"actions": {"start": 1}, "server": "local"},
    EventKind.INTENT: INTENT,
    EventKind.STARTED: {"task_id": 41, "adopted": False, "twins": []},
    EventKind.REFUSED: {"message": "no such agent"},
    EventKind.ENDED: {"outcome": "succeeded", "summary": "", "results": {"map": 0.9}},
    EventKind.PUBLISHED: {"digest": "d" * 64},
    EventKind.FORGOTTEN: {},
    EventKind.RUN_ENDED: {"counts": {"succeeded": 1}, "detached": False},
    EventKind.ADOPTED: {"task_id": 41, "forced": False, "differences": [], **BY},
    EventKind.MOVED: {"to": "fit", **BY},
    EventKind.IMPORTED: {"events": 3, **BY},
    EventKind.READY: {"results": {"map": 0.9}},
    EventKind.RETIRED: {"task_id": 40},
    EventKind.LOCK_BROKEN: {"owner": "ada@host, process 4", "fencing": 1, **BY},
}
OF_NO_ADDRESS = (EventKind.RUN_STARTED, EventKind.RUN_ENDED, EventKind.IMPORTED, EventKind.LOCK_BROKEN)
OF_NO_LAUNCH = (*OF_NO_ADDRESS, EventKind.FORGOTTEN, EventKind.MOVED)
_ROW = Draft7Validator(load_schema("journal"))


def event(kind: EventKind, *, address: str = "train", key: str = KEY, **body: Any) -> Event:
    """An event of the kind; `body` is merged over an ordinary one."""
    address = "" if kind in OF_NO_ADDRESS else address
    key = "" if kind in OF_NO_LAUNCH else key
    return Event(kind, address, key, {**BODIES[kind], **body})


def stored(*events: Event, run: str = "r1") -> list[StoredEvent]:
    """The events as a journal would number them."""
    rows = [StoredEvent(n, f"2026-01-01T00:00:{n % 60:02}.000Z", run, e) for n, e in enumerate(events, start=1)]
    for row in rows:
        check_row(row)
    return rows


def check_row(row: StoredEvent) -> None:
    """Every journal row the tests see fits schemas/journal.schema.json."""
    _ROW.validate(as_row(row))


def as_row(row: StoredEvent) -> dict[str, Any]:
    return {
        "number": row.number,
        "at": row.at,
        "run": row.run,
        "kind": row.event.kind.value,
        "address": row.event.address,
        "key": row.event.key,
        "body": {**row.event.body},
    }
