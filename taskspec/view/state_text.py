"""Draw records and the lease as text and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from taskspec.json_tree import leaves
from taskspec.state.lease import Lease, Owner, why_over
from taskspec.state.model import Record, State
from taskspec.values import Json, show_path
from taskspec.view.labels import OUTCOME_COLOURS, duration, show
from taskspec.view.terminal_text import Paint, clean, one_line

VERSION = 1


def draw_records(state: State, paint: Paint) -> str:
    """Every address on record: its attempt, its outcome or phase, the launch, and the time."""
    records = list(state.records.values())
    if not records:
        return "There are no records.\n"
    width = min(60, max(len(record.address) for record in records))
    lines = []
    for record in records:
        colour = OUTCOME_COLOURS[record.outcome] if record.outcome is not None else "yellow"
        came_to = paint(f"{record.outcome or record.phase!s:<9}", colour)
        launch = f"launch {record.task_id}" if record.task_id is not None else "no launch"
        when = record.ended_at or record.intended_at
        lines.append(f"  {clean(record.address):<{width}}  attempt {record.attempt}  {came_to}  {launch:<12}  {when}")
    return "\n".join(lines) + "\n"


def draw_record(record: Record, paint: Paint) -> str:
    """One whole record, with its inputs and results."""
    facts = {
        "attempt": record.attempt,
        "phase": str(record.phase),
        "outcome": str(record.outcome) if record.outcome is not None else None,
        "launch": record.task_id,
        "intended": record.intended_at,
        "ended": record.ended_at or None,
        "summary": record.summary or None,
        "key": record.key,
        "fingerprint": record.fingerprint,
    }
    lines = [paint(clean(record.address), "bold")]
    lines += [f"  {name:<12} {one_line(str(value))}" for name, value in facts.items() if value is not None]
    for title, values in (("inputs", record.inputs), ("results", record.results)):
        lines.append(paint(f"  {title}", "bold"))
        lines += [f"    {line}" for line in _rows(values)]
    return "\n".join(lines) + "\n"


def _rows(values: Mapping[str, Json]) -> list[str]:
    found = leaves(values, lists=False) if values else ()
    return [f"{one_line(show_path(path))}: {show(value, limit=2000)}" for path, value in found] or ["none"]


def records_document(state: State) -> dict[str, Any]:
    records = [_row(record) for record in state.records.values()]
    return {"taskspec_records": VERSION, "lineage": state.lineage, "serial": state.serial, "records": records}


def record_document(record: Record) -> dict[str, Any]:
    return {"taskspec_record": VERSION, **_row(record)}


def _row(record: Record) -> dict[str, Any]:
    return {**asdict(record), "inputs": dict(record.inputs), "results": dict(record.results)}


def draw_lease(lease: Lease, viewer: Owner, now: float, paint: Paint) -> str:
    """The owner of a lease, its times, and whether it has expired."""
    lines = [f"{paint(clean(lease.owner.describe()), 'bold')} writes to this state."]
    if lease.since is not None:
        lines.append(f"  since    {_moment(lease.since)}, {duration(max(0.0, now - lease.since))} ago")
    lines.append(f"  renewed  {_moment(lease.renewed_at)}, {duration(max(0.0, now - lease.renewed_at))} ago")
    lines.append(f"  fencing  {lease.fencing}")
    over = why_over(lease, viewer, now)
    lines.append(f"The lease has expired: {over}. The next writer takes it." if over else "The lease is held.")
    return "\n".join(lines) + "\n"


def lease_document(lease: Lease | None, viewer: Owner, now: float) -> dict[str, Any]:
    if lease is None:
        return {"taskspec_lock": VERSION, "held": False}
    over = why_over(lease, viewer, now)
    return {
        "taskspec_lock": VERSION,
        "held": True,
        "user": lease.owner.user,
        "host": lease.owner.host,
        "pid": lease.owner.pid,
        "since": _moment(lease.since) if lease.since is not None else None,
        "renewed_at": _moment(lease.renewed_at),
        "fencing": lease.fencing,
        "is_over": bool(over),
        "why_over": over,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
