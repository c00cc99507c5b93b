"""Launches of a service that nobody needs any more: what an earlier run has left, and what a new launch replaces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from taskspec.api import TaskInfo
from taskspec.engine.events import words
from taskspec.engine.progress import Active, Progress
from taskspec.engine.skipping import tell
from taskspec.engine.stopping import stop_and_wait
from taskspec.engine.workers import Answer
from taskspec.plan.model import Planned, PlannedTask
from taskspec.state.model import Event, EventKind, Outcome, Record

LEFT = "stopped: no task needs it"


@dataclass(frozen=True, slots=True)
class StopLeft:
    """Stop what an earlier run has left of a service."""

    node: int


@dataclass(frozen=True, slots=True)
class StopReplaced:
    """Stop a launch of a service that a new one replaces."""

    node: int
    key: str
    task_id: int


@dataclass(slots=True)
class Leftovers:
    """Stops them. `unstopped` are the addresses where that did not work."""

    progress: Progress
    unstopped: list[str] = field(default_factory=list)
    _stopping: set[int] = field(default_factory=set)
    _retiring: set[int] = field(default_factory=set)

    @property
    def is_stopping(self) -> bool:
        return bool(self._stopping or self._retiring)

    def has(self, node: int) -> bool:
        """Whether what is left of this node is being stopped."""
        return node in self._stopping

    def stopper(self, task_id: int) -> partial[TaskInfo | None]:
        """Stops a launch, also while the run is ending: how long that may take, the loop says."""
        tools, never = self.progress.tools, threading.Event()

        def pause(seconds: float) -> None:
            tools.hands.sleep(seconds, never)

        return partial(stop_and_wait, tools.server.api, task_id, tools.clock, pause)

    def clear(self, node: int, planned: PlannedTask) -> None:
        """Stop what is left of a service that is not to be launched, and so end its turn."""
        there = list(left(planned))
        if not there:
            self.progress.admission.release(node)
            self.progress.board.keep(planned.address, planned.previous.task_id if planned.previous else None)
            tell(self.progress, self.progress.frontier.succeed(node))
            return
        self._stopping.add(node)
        key = planned.previous.key if planned.previous is not None else ""
        self.progress.active[node] = Active(planned, key, self.progress.tools.clock(), there[0])
        self.progress.submit(StopLeft(node), self.stopper_of(planned))

    def stopper_of(self, planned: Planned) -> Callable[[], None]:
        """Stops every launch of ours that a task may still have running."""
        calls = [self.stopper(task_id) for task_id in left(planned)]

        def stop_all() -> None:
            for call in calls:
                call()

        return stop_all

    def took_cleared(self, node: int, answer: Answer) -> None:
        self._stopping.discard(node)
        self.progress.admission.release(node)
        active = self.progress.active.pop(node)
        address, record = active.planned.address, active.planned.previous
        if answer.error is not None:
            self.unstopped.append(address)
            summary = f"could not be stopped: {words(answer.error)}; the next apply tries again"
            self.progress.board.end(self.progress.ended(active, Outcome.RUNNING, summary))
        elif record is not None:
            for event in _cleared(record, active.task_id):
                self.progress.ledger.write(event)
            self.progress.board.end(self.progress.ended(active, Outcome.SUCCEEDED, LEFT))
        tell(self.progress, self.progress.frontier.succeed(node))

    def retire(self, node: int) -> None:
        """Stop the launches that a new one replaces."""
        key, replaced = self.progress.replaced.pop(node, ("", ()))
        for old in replaced:
            self._retiring.add(old)
            self.progress.submit(StopReplaced(node, key, old), self.stopper(old))

    def took_retired(self, node: int, key: str, old: int, answer: Answer) -> None:
        self._retiring.discard(old)
        address = self.progress.tasks[node].address
        if answer.error is None:
            self.progress.ledger.write(Event(EventKind.RETIRED, address, key, {"task_id": old}))
            return
        self.unstopped.append(address)
        self.progress.board.notice(address, f"launch {old}, which it replaces, goes on: {words(answer.error)}")


def left(planned: Planned) -> Iterator[int]:
    """Launches of ours that may still run."""
    observed, record = planned.observed, planned.previous
    if record is None:
        return
    if observed is not None and not observed.is_terminal and not record.reused:
        yield observed.task_id
    yield from record.replaces


def _cleared(record: Record, task_id: int | None) -> Iterator[Event]:
    """What the journal says once everything that was left is stopped."""
    if record.task_id is None and task_id not in (None, *record.replaces):
        yield Event(EventKind.STARTED, record.address, record.key, {"task_id": task_id, "adopted": True})
    yield from _retired(record)
    body = {"outcome": Outcome.STOPPED, "summary": LEFT, "results": dict(record.results)}
    yield Event(EventKind.ENDED, record.address, record.key, body)


def gone(planned: Planned, summary: str) -> Iterator[Event]:
    """What the journal says once all that an unwanted task had running is stopped; how it had ended, it keeps."""
    record, observed = planned.previous, planned.observed
    if record is None:
        return
    yield from _retired(record)
    if observed is not None and not observed.is_terminal:
        yield Event(
            EventKind.ENDED, record.address, record.key, {"outcome": Outcome.STOPPED, "summary": summary, "results": {}}
        )


def _retired(record: Record) -> Iterator[Event]:
    for old in record.replaces:
        yield Event(EventKind.RETIRED, record.address, record.key, {"task_id": old})
