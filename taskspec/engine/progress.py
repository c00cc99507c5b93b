"""How far a run has come: what is active, what waits, what was said. One value that turns and endings work on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from taskspec.engine.admission import Admission
from taskspec.engine.events import TaskEnded
from taskspec.engine.frontier import Frontier, Rule
from taskspec.engine.leaving import Leaving
from taskspec.engine.ledger import Ledger
from taskspec.engine.logtail import log_tail
from taskspec.engine.retries import Retries
from taskspec.engine.scoreboard import Scoreboard
from taskspec.engine.start import Interrupted
from taskspec.engine.stopping import stop_and_wait
from taskspec.engine.sweep import Sweep
from taskspec.engine.tools import Tools
from taskspec.engine.watch import Watch
from taskspec.engine.workers import Crew
from taskspec.plan.model import Plan, Planned, PlannedTask
from taskspec.state.model import Outcome
from taskspec.template.instances import Instance
from taskspec.template.scope import TaskView
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class ReadLog:
    """Read the last lines of the log of a task that has ended."""

    ended: TaskEnded


@dataclass(frozen=True, slots=True)
class StopTwin:
    """Stop a second launch that came of one start."""

    planned: Planned
    task_id: int


@dataclass(frozen=True, slots=True)
class StopUnwanted:
    """Stop all that a task has running that is not wanted any more."""

    planned: Planned


@dataclass(slots=True)
class Active:
    """A task between its turn and its end. `key` ties its events to the launch attempt, `tries` counts this run's."""

    planned: PlannedTask
    key: str
    began: float
    task_id: int | None = None
    tries: int = 1
    attempt: int = 0
    fingerprint: str = ""
    reused: bool = False


@dataclass(slots=True)
class Lifeline:
    """Whether a service is still there for those that use it. A call may wait on `cut`, from any thread."""

    cut: threading.Event = field(default_factory=threading.Event)
    words: str = ""

    def break_off(self, words: str) -> None:
        """The service has died; `words` say how, for whoever used it."""
        self.words = words
        self.cut.set()


