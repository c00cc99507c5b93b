"""Stops the launches of an address for `taskspec stop`: its own, and those that a service was to replace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from taskspec.engine.launches.stop import try_stop
from taskspec.engine.server.connection import Server
from taskspec.plan.model import Observed
from taskspec.state import event_bodies
from taskspec.state.model import Event, Outcome, Record

StopListener = Callable[[str, int, str], None]
"""Receives an address, a launch, and the problem with stopping it, or an empty text."""


def may_be_stopped(record: Record, observed: Observed | None) -> bool:
    """Whether it runs, or a launch it replaces may; a service that another user started is not ours."""
    if record.reused:
        return bool(record.replaces)
    return bool(record.replaces) or (observed is not None and not observed.is_terminal and not observed.is_unproven)


def stop_recorded_launch(
    server: Server, record: Record, observed: Observed | None, listener: StopListener
) -> tuple[list[Event], bool]:
    """Stop it, and wait. Returns what to write down, and whether all of it has stopped."""
    done: list[Event] = []
    is_done = True
    for old in record.replaces:
        if _stop(server, record, old, listener):
            done.append(event_bodies.retired(record.address, record.key, old))
        else:
            is_done = False
    if observed is None or observed.is_terminal or observed.is_unproven or record.reused:
        return done, is_done
    if not _stop(server, record, observed.task_id, listener):
        return done, False
    return [*done, *_ended(record, observed.task_id)], is_done


def _stop(server: Server, record: Record, task_id: int, listener: StopListener) -> bool:
    problem = try_stop(server.api, task_id, time.monotonic, time.sleep)
    listener(record.address, task_id, problem)
    return not problem


def _ended(record: Record, task_id: int) -> Iterator[Event]:
    if record.task_id is None:
        yield event_bodies.started(record.address, record.key, task_id, adopted=True)
    yield event_bodies.ended(record.address, record.key, Outcome.STOPPED, "stopped by `taskspec stop`", {})
