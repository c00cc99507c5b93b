"""Carries out a plan: one loop over one queue of answers.

    schedule what is free → make intents and results durable → send → wait for the next answer → take it in

Everything is decided and written in this one thread; workers only talk to the server. Nothing is sent before its
intent is durable, and nothing is waited for before its task id is.
"""

from __future__ import annotations

import uuid
from functools import partial

from taskspec.engine.answers import Answers, Interrupt, RegisterFolders
from taskspec.engine.discretion import DiscreetJournal
from taskspec.engine.endings import Endings
from taskspec.engine.events import RunBegan, RunEnded, RunReport, TaskEnded
from taskspec.engine.frontier import Frontier
from taskspec.engine.launching import Launching
from taskspec.engine.leaving import Leaving, OnInterrupt
from taskspec.engine.ledger import Ledger
from taskspec.engine.progress import Active, Progress, StopTwin, StopUnwanted
from taskspec.engine.publish import Publisher
from taskspec.engine.retries import Again
from taskspec.engine.scoreboard import Scoreboard
from taskspec.engine.services import Services
from taskspec.engine.skipping import rules_of, tell
from taskspec.engine.sweep import Sweep, SweepTwins
from taskspec.engine.tools import Tools
from taskspec.engine.turns import Turns
from taskspec.engine.unfolding import Unfolding
from taskspec.engine.watch import Watch
from taskspec.engine.workers import Answer
from taskspec.errors import SpecError
from taskspec.plan.model import Plan
from taskspec.plan.planner import final_results
from taskspec.spec.endurance import FailureKind
from taskspec.state.model import Event, EventKind, Outcome
from taskspec.values import Json

_IDLE_SECONDS = 5.0
_WORKER_LIMIT = 16


