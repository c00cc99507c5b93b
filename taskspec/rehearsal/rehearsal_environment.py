"""The environment of a rehearsal: simulated server, clock and workers, and placeholders for outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from taskspec.api import Api, Credentials, TaskInfo
from taskspec.engine.executors.call_protocol import CallOrder, Pause
from taskspec.engine.journal import Journal
from taskspec.engine.server.connection import LOCAL_WORKSPACE, Server
from taskspec.engine.server.lookups import LookupResult
from taskspec.json_tree import merge
from taskspec.plan.agent_rules import is_rule
from taskspec.plan.lookup_needs import FieldNeed, FilesNeed, Finding, Need
from taskspec.rehearsal.clock import Clock, VirtualExecutor
from taskspec.rehearsal.fake_server import FakeServer
from taskspec.rehearsal.faults import Faults
from taskspec.rehearsal.virtual_transport import ADDRESS, VirtualTransport
from taskspec.specfile.model import CallDecl, TaskDecl
from taskspec.state.model import Event, EventKind, State, StoredEvent
from taskspec.template.expansion.instances import FOLDED, Instance
from taskspec.template.expressions.expression import Dynamic, Step
from taskspec.template.expressions.render import Renderer, templates_in
from taskspec.template.references.reference_check import section_of
from taskspec.values import ABSENT, Json


@dataclass(frozen=True, slots=True)
class FakeLookups:
    """Finds everything. `fields` is the document of every launch."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    def look_up_needs(self, _: Api, info: TaskInfo, needs: Iterable[Need]) -> LookupResult:
        return LookupResult(info, {need: self._finding(need) for need in needs})

    def _finding(self, need: Need) -> Finding:
        if isinstance(need, FieldNeed):
            return Finding(self.fields.get(need.name))
        if isinstance(need, FilesNeed):
            return Finding([{"path": f"{need.folder.rstrip('/')}/{_filled(need.match)}", "id": 1, "size": 1}])
        return Finding([{"id": 1, "name": need.name, "type": "images", "items_count": 1}])


def agents_for(instances: Iterable[Instance]) -> tuple[str, ...]:
    """Return agent names, one for each agent rule. A computed pattern matches none."""
    rules = (i.task.agent for i in instances if not isinstance(i.task, CallDecl))
    names = ("rehearsal" if rule.name is ABSENT else str(rule.name) for rule in rules if is_rule(rule))
    return tuple(dict.fromkeys(map(_filled, names))) or ("rehearsal",)


def _filled(pattern: str) -> str:
    return pattern.replace("*", "1").replace("?", "1")


CALL_SECONDS = 1.0
"""Duration of a rehearsed call, also of a wait for users."""


@dataclass(frozen=True, slots=True)
class RehearsedCalls:
    """Answers calls by address."""

    responses: Mapping[str, Json]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        pause(CALL_SECONDS)
        return self.responses.get(order.address, {})


PLACEHOLDER = 1
"""The value of each result that is read from the output of a launch."""
_OF_TYPE: Mapping[str, Any] = {"string": "1", "boolean": True, "list": [1], "map": {"placeholder": 1}}


@dataclass(slots=True)
class RehearsalEnvironment:
    """The environment of one rehearsal. `clock` counts its seconds, `wall` is its time of day."""

    fake: FakeServer
    clock: Clock
    lookups: FakeLookups = field(default_factory=FakeLookups)
    executor: VirtualExecutor = field(init=False)
    server: Server = field(init=False)
    call_executor: RehearsedCalls = field(default_factory=lambda: RehearsedCalls({}))

    def __post_init__(self) -> None:
        self.executor = VirtualExecutor(self.clock)
        self.server = Server(
            "rehearsal", is_local=True, default_workspace=LOCAL_WORKSPACE, wake=lambda: Credentials(ADDRESS, "")
        )
        transport = VirtualTransport(self.fake, self.clock, self.clock.sleep)
        self.server.connect(Api(ADDRESS, "", transport=transport))

    def wall(self) -> float:
        return self.fake.wall + self.clock()


