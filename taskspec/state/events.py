"""One constructor for each kind of journal event; schemas/journal.schema.json describes the bodies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from taskspec.state.model import Event, EventKind, Outcome
from taskspec.values import Json


def run_started(actions: Mapping[str, int], server: str) -> Event:
    return Event(EventKind.RUN_STARTED, body={"actions": dict(actions), "server": server})


def run_ended(counts: Mapping[str, int], *, detached: bool) -> Event:
    return Event(EventKind.RUN_ENDED, body={"counts": dict(counts), "detached": detached})


def intent(
    address: str, key: str, attempt: int, fingerprint: str, inputs: Mapping[str, Json], *, watermark: int
) -> Event:
    """A start or a call that is about to be sent. No launch of this attempt has an id at or below `watermark`."""
    body = {"attempt": attempt, "fingerprint": fingerprint, "inputs": inputs, "watermark": watermark}
    return Event(EventKind.INTENT, address, key, body)


def service_intent(start: Event, replaces: Iterable[int]) -> Event:
    """The intent of a service; `replaces` are launches that are stopped once it is up."""
    body = {**start.body, "service": True, "replaces": list(replaces)}
    return Event(EventKind.INTENT, start.address, start.key, body)


def started(
    address: str,
    key: str,
    task_id: int,
    *,
    adopted: bool,
    twins: Iterable[int] | None = None,
    resent: bool | None = None,
    reused: bool | None = None,
) -> Event:
    """The server has the launch. `twins` are duplicates of it; only what is given goes on record."""
    body: dict[str, Json] = {"task_id": task_id, "adopted": adopted}
    if twins is not None:
        body["twins"] = list(twins)
    if resent is not None:
        body["resent"] = resent
    if reused is not None:
        body["reused"] = reused
    return Event(EventKind.STARTED, address, key, body)


def refused(address: str, key: str, message: str) -> Event:
    """The server certainly has no such launch."""
    return Event(EventKind.REFUSED, address, key, {"message": message})


def ready(address: str, key: str, results: Mapping[str, Json]) -> Event:
    """The service is up."""
    return Event(EventKind.READY, address, key, {"results": dict(results)})


def ended(address: str, key: str, outcome: Outcome, summary: str, results: Mapping[str, Json]) -> Event:
    return Event(EventKind.ENDED, address, key, {"outcome": outcome, "summary": summary, "results": dict(results)})


def retired(address: str, key: str, task_id: int) -> Event:
    """A launch that a service replaced has stopped."""
    return Event(EventKind.RETIRED, address, key, {"task_id": task_id})


def published(address: str, key: str, digest: str) -> Event:
    """Outputs are set on the launch; `digest` is that of what was published, empty after a failure."""
    return Event(EventKind.PUBLISHED, address, key, {"digest": digest})