class Apply:
    """One run of a plan. `interrupt` may be called from a signal handler; everything else belongs to one thread."""

    def __init__(self, plan: Plan, tools: Tools) -> None:
        self.plan = plan
        self.tools = tools
        self.run = uuid.uuid4().hex[:12]
        self._progress = begin(plan, tools, self.run)
        self._launching = Launching(plan, tools)
        progress = self._progress
        self._publisher = Publisher(tools, progress.ledger, progress.board, progress.submit)
        self._endings = Endings(progress, self._publisher)
        self._services = Services(progress, self._endings, self._publisher)
        self._turns = Turns(progress, self._launching, self._publisher, self._endings, self._services)
        self._unfolding = Unfolding(progress, self._launching, self._turns)
        self._answers = Answers(progress, self._turns, self._endings, self._services, self._publisher, self._unfolding)

    def interrupt(self) -> None:
        """Ask the run to end: nothing new is launched, and what runs is left, awaited or stopped, as was asked."""
        self._progress.leaving.signalled.set()
        self._progress.workers.post(Interrupt())

    def go(self) -> RunReport:
        """Carry the plan out. Raises TaskspecError when the run as a whole cannot go on; the state is safe then too."""
        began = self.tools.clock()
        try:
            self._register()
            self._begin()
            while not self._is_over:
                self._schedule()
                self._progress.ledger.flush()
                self._take_answers()
                self._services.settle()
            return self._finish(began)
        finally:
            self._progress.leaving.gone.set()
            self._progress.leaving.cut.set()
            self._progress.workers.close()

    def _register(self) -> None:
        """Make folder apps startable before anything else happens; an interrupt or the deadline ends the wait."""
        progress = self._progress
        progress.workers.submit(RegisterFolders(), partial(self._launching.register_folders, self.plan))
        while not progress.leaving.is_asked:
            answer = progress.workers.next(progress.leaving.seconds_left(self.tools.clock(), _IDLE_SECONDS))
            if answer is not None and isinstance(answer.tag, RegisterFolders):
                if answer.error is not None:
                    raise answer.error
                return
            if answer is not None and isinstance(answer.tag, Interrupt):
                self._leave()
            elif progress.leaving.has_passed(self.tools.clock()):
                self._leave(OnInterrupt.DETACH)

    def _begin(self) -> None:
        self.tools.listener.on(RunBegan(self.run, self.plan, self.tools.pace.parallelism))
        actions = {str(action): count for action, count in self.plan.counts.items() if count}
        body = {"actions": actions, "server": self.plan.server}
        self._progress.ledger.write(Event(EventKind.RUN_STARTED, body=body))
        if self._progress.leaving.is_asked:
            return
        for planned in (*self.plan.tasks, *self.plan.stops):
            for twin in planned.twins:
                self._progress.submit(StopTwin(planned, twin), self._progress.stopper(twin))
        for stop in self.plan.stops:
            self._progress.submit(StopUnwanted(stop), self._services.leftovers.stopper_of(stop))
        tell(self._progress, self._progress.frontier.skipped_at_once)

    @property
    def _is_over(self) -> bool:
        progress = self._progress
        is_busy = progress.jobs > 0 or not progress.ledger.is_empty
        if progress.leaving.is_asked:
            starting = self._services.is_stopping or any(a.task_id is None for a in progress.active.values())
            active = bool(progress.active) or is_busy or self._services.is_busy
            return progress.leaving.is_over(self.tools.clock(), starting=starting, active=active)
        return progress.frontier.is_done and not is_busy and not self._services.is_busy and not progress.sweep.is_due

    def _sweep_if_due(self) -> None:
        """Once all else is done, let a worker look for launches that came of a start which was sent again."""
        progress = self._progress
        is_done = progress.frontier.is_done and not self._services.is_busy and not progress.leaving.is_asked
        if progress.sweep.is_due and is_done and progress.jobs == 0:
            progress.sweep.is_due = False
            progress.submit(SweepTwins(), partial(progress.sweep.stop_twins, progress.pause))

    def _finish(self, began: float) -> RunReport:
        progress = self._progress
        for node in [node for node in progress.active if node in progress.calling]:
            self._turns.calls.give_up(node)
        for active in progress.active.values():
            progress.board.end(progress.ended(active, Outcome.RUNNING, "goes on without us; the next apply attaches"))
        for ended in self._services.leave():
            progress.board.end(ended)
        for again in progress.admission.give_up():
            address = progress.tasks[again.node].address
            progress.board.end(TaskEnded(address, Outcome.FAILED, summary="interrupted before its next try"))
        report = RunReport(
            run=self.run,
            tasks=progress.board.partition(task.address for task in progress.plan.tasks),
            results=self._results(),
            seconds=self.tools.clock() - began,
            detached=progress.leaving.is_asked,
            stopped=tuple(self._answers.stopped),
            unstopped=(*self._answers.unstopped, *self._services.leftovers.unstopped),
        )
        body = {"counts": report.counts, "detached": report.detached}
        progress.ledger.write(Event(EventKind.RUN_ENDED, body=body))
        progress.ledger.flush()
        self.tools.listener.on(RunEnded(report))
        return report

    def _results(self) -> dict[str, Json]:
        if self._unfolding.is_planning:
            return {}
        try:
            return final_results(self.tools.evaluator)
        except SpecError:
            return {}

    def _schedule(self) -> None:
        self._begin_turns()
        while self._gave_up():
            self._begin_turns()
        self._unfolding.go_on()
        self._sweep_if_due()

    def _gave_up(self) -> bool:
        """Fail a task that waits for slots which only services hold, that wait for it; whether there was one."""
        progress = self._progress
        if progress.goes_on() or progress.leaving.is_asked:
            return False
        progress.ledger.flush()
        progress.admission.look_again()
        self._begin_turns()
        stuck = progress.admission.stuck() if not progress.goes_on() else None
        if stuck is None:
            return False
        progress.active[stuck.node] = Active(progress.tasks[stuck.node], "", self.tools.clock())
        self._endings.fail(stuck.node, f"{stuck.words} (give it more)", kind=FailureKind.INPUTS)
        return True

    def _begin_turns(self) -> None:
        progress = self._progress
        if self._unfolding.is_planning:
            return
        while progress.has_room and (turn := progress.admission.next(self.tools.clock())) is not None:
            if isinstance(turn, Again):
                self._turns.try_again(turn)
            else:
                self._turns.take(turn)
        self._turns.calls.go_on()

    def _take_answers(self) -> None:
        """Wait for an answer, or until a poll or a try is due, then take in all that is there."""
        answer = self._progress.workers.next(self._seconds_to_wait())
        while answer is not None:
            self._take(answer)
            answer = self._progress.workers.next(0)
        if self._progress.leaving.has_passed(self.tools.clock()):
            self._leave(OnInterrupt.DETACH)
        self._progress.watch.ask_if_due()

    def _seconds_to_wait(self) -> float:
        progress, now = self._progress, self.tools.clock()
        if self._is_over or not progress.ledger.is_empty or (progress.has_room and progress.frontier.has_free):
            return 0.0
        limit = progress.leaving.seconds_left(now, self._turns.calls.seconds_left(now, _IDLE_SECONDS))
        if progress.has_room:
            limit = progress.retries.seconds_left(now, limit)
        return progress.watch.seconds_left(limit)

    def _leave(self, mode: OnInterrupt | None = None) -> None:
        """Begin to leave; with `stop`, ask every launch to stop, the youngest first."""
        leaving = self._progress.leaving
        if not leaving.ask(self.tools.clock(), mode):
            return
        self._turns.starts.leave()
        self._turns.calls.leave()
        for answer in self._unfolding.held_back():
            self._answers.take(answer)
        if leaving.mode is OnInterrupt.STOP:
            for node in reversed(list(self._progress.active)):
                self._endings.halt(node)

    def _take(self, answer: Answer) -> None:
        if isinstance(answer.tag, Interrupt):
            self._leave()
        elif not self._unfolding.holds_back(answer):
            self._answers.take(answer)


def begin(plan: Plan, tools: Tools, run: str) -> Progress:
    """The progress of a run that has not done anything yet."""
    tasks = {task.node: task for task in plan.tasks}
    pace, now = tools.pace, tools.clock()
    workers = tools.hands.workers(min(pace.parallelism, _WORKER_LIMIT) + 1)
    deadline = now + pace.deadline if pace.deadline is not None else None
    return Progress(
        plan=plan,
        tools=tools,
        frontier=Frontier(plan.expansion.graph, frozenset(tasks), rules_of(plan)),
        workers=workers,
        ledger=Ledger(DiscreetJournal(tools.store, tools.evaluator.secrets), run, tools.clock),
        watch=Watch(tools, plan.expansion.instances, workers),
        board=Scoreboard(tools.listener, tools.evaluator.secrets),
        leaving=Leaving(pace.on_interrupt, pace.detach_within, deadline),
        tasks=tasks,
        sweep=Sweep(tools),
    )
