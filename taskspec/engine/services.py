"""Services of a run: up once they are ready, watched while they are used, stopped after their last user.

launched ─▶ rising ─▶ up ─▶ stopped │ left up
               │       └──▶ died: later users are skipped, calls in flight are told
               └──▶ failed, like any launch
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from taskspec.api import LaunchStatus, TaskInfo
from taskspec.engine.endings import Endings
from taskspec.engine.events import StatusChanged, TaskEnded, words
from taskspec.engine.evidence import Looked
from taskspec.engine.leaving import OnInterrupt
from taskspec.engine.leftovers import Leftovers
from taskspec.engine.progress import Active, Lifeline, Progress
from taskspec.engine.publish import Publisher
from taskspec.engine.readiness import ready_info
from taskspec.engine.skipping import tell
from taskspec.engine.verdict import Verdict, fallen, judge_ready
from taskspec.engine.watch import Ending
from taskspec.engine.workers import Answer
from taskspec.plan.model import Action, PlannedTask
from taskspec.plan.services import users
from taskspec.spec.kinds import ServiceRule
from taskspec.state.model import Event, EventKind, Outcome
from taskspec.values import ServiceId

AFTER_LAST_USER = "stopped after its last user"
NEVER_READY = "stopped before it was ready: no task needs it any more"
LEFT_UP = "up, and left up"


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask a service whether it is up, or look for results of one that is."""

    node: int
    task_id: int


@dataclass(frozen=True, slots=True)
class StopUnused:
    """Stop a service after its last user."""

    node: int


@dataclass(frozen=True, slots=True)
class StopOverdueService:
    """Stop a service that was up and is past a deadline."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Stop a service that no task needs before it is up."""

    node: int


@dataclass(slots=True)
class Up:
    """A service that is ready. `verdict` holds its results; `is_stopping` once its stop was asked for."""

    active: Active
    verdict: Verdict
    is_stopping: bool = False


