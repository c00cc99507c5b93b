"""Watches running launches: polls, notices what changed, and passes a verdict on those that have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from taskspec.api import TaskInfo
from taskspec.engine.events import StatusChanged
from taskspec.engine.evidence import Looked
from taskspec.engine.refresh import known
from taskspec.engine.tools import Tools
from taskspec.engine.verdict import Verdict, fallen, judge
from taskspec.engine.waiter import MISSING_LIMIT, Awaited, Waiter
from taskspec.engine.workers import Answer, Crew
from taskspec.errors import ApiError, Unauthorized
from taskspec.spec.durations import show
from taskspec.spec.endurance import DEADLINE_OF, FailureKind, Stage
from taskspec.state.model import Outcome
from taskspec.template.instances import Instance

_STAGES = {"queued": Stage.QUEUED, "consumed": Stage.STARTING, "terminating": Stage.STOPPING}
"""Every other status that is not an end is running."""


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask for the status of every launch that runs."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look for what a launch has left elsewhere than in its output."""

    node: int
    task_id: int


@dataclass(frozen=True, slots=True)
class Ending:
    """A launch has come to its end. `info` is None when the server has lost it.

    `must_stop`: the end is ours, a deadline has passed; the launch itself still has to be stopped.
    """

    node: int
    verdict: Verdict
    info: TaskInfo | None
    must_stop: bool = False


