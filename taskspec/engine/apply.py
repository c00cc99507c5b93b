"""Carries out a plan: one loop over one queue of answers.

    schedule what is free → make intents and results durable → send → wait for the next answer → take it in

Everything is decided and written in this one thread; workers only talk to the server. Nothing is sent before its
intent is durable, and nothing is waited for before its task id is.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from taskspec.engine.events import LaunchStarted, RunBegan, RunEnded, RunReport, TaskEnded, words
from taskspec.engine.frontier import Frontier
from taskspec.engine.launching import Launching, Prepared
from taskspec.engine.ledger import Ledger
from taskspec.engine.logtail import log_tail
from taskspec.engine.publish import Publication, Publisher
from taskspec.engine.scoreboard import Scoreboard
from taskspec.engine.start import Interrupted, StartDone, Starter
from taskspec.engine.stopping import stop_and_wait
from taskspec.engine.tools import Tools
from taskspec.engine.watch import POLL, Ending, Watch
from taskspec.engine.workers import Answer, Workers
from taskspec.errors import NotSent, Refused, SpecError, TaskspecError
from taskspec.plan.model import Action, Plan, PlannedTask
from taskspec.plan.planner import final_results
from taskspec.state.model import Event, EventKind, Outcome, Record
from taskspec.template.instances import Instance
from taskspec.template.scope import TaskView
from taskspec.values import Json

INTERRUPT = "interrupt"
_IDLE_SECONDS = 5.0
_WORKER_LIMIT = 16


@dataclass(slots=True)
class Active:
    """A task between its turn and its end. `key` ties its events to the launch attempt."""

    planned: PlannedTask
    key: str
    began: float
    task_id: int | None = None


class Apply:
    """One run of a plan. `interrupt` may be called from a signal handler; everything else belongs to one thread."""

    def __init__(self, plan: Plan, tools: Tools) -> None:
        self.plan = plan
        self.tools = tools
        self.run = uuid.uuid4().hex[:12]
        self._tasks = {task.node: task for task in plan.tasks}
        self._frontier = Frontier(plan.expansion.graph, frozenset(self._tasks))
        self._workers = Workers(min(tools.pace.parallelism, _WORKER_LIMIT) + 1)
        self._launching = Launching(plan, tools)
        self._ledger = Ledger(tools.store, self.run, tools.clock)
        self._watch = Watch(tools, plan.expansion.instances, self._workers)
        self._board = Scoreboard(tools.listener)
        self._publisher = Publisher(tools, self._ledger, self._board, self._submit)
        self._active: dict[int, Active] = {}
        self._jobs = 0
        self._stopped: list[str] = []
        self._unstopped: list[str] = []
        self._interrupted_at: float | None = None
        self._leaving = threading.Event()

    def interrupt(self) -> None:
        """Ask the run to detach: nothing new is launched, what runs goes on without us."""
        self._workers.post(INTERRUPT)

    def go(self) -> RunReport:
        """Carry the plan out. Raises TaskspecError when the run as a whole cannot go on; the state is safe then too."""
        began = self.tools.clock()
        try:
            self._begin()
            while not self._is_over:
                self._schedule()
                self._ledger.flush()
                self._take_answers()
            return self._finish(began)
        finally:
            self._leaving.set()
            self._workers.close()

    def _begin(self) -> None:
        self._launching.register_folders()
        self.tools.listener.on(RunBegan(self.run, self.plan, self.tools.pace.parallelism))
        actions = {str(action): count for action, count in self.plan.counts.items() if count}
        self._ledger.write(Event(EventKind.RUN_STARTED, body={"actions": actions, "server": self.plan.server}))
        for stop in self.plan.stops:
            if stop.observed is not None:
                self._submit(("stop", stop), self._stopper(stop.observed.task_id))
        for planned in (*self.plan.tasks, *self.plan.stops):
            for twin in planned.observed.twins if planned.observed is not None else ():
                self._submit(("twin", planned, twin), self._stopper(twin))

    @property
    def _is_over(self) -> bool:
        if self._interrupted_at is not None:
            starting = any(active.task_id is None for active in self._active.values())
            late = self.tools.clock() - self._interrupted_at > self.tools.pace.detach_within
            return late or not starting
        return self._frontier.is_done and self._jobs == 0 and self._ledger.is_empty

    def _finish(self, began: float) -> RunReport:
        for active in self._active.values():
            self._board.end(self._ended(active, Outcome.RUNNING, "goes on without us; the next apply attaches"))
        report = RunReport(
            run=self.run,
            tasks=self._board.partition(task.address for task in self.plan.tasks),
            results=self._results(),
            seconds=self.tools.clock() - began,
            detached=self._interrupted_at is not None,
            stopped=tuple(self._stopped),
            unstopped=tuple(self._unstopped),
        )
        self._ledger.write(Event(EventKind.RUN_ENDED, body={"counts": report.counts, "detached": report.detached}))
        self._ledger.flush()
        self.tools.listener.on(RunEnded(report))
        return report

    def _results(self) -> dict[str, Json]:
        try:
            return final_results(self.tools.evaluator)
        except SpecError:
            return {}

    def _schedule(self) -> None:
        while self._has_room and (node := self._frontier.pop()) is not None:
            self._take_turn(node, self._tasks[node])

    @property
    def _has_room(self) -> bool:
        return self._interrupted_at is None and len(self._active) < self.tools.pace.parallelism

    def _take_answers(self) -> None:
        """Wait for an answer or until a poll is due, then take in all that is there."""
        busy = self._is_over or not self._ledger.is_empty or (self._has_room and self._frontier.has_free)
        limit = 0.1 if self._interrupted_at is not None else _IDLE_SECONDS
        answer = self._workers.next(0 if busy else self._watch.seconds_left(limit))
        while answer is not None:
            self._take(answer)
            answer = self._workers.next(0)
        self._watch.ask_if_due()

    def _take_turn(self, node: int, planned: PlannedTask) -> None:
        match planned.action:
            case Action.KEEP:
                self._keep(node, planned)
            case Action.PUBLISH:
                self._keep(node, planned)
                if planned.previous is not None:
                    self._publisher.again(self._instance(node), planned, planned.previous)
            case Action.ATTACH:
                self._attach(node, planned)
            case _:
                self._launch(node, planned)

    def _keep(self, node: int, planned: PlannedTask) -> None:
        if planned.previous is not None:
            self._show(node, planned.previous.task_id, planned.previous.results)
            self._board.keep(planned.address, planned.previous.task_id)
        self._frontier.succeed(node)

    def _attach(self, node: int, planned: PlannedTask) -> None:
        record, observed = planned.previous, planned.observed
        if record is None or observed is None:
            raise AssertionError("a plan attaches only to a launch that was seen")
        if record.task_id is None:
            body = {"task_id": observed.task_id, "adopted": True, "twins": list(observed.twins)}
            self._ledger.write(Event(EventKind.STARTED, planned.address, record.key, body))
        self._active[node] = Active(planned, record.key, self.tools.clock(), observed.task_id)
        self._watch.add(node, observed.task_id, self.tools.server.workspace(record.inputs.get("workspace")))
        self.tools.listener.on(LaunchStarted(planned.address, observed.task_id, adopted=True))

    def _launch(self, node: int, planned: PlannedTask) -> None:
        active = Active(planned, "", self.tools.clock())
        try:
            request = self._launching.final_request(planned)
            if planned.only_if_changed and _has_fingerprint(planned.previous, request.fingerprint):
                self._keep(node, planned)
                return
            prepared = self._launching.prepare(planned, request)
        except TaskspecError as error:
            self._active[node] = active
            self._fail(node, words(error))
            return
        active.key = prepared.order.key
        self._active[node] = active
        if planned.replaces_running and planned.observed is not None:
            self._submit(("replace", node, prepared), self._stopper(planned.observed.task_id))
        else:
            self._send(node, prepared)

    def _send(self, node: int, prepared: Prepared) -> None:
        self._ledger.write(prepared.intent)
        starter = Starter(self.tools.server.api, self.tools.clock, self._pause, self.tools.pace.settle)
        call = partial(starter.start, prepared.order)
        self._ledger.then(partial(self._submit, ("start", node, prepared), call))

    def _take(self, answer: Answer) -> None:
        if answer.tag == INTERRUPT:
            self._interrupted_at = self._interrupted_at or self.tools.clock()
            self._leaving.set()
            return
        if answer.tag == POLL:
            for ending in self._watch.take(answer):
                self._end(ending)
            return
        self._jobs -= 1
        match answer.tag:
            case ("start", int(node), Prepared() as prepared):
                self._take_start(node, prepared, answer)
            case ("replace", int(node), Prepared() as prepared):
                self._take_replaced(node, prepared, answer)
            case ("stop", PlannedTask() as planned):
                self._take_stopped(planned, answer)
            case ("twin", PlannedTask() as planned, int(twin)):
                fate = f"could not be stopped: {words(answer.error)}" if answer.error is not None else "was stopped"
                self._board.notice(planned.address, f"started more than once; the later launch {twin} {fate}")
            case ("publish", Publication() as publication):
                self._publisher.took(publication, answer)
            case ("log", TaskEnded() as ended):
                self._board.end(replace(ended, log_tail=answer.value if isinstance(answer.value, tuple) else ()))

    def _take_start(self, node: int, prepared: Prepared, answer: Answer) -> None:
        active = self._active[node]
        address = active.planned.address
        if isinstance(answer.value, StartDone):
            done = answer.value
            body = {"task_id": done.task_id, "adopted": done.adopted, "twins": list(done.twins)}
            self._ledger.write(Event(EventKind.STARTED, address, active.key, body))
            active.task_id = done.task_id
            self._watch.add(node, done.task_id, prepared.order.workspace)
            self.tools.listener.on(LaunchStarted(address, done.task_id, done.adopted))
            if done.twins:
                self._board.notice(address, f"started more than once; stopped the later launches {list(done.twins)}")
            return
        if isinstance(answer.error, Refused | NotSent):
            self._ledger.write(Event(EventKind.REFUSED, address, active.key, {"message": answer.error.message}))
        if not isinstance(answer.error, Interrupted):
            self._fail(node, words(answer.error))

    def _take_replaced(self, node: int, prepared: Prepared, answer: Answer) -> None:
        if self._interrupted_at is not None or isinstance(answer.error, Interrupted):
            self._active.pop(node)
        elif answer.error is not None:
            self._fail(node, f"the launch to replace could not be stopped: {words(answer.error)}")
        else:
            self._send(node, prepared)

    def _take_stopped(self, planned: PlannedTask, answer: Answer) -> None:
        if answer.error is not None or planned.previous is None:
            self._unstopped.append(planned.address)
            self._board.notice(planned.address, f"could not be stopped: {words(answer.error)}")
            return
        body = {"outcome": Outcome.STOPPED, "summary": "stopped: no longer in the spec", "results": {}}
        self._ledger.write(Event(EventKind.ENDED, planned.address, planned.previous.key, body))
        self._stopped.append(planned.address)
        self._board.notice(planned.address, "stopped: it is no longer in the spec")

    def _end(self, ending: Ending) -> None:
        active, verdict = self._active[ending.node], ending.verdict
        body = {"outcome": verdict.outcome, "summary": verdict.summary, "results": dict(verdict.results)}
        self._ledger.write(Event(EventKind.ENDED, active.planned.address, active.key, body))
        if ending.info is not None:
            instance = self._instance(ending.node)
            self._publisher.after_end(instance, active.planned, active.key, verdict, ending.info)
        if verdict.outcome is not Outcome.SUCCEEDED:
            self._fail(ending.node, verdict.summary, verdict.outcome)
            return
        self._close(ending.node)
        self._show(ending.node, active.task_id, verdict.results)
        self._board.end(self._ended(active, Outcome.SUCCEEDED))
        self._frontier.succeed(ending.node)

    def _fail(self, node: int, summary: str, outcome: Outcome = Outcome.FAILED) -> None:
        active = self._active[node]
        self._close(node)
        ended = self._ended(active, outcome, summary)
        if active.task_id is None:
            self._board.end(ended)
        else:
            self._submit(("log", ended), partial(log_tail, self.tools.server.api, active.task_id))
        for skipped, _ in self._frontier.fail(node):
            cause = active.planned.address
            why = (
                f'needs "{cause}", which {outcome}'
                if outcome is Outcome.FAILED
                else f'needs "{cause}", which was {outcome}'
            )
            self._board.end(TaskEnded(self._tasks[skipped].address, Outcome.SKIPPED, summary=why, because_of=cause))

    def _close(self, node: int) -> None:
        self._active.pop(node)
        self._watch.remove(node)

    def _ended(self, active: Active, outcome: Outcome, summary: str = "") -> TaskEnded:
        seconds = self.tools.clock() - active.began
        return TaskEnded(active.planned.address, outcome, active.task_id, summary, seconds)

    def _show(self, node: int, task_id: int | None, results: Json) -> None:
        """Let tasks further down see a launch."""
        instance = self._instance(node)
        view = TaskView(instance.address, task_id, results)
        self.tools.evaluator.tasks.put(instance.task.name, instance.key, view)

    def _instance(self, node: int) -> Instance:
        return self.plan.expansion.instances[node]

    def _stopper(self, task_id: int) -> Callable[[], None]:
        return partial(stop_and_wait, self.tools.server.api, task_id, self.tools.clock, self._pause)

    def _submit(self, tag: object, call: Callable[[], object]) -> None:
        self._jobs += 1
        self._workers.submit(tag, call)

    def _pause(self, seconds: float) -> None:
        """Sleep inside a worker; raises Interrupted as soon as the run is ending."""
        if self._leaving.wait(seconds):
            raise Interrupted


def _has_fingerprint(record: Record | None, fingerprint: str | None) -> bool:
    return record is not None and record.fingerprint == fingerprint