@dataclass(slots=True)
class Services:
    """Looks after the services of one run. Costs nothing where a plan has none."""

    progress: Progress
    endings: Endings
    publisher: Publisher
    up: dict[int, Up] = field(default_factory=dict)
    leftovers: Leftovers = field(init=False)
    _users: dict[int, list[int]] = field(default_factory=dict)
    _open_users: dict[int, list[int]] = field(default_factory=dict)
    _asked: set[int] = field(default_factory=set)
    _dismissed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._meet_users()

    def _meet_users(self) -> None:
        progress = self.progress
        self.leftovers = Leftovers(progress)
        for node in progress.tasks:
            if progress.instance(node).task.service is not None:
                found = [user for user in users(progress.plan.expansion.graph, node) if user in progress.tasks]
                self._users[node], self._open_users[node] = found, list(found)
                progress.lifelines.setdefault(node, Lifeline())

    def renumber(self, nodes: Mapping[int, int]) -> None:
        """Go on under other numbers, with the users of a plan that has more instances. No call is out."""
        self.up = {nodes[node]: up for node, up in self.up.items()}
        for up_node, up in self.up.items():
            up.active.planned = self.progress.tasks[up_node]
            self.progress.admission.resume(up_node)
        self._users.clear()
        self._open_users.clear()
        self._meet_users()

    @property
    def is_busy(self) -> bool:
        """Whether a service is up, so that the run is not over."""
        return bool(self.up)

    @property
    def is_stopping(self) -> bool:
        """Whether a stop is on its way."""
        return bool(self._dismissed) or self.leftovers.is_stopping or any(up.is_stopping for up in self.up.values())

    def look(self) -> None:
        """After a poll: ask each launched service that is not up yet whether it is."""
        if not self._users or self.progress.leaving.gone.is_set():
            return
        for awaited in list(self.progress.watch.waiter.launches.values()):
            node, active = awaited.node, self.progress.active.get(awaited.node)
            if awaited.is_rising and awaited.is_answerable and node not in self._asked and active is not None:
                self._asked.add(node)
                level = self._rule(node).ready
                call = partial(ready_info, self.progress.tools.server.api, awaited.task_id, level)
                self.progress.submit(Probe(node, awaited.task_id), call)

    def settle(self) -> None:
        """End every service whose last user has ended, and every older launch that one which is up replaces."""
        for node in self._users:
            if node in self.up:
                self._settle_up(node, self.up[node])
            elif self._is_rising(node) and not self.is_used(node):
                self._dismiss(node, self.progress.active[node])
            self._retire(node)

    def is_used(self, node: int) -> bool:
        """Whether a user has still to end; once the run is ending, only those that run count."""
        if self.progress.leaving.is_asked:
            here = {*self.progress.active, *self.up}
            return any(user in here or self._goes_on(user) for user in self._users[node])
        waiting = self._open_users[node]
        while waiting and self.progress.board.has(self.progress.tasks[waiting[-1]].address):
            waiting.pop()
        return bool(waiting)

    def _goes_on(self, user: int) -> bool:
        """Whether a launch of an earlier run goes on without us: its turn to be attached to has not come."""
        planned = self.progress.tasks[user]
        if self.progress.leaving.mode is not OnInterrupt.DETACH or planned.action is not Action.ATTACH:
            return False
        is_running = planned.observed is not None and not planned.observed.is_terminal
        return is_running and not self.progress.board.has(planned.address)

    def begin(self, node: int, planned: PlannedTask) -> bool:
        """Take the turn of a service that is not to be launched; whether there was nothing to launch."""
        if planned.action is Action.KEEP:
            self.progress.admission.release(node)
            self.progress.board.keep(planned.address, planned.previous.task_id if planned.previous else None)
            tell(self.progress, self.progress.frontier.succeed(node))
        elif planned.action is Action.STOP or not self._may_be_needed(node):
            self.leftovers.clear(node, planned)
        else:
            return False
        return True

    def _may_be_needed(self, node: int) -> bool:
        """Whether a user has still to end; a service that is kept, or was asked for by name, needs none."""
        return self.is_used(node) or self._rule(node).keep or not self._users[node]

    def take(self, ending: Ending) -> None:
        """A service that was up has ended, or has to."""
        up = self.up[ending.node]
        if up.is_stopping:
            return
        if ending.must_stop and up.active.task_id is not None and not up.active.reused:
            up.is_stopping = True
            call = self.leftovers.stopper(up.active.task_id)
            self.progress.submit(StopOverdueService(ending), call)
        else:
            self.died(ending)

    def dead(self, node: int) -> str:
        """Why a task cannot begin: a service it needs has died. Empty while all is well."""
        for service, found in self._users.items():
            if node in found and self.progress.lifelines[service].cut.is_set():
                return self.progress.lifelines[service].words
        return ""

    def leave(self) -> Iterator[TaskEnded]:
        """Services that go on without us."""
        for up in self.up.values():
            words_ = "goes on without us; the next apply takes it over, or stops it"
            yield self.progress.ended(up.active, Outcome.RUNNING, words_)

    def _is_rising(self, node: int) -> bool:
        return node in self.progress.active and node not in self._dismissed and not self.leftovers.has(node)

    def _rule(self, node: int) -> ServiceRule:
        rule = self.progress.instance(node).task.service
        if rule is None:
            raise AssertionError("only services are looked after here")
        return rule

    def took_ready(self, node: int, task_id: int, answer: Answer) -> None:
        self._asked.discard(node)
        active = self.progress.active.get(node)
        if active is None or active.task_id != task_id or node in self._dismissed:
            return
        if answer.error is not None:
            raise answer.error
        looked = answer.value
        info, found = (looked.info, looked.findings) if isinstance(looked, Looked) else (looked, {})
        if isinstance(info, TaskInfo):
            tools = self.progress.tools
            verdict = judge_ready(tools.evaluator, self.progress.instance(node), info, found)
            if verdict.wants:
                self._asked.add(node)
                wants = {*verdict.wants, *found}
                self.progress.submit(Probe(node, task_id), partial(tools.look, tools.server.api, info, wants))
            elif verdict.outcome is Outcome.SUCCEEDED:
                self._rise(node, active, verdict, info)
            elif not verdict.may_improve or not self.progress.watch.bears(node):
                self.progress.watch.give_up(node)
                self.endings.take(Ending(node, verdict, info, must_stop=not active.reused))

    def _rise(self, node: int, active: Active, verdict: Verdict, info: TaskInfo) -> None:
        progress, address = self.progress, active.planned.address
        progress.ledger.write(Event(EventKind.READY, address, active.key, {"results": dict(verdict.results)}))
        progress.active.pop(node)
        progress.watch.risen(node)
        self.up[node] = Up(active, verdict)
        progress.show(node, ServiceId(info.id, address, active.fingerprint), verdict.results)
        progress.tools.listener.on(StatusChanged(address, info.id, "ready"))
        self.publisher.after_end(progress.instance(node), active.planned, active.key, verdict, info)
        tell(progress, progress.frontier.succeed(node))
        self.leftovers.retire(node)

    def _settle_up(self, node: int, up: Up) -> None:
        if up.is_stopping or self.is_used(node):
            return
        if self._rule(node).keep or up.active.reused:
            why = "reused" if up.active.reused else "keep"
            self._down(node)
            self.progress.board.end(self.progress.ended(up.active, Outcome.SUCCEEDED, f"{LEFT_UP} ({why})"))
        elif up.active.task_id is not None:
            up.is_stopping = True
            self.progress.watch.remove(node)
            self.progress.submit(StopUnused(node), self.leftovers.stopper(up.active.task_id))

    def took_stopped(self, node: int, answer: Answer) -> None:
        dead = self._found_dead(node, answer.value)
        if dead is not None:
            self.died(Ending(node, fallen(dead, was_up=True), dead))
            return
        up = self._down(node)
        address, board = up.active.planned.address, self.progress.board
        if answer.error is not None:
            self.leftovers.unstopped.append(address)
            summary = f"could not be stopped: {words(answer.error)}; the next apply tries again"
            board.end(self.progress.ended(up.active, Outcome.RUNNING, summary))
            return
        body = {"outcome": Outcome.SUCCEEDED, "summary": AFTER_LAST_USER, "results": dict(up.verdict.results)}
        self.progress.ledger.write(Event(EventKind.ENDED, address, up.active.key, body))
        board.end(self.progress.ended(up.active, Outcome.SUCCEEDED, AFTER_LAST_USER))

    def _found_dead(self, node: int, found: object) -> TaskInfo | None:
        """What it was, where it turns out, when it is to be stopped, that it has died and taken a user with it."""
        if not isinstance(found, TaskInfo) or found.status is not LaunchStatus.ERROR:
            return None
        return found if any(self.progress.frontier.failed(user) for user in self._users[node]) else None

    def died(self, ending: Ending) -> None:
        """It ended while tasks were still to use it: those that run go on, later ones are skipped."""
        progress, verdict = self.progress, ending.verdict
        up = self._down(ending.node)
        address = up.active.planned.address
        body = {"outcome": verdict.outcome, "summary": verdict.summary, "results": dict(up.verdict.results)}
        progress.ledger.write(Event(EventKind.ENDED, address, up.active.key, body))
        if ending.info is not None:
            self.publisher.after_end(
                progress.instance(ending.node), up.active.planned, up.active.key, verdict, ending.info
            )
        progress.lifelines[ending.node].break_off(f'service "{address}" died: {verdict.summary}')
        ended = progress.ended(up.active, verdict.outcome, verdict.summary)
        progress.end_with_log(ended)
        tell(progress, progress.frontier.lose(ending.node), what="died")

    def _down(self, node: int) -> Up:
        """It is up no longer, or no longer ours to watch; its slots are free."""
        self.progress.watch.remove(node)
        self.progress.admission.release(node)
        return self.up.pop(node)

    def _dismiss(self, node: int, active: Active) -> None:
        """All users have ended before it was up."""
        if active.task_id is None or (self._may_be_needed(node) and not self.progress.leaving.is_asked):
            return
        if self._rule(node).keep and self.progress.leaving.mode is not OnInterrupt.STOP:
            return
        self._dismissed.add(node)
        self.progress.watch.remove(node)
        call = (lambda: None) if active.reused else self.leftovers.stopper(active.task_id)
        self.progress.submit(Dismiss(node), call)

    def took_dismissed(self, node: int, answer: Answer) -> None:
        self._dismissed.discard(node)
        self.progress.admission.release(node)
        active = self.progress.active.pop(node)
        tell(self.progress, self.progress.frontier.succeed(node))
        ended = self.progress.ended(active, Outcome.SKIPPED, NEVER_READY)
        if answer.error is not None:
            self.leftovers.unstopped.append(ended.address)
            ended = replace(ended, outcome=Outcome.RUNNING, summary=f"could not be stopped: {words(answer.error)}")
        elif not active.reused:
            body = {"outcome": Outcome.STOPPED, "summary": NEVER_READY, "results": {}}
            self.progress.ledger.write(Event(EventKind.ENDED, ended.address, active.key, body))
        self.progress.board.end(ended)

    def _retire(self, node: int) -> None:
        """Stop what the new launch was to replace, where that will not be up and nothing is to be kept."""
        if self.progress.board.has(self.progress.tasks[node].address) and not self._rule(node).keep:
            self.leftovers.retire(node)
