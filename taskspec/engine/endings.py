"""A task has come to its end: recorded, told, passed on downstream; or it gets another try."""

from __future__ import annotations

from dataclasses import dataclass

from taskspec.engine.events import words
from taskspec.engine.progress import Active, Progress
from taskspec.engine.publish import Publisher
from taskspec.engine.retries import Again, pause
from taskspec.engine.skipping import end_all, hide, tell
from taskspec.engine.watch import Ending
from taskspec.engine.workers import Answer
from taskspec.spec.endurance import FailureKind, How
from taskspec.spec.kinds import RunOn
from taskspec.state.model import Event, EventKind, Outcome


@dataclass(frozen=True, slots=True)
class StopOverdue:
    """Stop a launch that is past its deadline."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class StopRunning:
    """Stop a launch because the run is ending."""

    node: int


@dataclass(slots=True)
class Endings:
    """Ends tasks, each with one outcome."""

    progress: Progress
    publisher: Publisher

    def take(self, ending: Ending) -> None:
        """What the watch has seen; a launch past its deadline is stopped before it counts as ended."""
        task_id = self.progress.active[ending.node].task_id
        if ending.must_stop and task_id is not None:
            self.progress.submit(StopOverdue(ending), self.progress.stopper(task_id))
        else:
            self._end(ending)

    def took_overdue(self, ending: Ending, answer: Answer) -> None:
        """A launch past its deadline has been stopped, or could not be."""
        active = self.progress.active.get(ending.node)
        if active is None:
            return
        if answer.error is not None:
            message = f"past its deadline, and not stopped: {words(answer.error)}"
            self.progress.board.notice(active.planned.address, message)
        self._end(ending)

    def halt(self, node: int) -> None:
        """Stop a launch because the run is ending; the next poll sees its end."""
        task_id = self.progress.active[node].task_id
        if task_id is not None:
            self.progress.submit(StopRunning(node), self.progress.stopper(task_id))

    def took_halted(self, node: int, answer: Answer) -> None:
        active = self.progress.active.get(node)
        if active is not None and answer.error is not None:
            self.progress.close(node)
            summary = f"could not be stopped: {words(answer.error)}"
            self.progress.board.end(self.progress.ended(active, Outcome.RUNNING, summary))

    def _end(self, ending: Ending) -> None:
        progress, verdict = self.progress, ending.verdict
        active, instance = progress.active[ending.node], progress.instance(ending.node)
        body = {"outcome": verdict.outcome, "summary": verdict.summary, "results": dict(verdict.results)}
        progress.ledger.write(Event(EventKind.ENDED, active.planned.address, active.key, body))
        if ending.info is not None:
            self.publisher.after_end(instance, active.planned, active.key, verdict, ending.info)
        if verdict.outcome is not Outcome.SUCCEEDED:
            self.fail(ending.node, verdict.summary, verdict.outcome, verdict.kind)
            return
        progress.close(ending.node)
        progress.show(ending.node, active.task_id, verdict.results)
        progress.board.end(progress.ended(active, Outcome.SUCCEEDED, progress.remarks.get(ending.node, "")))
        tell(progress, progress.frontier.succeed(ending.node))

    def fail(self, node: int, summary: str, outcome: Outcome = Outcome.FAILED, kind: FailureKind | None = None) -> None:
        """The task failed: it is tried again where its rule says so, else everything that needs it is skipped."""
        progress = self.progress
        active = progress.active[node]
        progress.close(node)
        task = progress.instance(node).task
        is_last = progress.leaving.is_asked or (progress.is_ending and task.run_on is RunOn.SUCCESS)
        wait = None if is_last else pause(task, kind, active.tries, active.key)
        if wait is None:
            self._give_up(node, active, summary, outcome)
            return
        restart = active.task_id if task.retry.how is How.RESTART else None
        due = progress.tools.clock() + wait
        ended = progress.ended(active, outcome, summary)
        progress.retries.add(Again(due, node, active.tries, active.attempt, ended, active.key, restart))
        message = f"{summary}; try {active.tries + 1} of {task.retry.attempts} in {wait:.0f} s"
        progress.board.notice(active.planned.address, message)

    def _give_up(self, node: int, active: Active, summary: str, outcome: Outcome) -> None:
        progress = self.progress
        ended = progress.ended(active, outcome, summary)
        progress.end_with_log(ended)
        hide(progress, node, outcome, active.task_id)
        what = "failed" if outcome is Outcome.FAILED else f"was {outcome}"
        tell(progress, progress.frontier.fail(node), what=what)
        if progress.fails_fast and not progress.leaving.is_asked:
            end_all(progress, node)