def make_environment(
    faults: Faults, seed: int, renderer: Renderer, instances: Sequence[Instance]
) -> RehearsalEnvironment:
    """Build the environment for a spec. The same seed and faults give the same rehearsal."""
    responses = {i.address: placeholder_response(renderer, i) for i in instances if i.task.call is not None}
    listed = _listed(renderer, instances)
    outputs = {instance.address: placeholder_output(renderer, instance, listed) for instance in instances}
    fields: Mapping[str, Any] = {}
    for instance in instances:
        fields = merge(fields, placeholder_output(renderer, instance, listed, "fields"))

    def output_of(address: str) -> Mapping[str, Any]:
        folded = f"{address.partition('[')[0]}[{FOLDED}]"
        return outputs.get(address) or outputs.get(folded, {})

    fake = FakeServer(faults, output_of=output_of, agents=agents_for(instances))
    performer = RehearsedCalls(responses)
    return RehearsalEnvironment(fake, Clock(Random(seed)), FakeLookups(fields), call_executor=performer)  # noqa: S311 - a rehearsal, no secret


@dataclass(frozen=True, slots=True)
class AnnouncedJournal:
    """A journal that gives the simulated server the address of each start key before the start."""

    journal: Journal
    fake: FakeServer

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        for event in events:
            if event.kind is EventKind.INTENT:
                self.fake.addresses[event.key] = event.address
        return self.journal.append(run, events)

    def renew(self) -> None:
        """Do nothing: no other process uses the journal of a rehearsal."""

    def confirm(self) -> None:
        self.journal.confirm()

    def load(self) -> State:
        return self.journal.load()


def _listed(renderer: Renderer, instances: Iterable[Instance]) -> set[tuple[str, str]]:
    """Return task and name of every result that provides the items of a for_each."""
    found = set()
    for instance in instances:
        for _, text in templates_in(instance.task.for_each) if instance.is_folded else ():
            for reference in renderer.parse(text).references:
                steps = [step for step in reference.steps if isinstance(step, str)]
                if reference.root == "tasks" and "results" in steps[1:-1]:
                    found.add((steps[0], steps[steps.index("results", 1) + 1]))
    return found


def placeholder_output(
    renderer: Renderer, instance: Instance, listed: Collection[tuple[str, str]] = (), part: str = "output"
) -> dict[str, Any]:
    """Build an output with a placeholder at every path that the task's expressions read from `launch.output`.

    A result that provides the items of a for_each is a list with one placeholder.
    """
    output: dict[str, Any] = {}
    for text, value in _read(instance.task, listed):
        for reference in renderer.parse(text).references:
            if reference.root == "launch" and reference.steps[:1] == (part,):
                _put(output, reference.steps[1:], value)
    return output


def _read(task: TaskDecl, listed: Collection[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    """Yield every expression of a task about its launch, with the value it should have."""
    for name, result in task.results.items():
        kind = result.type
        value = [PLACEHOLDER] if kind is None and (task.name, name) in listed else _OF_TYPE.get(str(kind), PLACEHOLDER)
        yield from ((text, value) for _, text in templates_in(result.written))
    for _, text in templates_in([[c.condition for c in task.checks], section_of(task, "outputs")]):
        yield text, PLACEHOLDER


def placeholder_response(renderer: Renderer, instance: Instance) -> Any:
    """Build a response with a placeholder at every path that the task's expressions read."""
    task = instance.task
    texts = templates_in([section_of(task, "results"), [check.condition for check in task.checks]])
    references = [r for _, text in texts for r in renderer.parse(text).references if r.root == "response"]
    if any(isinstance(reference.steps[0], int | Dynamic) for reference in references if reference.steps):
        return [PLACEHOLDER]
    response: dict[str, Any] = {}
    for reference in references:
        _put(response, reference.steps, PLACEHOLDER)
    return response


def _put(output: dict[str, Any], steps: Sequence[Step], value: Any) -> None:
    """Put a value at a path. An index or a computed step ends the path."""
    place = output
    names = []
    for step in steps:
        if isinstance(step, int | Dynamic):
            break
        names.append(step)
    for name in names[:-1]:
        inner = place.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = place[name] = {}
        place = inner
    if names:
        is_list = len(names) < len(steps)
        place.setdefault(names[-1], [value] if is_list else value)
