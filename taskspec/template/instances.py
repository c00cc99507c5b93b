"""From tasks to instances: for_each unrolled, addresses that come from values, edges from cell to cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.errors import SpecError
from taskspec.graph import CycleError, Edge, TaskGraph, build_graph
from taskspec.spec.model import SpecFile, TaskDecl
from taskspec.template.analysis import Analysis, Dependency
from taskspec.template.expression import Index, Scope
from taskspec.template.render import Renderer, RenderError
from taskspec.values import Json, Unknown

KEY_LIMIT = 128
INSTANCE_LIMIT = 200_000
NO_UNITS: Mapping[str, Scope] = {}


@dataclass(frozen=True, slots=True)
class Instance:
    """One element of a task: the task itself, or one item of its for_each."""

    address: str
    task: TaskDecl
    key: str | None = None
    value: Json = None

    @property
    def each(self) -> Mapping[str, Json]:
        return {} if self.key is None else {"key": self.key, "value": self.value}


@dataclass(frozen=True, slots=True)
class Expansion:
    """All instances in spec order, and the graph over their positions."""

    instances: tuple[Instance, ...]
    graph: TaskGraph
    by_task: Mapping[str, Mapping[str | None, int]]


def expand(
    spec: SpecFile, analysis: Analysis, renderer: Renderer, scope: Scope, units: Mapping[str, Scope] = NO_UNITS
) -> Expansion:
    """Unroll every task, those of an included spec in the scope of its unit.

    Raises SpecError with every fan-out that cannot be, and with the cycle if there is one.
    """
    build = _Build(spec, renderer, scope)
    _refuse_cycles(spec, analysis)
    for task in spec.tasks.values():
        build.scope = units[task.unit] if units and task.unit else scope
        build.add(task)
    if not build.problems:
        build.connect(analysis)
    if build.problems:
        raise SpecError(build.problems)
    size = len(build.instances) + build.joins
    graph = build_graph(size, build.edges, first_join=len(build.instances))
    return Expansion(tuple(build.instances), graph, build.by_task)


def _refuse_cycles(spec: SpecFile, analysis: Analysis) -> None:
    names = list(spec.tasks)
    number = {name: index for index, name in enumerate(names)}
    edges = {
        (number[dependency.upstream], number[name]): dependency
        for name, dependencies in reversed(list(analysis.dependencies.items()))
        for dependency in reversed(dependencies)
    }
    try:
        build_graph(len(names), edges)
    except CycleError as error:
        raise SpecError([_cycle(names, error.cycle, edges)]) from None


def _cycle(names: list[str], cycle: tuple[int, ...], edges: Mapping[Edge, Dependency]) -> Diagnostic:
    """The cycle as a path a reader can follow: who needs whom, and the reference that says so."""
    needs = list(reversed(cycle))
    steps = [(node, needs[(index + 1) % len(needs)]) for index, node in enumerate(needs)]
    path = " → ".join(names[node] for node in [*needs, needs[0]])
    lines = []
    for node, upstream in steps:
        dependency = edges[(upstream, node)]
        lines.append(f"{names[node]} needs {names[upstream]}: {dependency.text} ({dependency.span})")
    first = edges[(steps[0][1], steps[0][0])]
    return Diagnostic(
        Code.CYCLE,
        f"tasks wait for each other: {path}",
        first.span,
        detail="\n".join(lines),
        remedy="Remove one of these references.",
    )


@dataclass(slots=True)
class _Build:
    spec: SpecFile
    renderer: Renderer
    scope: Scope
    instances: list[Instance] = field(default_factory=list)
    by_task: dict[str, dict[str | None, int]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    joins: int = 0
    problems: list[Diagnostic] = field(default_factory=list)
    join_of: dict[str, int] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    """Tasks whose items are not known: a spec is validated without the values of its variables."""

    def add(self, task: TaskDecl) -> None:
        cells = self.by_task.setdefault(task.name, {})
        if not task.is_fanned_out:
            cells[None] = len(self.instances)
            self.instances.append(Instance(task.name, task))
            return
        for key, value in self._items(task):
            if key in cells:
                self._problem(
                    task, f'"{key}" is there twice, and addresses come from values', "Remove one, or use a map."
                )
                continue
            cells[key] = len(self.instances)
            self.instances.append(Instance(f"{task.name}[{key}]", task, key, value))
        if len(self.instances) > INSTANCE_LIMIT:
            self._problem(task, f"more than {INSTANCE_LIMIT:,} instances in all", "Split the spec.")

    def _items(self, task: TaskDecl) -> Iterator[tuple[str, Json]]:
        try:
            items = self.renderer.render(task.for_each, self.scope)
        except RenderError as error:
            span = self.spec.task_span(task.name, "for_each", *error.path)
            self.problems.append(error.diagnostic(span, f'task "{task.name}"'))
            return
        if isinstance(items, Unknown) or (isinstance(items, list) and any(isinstance(i, Unknown) for i in items)):
            self.open.add(task.name)
        elif isinstance(items, Mapping):
            yield from self._fit_keys(task, items.items())
        elif isinstance(items, list):
            yield from self._fit_keys(task, ((_key(item), item) for item in items))
        else:
            self._problem(task, f"for_each is {items!r}", "It must be a list of scalars or a map.")

    def _fit_keys(self, task: TaskDecl, items: object) -> Iterator[tuple[str, Json]]:
        for key, value in items:  # type: ignore[attr-defined]  # pairs, from a map or a list
            if key is None:
                self._problem(
                    task, "a list of maps or lists gives no addresses", "Use a map: its keys become the addresses."
                )
            elif not key or len(key) > KEY_LIMIT or any(c in "[]\"'" or not c.isprintable() for c in key):
                remedy = f"A key has 1 to {KEY_LIMIT} printable characters, without quotes and brackets."
                self._problem(task, f"{key[:40]!r} cannot be part of an address", remedy)
            else:
                yield key, value

    def _problem(self, task: TaskDecl, what: str, remedy: str) -> None:
        span = self.spec.task_span(task.name, "for_each")
        self.problems.append(Diagnostic(Code.FAN_OUT, f'task "{task.name}": {what}', span, remedy=remedy))

    def connect(self, analysis: Analysis) -> None:
        for name, dependencies in analysis.dependencies.items():
            for dependency in dependencies:
                self._connect(name, dependency)

    def _connect(self, name: str, dependency: Dependency) -> None:
        upstream, cells = self.by_task[dependency.upstream], self.by_task[name]
        if dependency.upstream in self.open:
            return
        if dependency.cell is None:
            self._connect_whole(dependency.upstream, upstream, cells)
            return
        for key, node in cells.items():
            wanted = key if dependency.cell == Index.EACH_KEY else dependency.cell
            if wanted not in upstream:
                self.problems.append(
                    Diagnostic(
                        Code.FAN_OUT,
                        f'task "{name}": there is no instance {dependency.upstream}[{wanted}]',
                        dependency.span,
                        remedy=choices(str(wanted), map(str, upstream), label="Instances"),
                    )
                )
                return
            self.edges.append((upstream[wanted], node))

    def _connect_whole(self, name: str, upstream: Mapping[str | None, int], cells: Mapping[str | None, int]) -> None:
        if len(upstream) == 1 or len(cells) == 1:
            self.edges.extend((before, node) for before in upstream.values() for node in cells.values())
            return
        join = self._join(name, upstream)
        self.edges.extend((join, node) for node in cells.values())

    def _join(self, name: str, upstream: Mapping[str | None, int]) -> int:
        if name not in self.join_of:
            self.join_of[name] = len(self.instances) + self.joins
            self.joins += 1
            self.edges.extend((before, self.join_of[name]) for before in upstream.values())
        return self.join_of[name]


def _key(item: Json) -> str | None:
    if isinstance(item, bool):
        return str(item).lower()
    return str(item) if isinstance(item, str | int | float) else None
