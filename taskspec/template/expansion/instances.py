"""From tasks to instances: for_each and matrix unrolled, addresses that come from values, edges from cell to cell.

A for_each over a result that is still to come is one folded instance, `train[*]`, in place of those it will have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import ERROR_LIMIT, Code, Diagnostic, choices
from taskspec.errors import SpecError
from taskspec.graph import CycleError, Edge, TaskGraph, build_graph
from taskspec.specfile.model import CallDecl, SpecFile, TaskDecl
from taskspec.template.expansion.for_each import INSTANCE_LIMIT, ItemReader, item_readers, unknown_items
from taskspec.template.expressions.budget import over_budget
from taskspec.template.expressions.expression import Index, Scope
from taskspec.template.expressions.render import Renderer
from taskspec.template.expressions.task_views import TasksView
from taskspec.template.included_scope import IncludedScope
from taskspec.template.references.location import Dependency
from taskspec.template.references.reference_check import Analysis, section_of
from taskspec.values import VALUE_WORK, WORK_LIMIT, Json, weight_of

FOLDED = "*"
"""Stands for every key of a task whose items are not known yet."""
NO_UNITS: Mapping[str, IncludedScope] = {}


@dataclass(frozen=True, slots=True)
class Instance:
    """One element of a task: the task itself, or one item of its for_each or matrix.

    `awaits` names the tasks whose results decide how many there will be; this one stands for all of them then.
    """

    address: str
    task: TaskDecl
    key: str | None = None
    value: Json = None
    awaits: tuple[str, ...] = ()

    @property
    def is_folded(self) -> bool:
        return bool(self.awaits)

    @property
    def each(self) -> Mapping[str, Json]:
        """What `each` means: for an instance of a matrix its axes too, by their names."""
        if self.is_folded:
            return dict.fromkeys(("key", "value"), unknown_items(self.task.name))
        if self.key is None:
            return {}
        each = {"key": self.key, "value": self.value}
        return {**self.value, **each} if self.task.matrix else each


@dataclass(frozen=True, slots=True)
class Expansion:
    """All instances in spec order, and the graph over their positions."""

    instances: tuple[Instance, ...]
    graph: TaskGraph
    by_task: Mapping[str, Mapping[str | None, int]]
    analysis: Analysis
    has_folded: bool = False

    @property
    def folded(self) -> list[Instance]:
        """Those that stand for instances which are not known yet."""
        return [i for i in self.instances if i.is_folded] if self.has_folded else []

    @property
    def declarations(self) -> list[TaskDecl]:
        """Every task that has an instance."""
        return [self.instances[next(iter(cells.values()))].task for cells in self.by_task.values() if cells]

    def declare(self, tasks: TasksView) -> None:
        """Let expressions know of every fanned-out task, also of one without a single item."""
        for name, cells in self.by_task.items():
            if FOLDED in cells and self.instances[cells[FOLDED]].is_folded:
                tasks.hide(name, unknown_items(name))
            elif None not in cells:
                tasks.declare(name, cells)


def expand(
    spec: SpecFile,
    analysis: Analysis,
    renderer: Renderer,
    scope: Scope,
    *,
    units: Mapping[str, IncludedScope] = NO_UNITS,
    tasks: TasksView | None = None,
    keep_folded: Collection[str] = (),
) -> Expansion:
    """Unroll every task, those of an included spec by the names of its unit.

    Items that come from results are read from `tasks`; without it, and for tasks in `keep_folded`, they are unknown.
    Raises SpecError with every fan-out that cannot be, and with the cycle if there is one.
    """
    problems: list[Diagnostic] = []
    readers = item_readers(spec, renderer, scope, units, tasks, problems)
    unaware = item_readers(spec, renderer, scope, units, None, problems) if keep_folded else readers
    build = _Expander(spec, problems)
    _refuse_cycles(spec, analysis)
    for task in spec.tasks.values():
        chosen = unaware if task.name in keep_folded else readers
        build.add(task, chosen[task.unit if units else ""])
    if not build.problems:
        build.connect(analysis)
    if build.problems:
        raise SpecError(build.problems)
    size = len(build.instances) + len(build.join_of)
    graph = build_graph(size, build.edges, first_join=len(build.instances))
    return Expansion(tuple(build.instances), graph, build.by_task, analysis, bool(build.folded))


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
class _Expander:
    spec: SpecFile
    problems: list[Diagnostic]
    instances: list[Instance] = field(default_factory=list)
    by_task: dict[str, dict[str | None, int]] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    join_of: dict[str, int] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    """Tasks whose items are not known: a spec is validated without the values of its variables."""
    weight: int = 0
    folded: set[str] = field(default_factory=set)

    def add(self, task: TaskDecl, reader: ItemReader) -> None:
        cells = self.by_task.setdefault(task.name, {})
        if not task.is_fanned_out:
            cells[None] = len(self.instances)
            self.instances.append(Instance(task.name, task))
            return
        items = reader.read(task)
        if items.awaits:
            self.folded.add(task.name)
            cells[FOLDED] = len(self.instances)
            self.instances.append(Instance(f"{task.name}[{FOLDED}]", task, awaits=items.awaits))
        elif items.is_open:
            self.open.add(task.name)
        self._weigh(task, len(items.pairs))
        for key, value in items.pairs:
            if key in cells:
                self._problem(
                    task, f'"{key}" is there twice, and addresses come from values', "Remove one, or use a map."
                )
                continue
            cells[key] = len(self.instances)
            self.instances.append(Instance(f"{task.name}[{key}]", task, key, value))
        if len(self.instances) > INSTANCE_LIMIT:
            self._problem(task, f"more than {INSTANCE_LIMIT:,} instances in all", "Split the spec.")

    def _weigh(self, task: TaskDecl, times: int) -> None:
        """Refuse a fan-out that repeats much: each instance is evaluated, compared and shown by itself."""
        if times < 2:
            return
        body = [task.call.body] if isinstance(task, CallDecl) else [task.params, task.target]
        sections = [section_of(task, name) for name in ("settings", "results", "outputs")]
        written = [*body, *sections, task.description]
        self.weight += weight_of(written, WORK_LIMIT, VALUE_WORK) * times
        if self.weight > WORK_LIMIT:
            self._problem(
                task,
                f"its {times:,} instances {over_budget()}",
                "Give it fewer items, or let the params name a file that the app reads.",
            )

    def _problem(self, task: TaskDecl, what: str, remedy: str) -> None:
        span = self.spec.task_span(task.name, "for_each" if task.has_for_each else "matrix")
        self.problems.append(Diagnostic(Code.FAN_OUT, f'task "{task.name}": {what}', span, remedy=remedy))

    def connect(self, analysis: Analysis) -> None:
        for name, dependencies in analysis.dependencies.items():
            for dependency in dependencies:
                self._connect(name, dependency)

    def _connect(self, name: str, dependency: Dependency) -> None:
        upstream, cells = self.by_task[dependency.upstream], self.by_task[name]
        if dependency.upstream in self.open or len(self.problems) >= ERROR_LIMIT:
            return
        is_blurred = dependency.upstream in self.folded or (name in self.folded and dependency.cell == Index.EACH_KEY)
        if dependency.cell is None or is_blurred:
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
            self.join_of[name] = len(self.instances) + len(self.join_of)
            self.edges.extend((before, self.join_of[name]) for before in upstream.values())
        return self.join_of[name]
