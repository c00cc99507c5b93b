"""Takes in what workers bring back: every kind of work a run can ask for has one case here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import assert_never

from taskspec.engine.calls import MakeCall
from taskspec.engine.endings import Endings, StopOverdue, StopRunning
from taskspec.engine.events import words
from taskspec.engine.leftovers import StopLeft, StopReplaced, gone
from taskspec.engine.progress import Progress, ReadLog, StopTwin, StopUnwanted
from taskspec.engine.publish import Kept, Publication, Publisher
from taskspec.engine.services import Dismiss, Probe, Services, StopOverdueService, StopUnused
from taskspec.engine.start import Interrupted
from taskspec.engine.starts import FindReusable, StartLaunch, StopFirst, Unprepared
from taskspec.engine.sweep import SweepTwins
from taskspec.engine.turns import RestartLaunch, Turns
from taskspec.engine.unfolding import PlanFurther, Unfolding
from taskspec.engine.watch import LookUp, Poll
from taskspec.engine.workers import Answer
from taskspec.plan.model import Planned, Reason


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The run was asked to end."""


@dataclass(frozen=True, slots=True)
class RegisterFolders:
    """Make folder apps startable before anything else happens."""


Question = Poll | LookUp | Unprepared | RegisterFolders | PlanFurther
"""Work that the end of a run does not wait for."""
Launching = StartLaunch | StopFirst | FindReusable | RestartLaunch | MakeCall | StopOverdue | StopRunning
ServiceWork = Probe | StopUnused | StopOverdueService | Dismiss | StopLeft | StopReplaced
Closing = StopTwin | StopUnwanted | Publication | Kept | SweepTwins | ReadLog
WorkItem = Question | Launching | ServiceWork | Closing


@dataclass(slots=True)
class Answers:
    """Hands each answer to the part of the run that asked for it.

    `stopped` and `unstopped` are unwanted tasks whose launches were stopped, or could not be.
    """

    progress: Progress
    turns: Turns
    endings: Endings
    services: Services
    publisher: Publisher
    unfolding: Unfolding
    stopped: list[str] = field(default_factory=list)
    unstopped: list[str] = field(default_factory=list)

    def take(self, answer: Answer) -> None:
        item = answer.tag
        if not isinstance(item, WorkItem):
            raise AssertionError(f"an answer to work that was never asked for: {item!r}")
        if isinstance(item, Question):
            self._take_question(item, answer)
            return
        self.progress.jobs -= 1
        if isinstance(item, Launching):
            self._take_launching(item, answer)
        elif isinstance(item, ServiceWork):
            self._take_service(item, answer)
        else:
            self._take_closing(item, answer)

    def _take_question(self, item: Question, answer: Answer) -> None:
        match item:
            case Poll():
                for ending in self.progress.watch.take(answer):
                    (self.services if ending.node in self.services.up else self.endings).take(ending)
                self.services.look()
            case LookUp(node, task_id):
                for ending in self.progress.watch.take_evidence(node, task_id, answer):
                    self.endings.take(ending)
            case Unprepared():
                self.turns.starts.took_facts(item, answer)
            case RegisterFolders():
                pass  # the run had begun to end before
            case PlanFurther():
                self.unfolding.took_plan(answer)
                for waiting in self.unfolding.held_back():
                    self.take(waiting)
            case _:
                assert_never(item)

    def _take_launching(self, item: Launching, answer: Answer) -> None:
        match item:
            case StartLaunch(node, prepared):
                self.turns.starts.took_start(node, prepared, answer)
            case StopFirst(node, prepared):
                self.turns.starts.took_replaced(node, prepared, answer)
            case FindReusable(node, prepared):
                self.turns.starts.took_reusable(node, prepared, answer)
            case RestartLaunch(again):
                self.turns.took_restarted(again, answer)
            case MakeCall(address):
                self.turns.calls.took(self.turns.calls.find(address), answer)
            case StopOverdue(ending):
                self.endings.took_overdue(ending, answer)
            case StopRunning(node):
                self.endings.took_halted(node, answer)
            case _:
                assert_never(item)

    def _take_service(self, item: ServiceWork, answer: Answer) -> None:
        match item:
            case Probe(node, task_id):
                self.services.took_ready(node, task_id, answer)
            case StopUnused(node):
                self.services.took_stopped(node, answer)
            case StopOverdueService(ending):
                self.services.died(ending)
            case Dismiss(node):
                self.services.took_dismissed(node, answer)
            case StopLeft(node):
                self.services.leftovers.took_cleared(node, answer)
            case StopReplaced(node, key, task_id):
                self.services.leftovers.took_retired(node, key, task_id, answer)
            case _:
                assert_never(item)

    def _take_closing(self, item: Closing, answer: Answer) -> None:
        """Answers about launches that are over, or that should not be."""
        match item:
            case StopTwin(planned, task_id):
                fate = f"could not be stopped: {words(answer.error)}" if answer.error is not None else "was stopped"
                message = f"started more than once; the later launch {task_id} {fate}"
                self.progress.board.notice(planned.address, message)
            case StopUnwanted(planned):
                self._took_stopped(planned, answer)
            case Publication():
                self.publisher.took(item, answer)
            case Kept():
                self.publisher.took_kept(item, answer)
            case SweepTwins():
                self._took_sweep(answer)
            case ReadLog(ended):
                tail = answer.value if isinstance(answer.value, tuple) else ()
                self.progress.board.end(replace(ended, log_tail=tail))
            case _:
                assert_never(item)

    def _took_sweep(self, answer: Answer) -> None:
        """The last look for late launches is done; a run that ends meanwhile leaves it to the next."""
        if answer.error is not None and not isinstance(answer.error, Interrupted):
            raise answer.error
        for address, what in answer.value if isinstance(answer.value, list) else ():
            self.progress.board.notice(address, what)

    def _took_stopped(self, planned: Planned, answer: Answer) -> None:
        """A launch that is not wanted any more has been stopped, or could not be."""
        board = self.progress.board
        if answer.error is not None or planned.previous is None:
            self.unstopped.append(planned.address)
            board.notice(planned.address, f"could not be stopped: {words(answer.error)}")
            return
        why = "no longer in the spec" if planned.reason is Reason.NOT_IN_SPEC else "its condition is false"
        for event in gone(planned, f"stopped: {why}"):
            self.progress.ledger.write(event)
        self.stopped.append(planned.address)
        board.notice(planned.address, f"stopped: {why}")
