"""Events of the journal, and the record of each address that is computed from them. Pure.

An event never changes. A record is a view of the events of one address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from taskspec.values import Json


class EventKind(StrEnum):
    """Kinds of journal rows; the body of each is described in schemas/journal.schema.json."""

    RUN_STARTED = "run_started"
    INTENT = "intent"
    STARTED = "started"
    REFUSED = "refused"
    ENDED = "ended"
    PUBLISHED = "published"
    FORGOTTEN = "forgotten"
    RUN_ENDED = "run_ended"
    ADOPTED = "adopted"
    MOVED = "moved"
    IMPORTED = "imported"
    LOCK_BROKEN = "lock_broken"
    READY = "ready"
    RETIRED = "retired"


class Outcome(StrEnum):
    """The outcome of a task in a run. It is neither a status of the server nor an action of a plan."""

    SUCCEEDED = "succeeded"
    KEPT = "kept"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    RUNNING = "running"
    PENDING = "pending"

    @property
    def is_success(self) -> bool:
        return self in (Outcome.SUCCEEDED, Outcome.KEPT)


@dataclass(frozen=True, slots=True)
class Event:
    """An event to write. `key` identifies the launch attempt, `body` holds the rest as JSON."""

    kind: EventKind
    address: str = ""
    key: str = ""
    body: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the journal: `number` grows by one, `at` is UTC in ISO 8601."""

    number: int
    at: str
    run: str
    event: Event


class Phase(StrEnum):
    """The last known phase of the last launch attempt of an address."""

    INTENDED = "intended"
    REFUSED = "refused"
    STARTED = "started"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Record:
    """The last launch attempt of one address.

    `was_sent` is false where the run ended before the start was sent. `is_adopted`: a user started the launch by hand.
    For a service: `is_ready` once it was up, `reused` when taskspec did not start it. `replaces` are the launches that
    are stopped once this one is up.
    """

    address: str
    key: str
    attempt: int
    fingerprint: str
    inputs: Mapping[str, Json]
    watermark: int
    number: int
    intended_at: str
    phase: Phase = Phase.INTENDED
    was_sent: bool = True
    task_id: int | None = None
    outcome: Outcome | None = None
    results: Mapping[str, Json] = field(default_factory=dict)
    summary: str = ""
    published: str = ""
    ended_at: str = ""
    resent: bool = False
    is_adopted: bool = False
    is_service: bool = False
    is_ready: bool = False
    reused: bool = False
    replaces: tuple[int, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.phase is Phase.ENDED and self.outcome is Outcome.SUCCEEDED

    @property
    def carries_key(self) -> bool:
        """Whether the description of the launch carries the start key, because taskspec started it."""
        return not (self.reused or self.is_adopted)

    @property
    def may_be_sent_again(self) -> bool:
        """Whether the same start may be sent once more: it was cut off, or it was never sent."""
        return self.phase is Phase.INTENDED or not self.was_sent

    @property
    def is_call(self) -> bool:
        return "body" in self.inputs


@dataclass(frozen=True, slots=True)
class RunRecord:
    run: str
    started_at: str
    ended_at: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    exit_code: int | None = None
    about: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """All records at one moment of the journal. `serial` is the number of its last event.

    `attempts` is the highest attempt that each address ever had, including forgotten and renamed records. A number is
    never used again, because the start key depends on it.
    """

    lineage: str
    serial: int
    records: Mapping[str, Record]
    runs: tuple[RunRecord, ...]
    attempts: Mapping[str, int] = field(default_factory=dict)


def fold(lineage: str, events: Iterable[StoredEvent]) -> State:
    records: dict[str, Record] = {}
    runs: dict[str, RunRecord] = {}
    attempts: dict[str, int] = {}
    serial = 0
    for stored in events:
        serial = stored.number
        kind, address = stored.event.kind, stored.event.address
        if kind is EventKind.RUN_STARTED:
            runs[stored.run] = RunRecord(stored.run, stored.at, about=stored.event.body)
        elif kind is EventKind.RUN_ENDED and stored.run in runs:
            runs[stored.run] = _ended_run(runs[stored.run], stored)
        elif kind is EventKind.FORGOTTEN:
            records.pop(address, None)
        elif kind is EventKind.MOVED:
            _move(records, attempts, address, stored.event.body["to"])
        elif address:
            record = advance(records.get(address), stored)
            if record is not None:
                records[address] = record
                attempts[address] = max(record.attempt, attempts.get(address, 0))
    return State(lineage, serial, records, tuple(runs.values()), attempts)


def _move(records: dict[str, Record], attempts: dict[str, int], old: str, new: str) -> None:
    record = records.pop(old, None)
    if record is not None:
        records[new] = replace(record, address=new)
        attempts[new] = max(record.attempt, attempts.get(new, 0))


def _ended_run(run: RunRecord, stored: StoredEvent) -> RunRecord:
    body = stored.event.body
    return replace(run, ended_at=stored.at, counts=body.get("counts", {}), exit_code=body.get("exit_code"))


def advance(record: Record | None, stored: StoredEvent) -> Record | None:
    """The record after one more event of its address. Events of earlier attempts do not change it."""
    event, body = stored.event, stored.event.body
    if event.kind is EventKind.INTENT:
        return _intended(stored)
    if record is None or record.key != event.key:
        return record
    if event.kind is EventKind.STARTED:
        resent = record.resent or bool(body.get("resent"))
        reused = bool(body.get("reused"))
        return replace(record, phase=Phase.STARTED, task_id=body["task_id"], resent=resent, reused=reused)
    if event.kind is EventKind.ADOPTED:
        return replace(record, is_adopted=True)
    if event.kind is EventKind.READY:
        return replace(record, is_ready=True, results=body.get("results", {}))
    if event.kind is EventKind.RETIRED:
        return replace(record, replaces=tuple(old for old in record.replaces if old != body["task_id"]))
    if event.kind is EventKind.REFUSED:
        was_sent, summary = body.get("sent", True), body.get("message", "")
        return replace(record, phase=Phase.REFUSED, was_sent=was_sent, summary=summary, ended_at=stored.at)
    if event.kind is EventKind.ENDED:
        return replace(
            record,
            phase=Phase.ENDED,
            outcome=Outcome(body["outcome"]),
            results=body.get("results", {}),
            summary=body.get("summary", ""),
            ended_at=stored.at,
        )
    if event.kind is EventKind.PUBLISHED:
        return replace(record, published=body.get("digest", ""))
    return record


def _intended(stored: StoredEvent) -> Record:
    body: Mapping[str, Any] = stored.event.body
    return Record(
        address=stored.event.address,
        key=stored.event.key,
        attempt=body["attempt"],
        fingerprint=body["fingerprint"],
        inputs=body["inputs"],
        watermark=body["watermark"],
        number=stored.number,
        intended_at=stored.at,
        is_service=bool(body.get("service")),
        replaces=tuple(body.get("replaces", ())),
    )