@dataclass(slots=True)
class Progress:
    """The state of one run, in one thread. Workers carry out calls; their answers come back tagged."""

    plan: Plan
    tools: Tools
    frontier: Frontier
    workers: Crew
    ledger: Ledger
    watch: Watch
    board: Scoreboard
    leaving: Leaving
    tasks: dict[int, PlannedTask]
    sweep: Sweep
    retries: Retries = field(default_factory=Retries)
    active: dict[int, Active] = field(default_factory=dict)
    calling: set[int] = field(default_factory=set)
    jobs: int = 0
    lifelines: dict[int, Lifeline] = field(default_factory=dict)
    replaced: dict[int, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    """By the node of a service: the start key of its new launch, and the launches to stop once that is up."""
    admission: Admission = field(init=False)
    unfolding: list[int] = field(default_factory=list)
    """Nodes whose instances are to be found out before anything else begins."""

    ended_by: str = ""
    """The address of the failure that has ended the run: nothing new begins but what runs on failure or always."""
    remarks: dict[int, str] = field(default_factory=dict)
    """What the report says of a task that succeeds."""

    def __post_init__(self) -> None:
        self.admission = Admission(self.plan, self.frontier, self.retries)

    @property
    def is_ending(self) -> bool:
        """Whether a failure has ended the run."""
        return bool(self.ended_by)

    @property
    def has_room(self) -> bool:
        """Whether another launch may begin; calls take no room from launches."""
        running = len(self.active) - len(self.calling)
        return not self.leaving.is_asked and not self.unfolding and running < self.tools.pace.parallelism

    def goes_on(self) -> bool:
        """Whether something will come to its end by itself; a service that is up will not."""
        return bool(self.active or self.jobs or self.unfolding or self.retries.is_waiting)

    @property
    def fails_fast(self) -> bool:
        """Whether the first failure ends the run."""
        asked = self.tools.pace.fail_fast
        return self.tools.evaluator.spec.fail_fast if asked is None else asked

    def instance(self, node: int) -> Instance:
        return self.plan.expansion.instances[node]

    def go_on_with(
        self, plan: Plan, rules: Mapping[int, Rule], up: Collection[str], waiting: Collection[int]
    ) -> dict[int, int]:
        """Go on with a plan that has more instances; what is under way goes on under its new number.

        `up` are services that have succeeded and not ended, `waiting` nodes whose turn came and that wait for room.
        Returns the new number by each old one.
        """
        number = {instance.address: node for node, instance in enumerate(plan.expansion.instances)}
        old = self.plan.expansion.instances
        tries = [replace(again, node=number[old[again.node].address]) for again in self.admission.give_up()]
        moved = {node: number[one.address] for node, one in enumerate(old) if one.address in number}
        self.unfolding = [number[old[node].address] for node in self.unfolding if old[node].address in number]
        self.active = {moved[node]: active for node, active in self.active.items()}
        self.watch.renumber(plan.expansion.instances, moved)
        self.plan = plan
        self.tasks = {task.node: task for task in plan.tasks}
        self.lifelines = {moved[node]: line for node, line in self.lifelines.items()}
        self.replaced = {moved[node]: replaced for node, replaced in self.replaced.items()}
        done = {*self.board.ended, *up}
        wanted = frozenset(task.node for task in plan.tasks if task.address not in done)
        under_way = frozenset(
            [*self.active, *(again.node for again in tries), *self.unfolding, *(moved[node] for node in waiting)]
        )
        self.calling = {moved[node] for node in self.calling}
        self.remarks = {moved[node]: remark for node, remark in self.remarks.items() if node in moved}
        past = self.frontier.so_far(moved)
        self.frontier = Frontier(plan.expansion.graph, wanted, rules, under_way, past)
        self.admission = Admission(plan, self.frontier, self.retries)
        for again in tries:
            self.retries.add(again)
        for node, active in self.active.items():
            active.planned = self.tasks[node]
            self.admission.resume(node)
        return moved

    def submit(self, tag: object, call: Callable[[], object]) -> None:
        """Let a worker do this; the answer comes back with the tag."""
        self.jobs += 1
        self.workers.submit(tag, call)

    def spawn(self, tag: object, call: Callable[[], object]) -> None:
        """Let a thread of its own do this; it may take hours."""
        self.jobs += 1
        self.workers.spawn(tag, call)

    def pause_call(self, seconds: float) -> None:
        """Sleep inside a call; raises Interrupted as soon as calls have to end."""
        if self.tools.hands.sleep(seconds, self.leaving.cut):
            raise Interrupted

    def pause(self, seconds: float) -> None:
        """Sleep inside a worker; raises Interrupted as soon as the run is ending."""
        if self.tools.hands.sleep(seconds, self.leaving.gone):
            raise Interrupted

    def stopper(self, task_id: int) -> Callable[[], object]:
        return partial(stop_and_wait, self.tools.server.api, task_id, self.tools.clock, self.pause)

    def show(self, node: int, task_id: int | None, results: Json) -> None:
        """Let tasks further down see a launch."""
        instance = self.instance(node)
        view = TaskView(instance.address, task_id, self.tools.evaluator.recorded(results))
        self.tools.evaluator.tasks.put(instance.task.name, instance.key, view)

    def close(self, node: int) -> None:
        """The task is no longer active; what it was doing has come to an end."""
        self.active.pop(node)
        self.calling.discard(node)
        self.watch.remove(node)
        self.admission.release(node)

    def ended(self, active: Active, outcome: Outcome, summary: str = "") -> TaskEnded:
        seconds = self.tools.clock() - active.began
        link = self.tools.server.link(active.task_id) if active.task_id is not None else ""
        return TaskEnded(active.planned.address, outcome, active.task_id, summary, seconds, link=link)

    def end_with_log(self, ended: TaskEnded) -> None:
        """Give a task its outcome, with the last words of its launch where it had one."""
        if ended.task_id is None:
            self.board.end(ended)
        else:
            self.submit(ReadLog(ended), partial(log_tail, self.tools.server.api, ended.task_id))
