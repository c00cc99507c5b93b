"""One constructor for each kind of journal event; schemas/journal.schema.json describes the bodies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taskspec.state.lease import Owner
from taskspec.state.model import Event, EventKind, Outcome
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class Actor:
    """The user who changes a state by hand, and the reason they give."""

    who: str
    why: str = ""

    def body(self, **more: Json) -> dict[str, Json]:
        return {**more, "who": self.who, "why": self.why}


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
    """The intent of a service. The launches in `replaces` are stopped once it is up."""
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
    """The server has the launch. `twins` are its duplicates. An argument that is None is left out of the body."""
    marks = {"twins": None if twins is None else list(twins), "resent": resent, "reused": reused}
    known = {name: value for name, value in marks.items() if value is not None}
    return Event(EventKind.STARTED, address, key, {"task_id": task_id, "adopted": adopted, **known})


def refused(address: str, key: str, message: str) -> Event:
    return Event(EventKind.REFUSED, address, key, {"message": message})


def not_sent(address: str, key: str, message: str) -> Event:
    """The start was never sent, so that the next attempt may use its key and its number again."""
    return Event(EventKind.REFUSED, address, key, {"message": message, "sent": False})


def ready(address: str, key: str, results: Mapping[str, Json]) -> Event:
    return Event(EventKind.READY, address, key, {"results": dict(results)})


def ended(address: str, key: str, outcome: Outcome, summary: str, results: Mapping[str, Json]) -> Event:
    return Event(EventKind.ENDED, address, key, {"outcome": outcome, "summary": summary, "results": dict(results)})


def retired(address: str, key: str, task_id: int) -> Event:
    return Event(EventKind.RETIRED, address, key, {"task_id": task_id})


def published(address: str, key: str, digest: str) -> Event:
    """The outputs with this digest are set on the launch."""
    return Event(EventKind.PUBLISHED, address, key, {"digest": digest})


def adopted(address: str, key: str, task_id: int, actor: Actor, *, forced: bool, differences: Sequence[str]) -> Event:
    """A launch started by hand is recorded as the launch of the task, after its intent and start."""
    body = actor.body(task_id=task_id, forced=forced, differences=list(differences))
    return Event(EventKind.ADOPTED, address, key, body)


def forgotten(address: str, actor: Actor) -> Event:
    return Event(EventKind.FORGOTTEN, address, body=actor.body())


def moved(address: str, to: str, actor: Actor) -> Event:
    return Event(EventKind.MOVED, address, body=actor.body(to=to))


def imported(events: int, actor: Actor) -> Event:
    return Event(EventKind.IMPORTED, body=actor.body(events=events))


def lock_broken(owner: Owner, fencing: int, actor: Actor) -> Event:
    return Event(EventKind.LOCK_BROKEN, body=actor.body(owner=owner.describe(), fencing=fencing))