@dataclass(slots=True)
class Watch:
    """All launches of a run that have started and not ended."""

    tools: Tools
    instances: tuple[Instance, ...]
    workers: Crew
    waiter: Waiter = field(init=False)
    _asking: bool = False
    _answered_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.waiter = Waiter(self.tools.pace.poll_shortest, self.tools.pace.poll_longest)
        self._answered_at = self.tools.clock()

    def add(self, node: int, task_id: int, workspace: int) -> None:
        now = self.tools.clock()
        if not self.waiter.launches:
            self._answered_at = now
        is_service = self.instances[node].task.service is not None
        self.waiter.add(Awaited(node, workspace, task_id, began=now, is_rising=is_service), now)

    def remove(self, node: int) -> None:
        self.waiter.remove(node)

    def renumber(self, instances: tuple[Instance, ...], nodes: Mapping[int, int]) -> None:
        """Go on with other instances; `nodes` leads from each old number to the new one."""
        self.instances = instances
        self.waiter.renumber(nodes)

    def risen(self, node: int) -> None:
        """A service is up; from here on any end of it is a failure."""
        self.waiter.launches[node].is_rising = False

    def bears(self, node: int) -> bool:
        """Whether a service that owes a result may go on owing it; one that may not is given up."""
        awaited = self.waiter.launches[node]
        awaited.is_given_up = not self._may_wait(awaited, self.tools.clock())
        return not awaited.is_given_up

    def give_up(self, node: int) -> None:
        """Its end is decided: what the server says of it is no news any more."""
        self.waiter.launches[node].is_given_up = True

    def seconds_left(self, limit: float) -> float:
        """How long the loop may sleep before the next poll is due."""
        if self._asking or not self.waiter.launches:
            return limit
        return min(limit, self.waiter.seconds_left(self.tools.clock()))

    def ask_if_due(self) -> None:
        """Send the poll when its time has come; one at a time."""
        if self._asking or not self.waiter.launches or self.waiter.seconds_left(self.tools.clock()) > 0:
            return
        self._asking = True
        wanted, api = self.waiter.by_workspace(), self.tools.server.api

        def ask() -> dict[int, TaskInfo]:
            found: dict[int, TaskInfo] = {}
            for workspace, ids in wanted.items():
                found.update(known(api, workspace, ids))
            return found

        self.workers.submit(Poll(), ask)

    def take(self, answer: Answer) -> Iterator[Ending]:
        """What a poll brought. Raises the error of a poll when the run cannot go on with it."""
        self._asking = False
        now = self.tools.clock()
        if answer.error is not None:
            self._bear(answer.error, now)
            return
        self._answered_at = now
        infos: Mapping[int, TaskInfo] = answer.value if isinstance(answer.value, dict) else {}
        news = False
        for awaited in list(self.waiter.launches.values()):
            info = infos.get(awaited.task_id)
            news = self._is_news(awaited, info) or news
            ending = self._lost(awaited) if info is None else self._ended(awaited, info, now)
            if ending is not None:
                yield ending
        self.waiter.asked(now, changed=news)

    def _bear(self, error: Exception, now: float) -> None:
        """Passing trouble is waited out; a lost permission or a long silence ends the run, launches go on."""
        passing = isinstance(error, ApiError) and not isinstance(error, Unauthorized)
        if not passing or now - self._answered_at > self.tools.pace.server_patience:
            raise error
        self.waiter.asked(now, changed=False)

    def _is_news(self, awaited: Awaited, info: TaskInfo | None) -> bool:
        if info is None or info.raw_status == awaited.status:
            return False
        awaited.status = info.raw_status
        address = self.instances[awaited.node].address
        self.tools.listener.on(StatusChanged(address, info.id, info.raw_status))
        return True

    def _lost(self, awaited: Awaited) -> Ending | None:
        awaited.missing += 1
        if awaited.missing < MISSING_LIMIT:
            return None
        summary = f"vanished: the server does not know launch {awaited.task_id} any more"
        return Ending(awaited.node, Verdict(Outcome.FAILED, summary, kind=FailureKind.VANISHED), None)

    def _ended(self, awaited: Awaited, info: TaskInfo, now: float) -> Ending | None:
        awaited.missing = 0
        if awaited.is_given_up or awaited.is_looking:
            return None
        if info.status is None or not info.status.is_terminal:
            stage = _STAGES.get(info.raw_status, Stage.RUNNING)
            awaited.enter(Stage.STARTING if awaited.is_rising and stage is Stage.RUNNING else stage, now)
            return self._overdue(awaited, info, now)
        if self.instances[awaited.node].task.service is not None:
            return Ending(awaited.node, fallen(info, was_up=not awaited.is_rising), info)
        verdict = judge(self.tools.evaluator, self.instances[awaited.node], info, awaited.found)
        if verdict.wants:
            awaited.is_looking = True
            call = partial(self.tools.look, self.tools.server.api, info, verdict.wants)
            self.workers.submit(LookUp(awaited.node, awaited.task_id), call)
            return None
        if verdict.may_improve and self._may_wait(awaited, now):
            awaited.found = {}
            return None
        return Ending(awaited.node, verdict, info)

    def take_evidence(self, node: int, task_id: int, answer: Answer) -> Iterator[Ending]:
        """What a look for results elsewhere brought; passing trouble is waited out, the next poll looks again."""
        awaited = self.waiter.launches.get(node)
        if awaited is None or awaited.task_id != task_id:
            return
        awaited.is_looking = False
        now = self.tools.clock()
        if isinstance(answer.value, Looked):
            awaited.found = {**awaited.found, **answer.value.findings}
            ending = self._ended(awaited, answer.value.info, now)
            if ending is not None:
                yield ending
        elif answer.error is not None:
            self._bear_blindness(awaited, answer.error, now)

    def _bear_blindness(self, awaited: Awaited, error: Exception, now: float) -> None:
        if awaited.blind_since is None:
            awaited.blind_since = now
        if not isinstance(error, ApiError) or now - awaited.blind_since > self.tools.pace.server_patience:
            raise error

    def _overdue(self, awaited: Awaited, info: TaskInfo, now: float) -> Ending | None:
        """The end of a launch that has been in one stage for too long; it has to be stopped first."""
        limit = self.instances[awaited.node].task.deadlines.limit(awaited.stage)
        if awaited.is_given_up or limit is None or now - awaited.stage_since <= limit:
            return None
        awaited.is_given_up = True
        summary = f"{awaited.stage} for more than {show(limit)} (status {info.raw_status})"
        verdict = Verdict(Outcome.FAILED, summary, kind=DEADLINE_OF[awaited.stage])
        return Ending(awaited.node, verdict, info, must_stop=awaited.stage is not Stage.STOPPING)

    def _may_wait(self, awaited: Awaited, now: float) -> bool:
        """Apps set their output late; a missing result has a while to arrive."""
        if awaited.settling_until is None:
            awaited.settling_until = now + self.tools.pace.results_grace
        return now < awaited.settling_until
