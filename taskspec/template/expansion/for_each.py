"""The items of a fanned-out task: what its for_each or its matrix gives, each with the key of its address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.specfile.fields.kinds import RunOn
from taskspec.specfile.includes import qualified_name
from taskspec.specfile.matrix import combine, scalar_text
from taskspec.specfile.model import SpecFile, TaskDecl
from taskspec.template.expressions.absent_views import reads_absent
from taskspec.template.expressions.expression import Scope
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.task_views import TasksView
from taskspec.template.included_scope import IncludedScope
from taskspec.values import Json, Path, Unknown, is_known, unknowns

KEY_LIMIT = 128
INSTANCE_LIMIT = 200_000
AT_MOST = 1_000
"""Items that a for_each over a result may have without `at_most`: the user approves the plan before they are known."""


@dataclass(frozen=True, slots=True)
class Items:
    """Keys and values, or what they wait for. `is_open` alone: a variable has no value, as while validating."""

    pairs: tuple[tuple[str, Json], ...] = ()
    is_open: bool = False
    awaits: tuple[str, ...] = ()


def waits_for_results(task: TaskDecl, renderer: Renderer) -> bool:
    """Whether the items of a task come from what another task gives."""
    return task.has_for_each and any(read.root == "tasks" for read in renderer.references(task.for_each))


def item_limit(task: TaskDecl) -> int:
    """The most instances a task may turn out to have, where its items come from a result."""
    return AT_MOST if task.at_most is None else task.at_most


@dataclass(frozen=True, slots=True)
class ItemReader:
    """Reads items in one scope. Without `tasks` nothing is known of any task; problems are collected.

    `before` are the names before anything has run, where some of them come from tasks: those of an included spec.
    """

    spec: SpecFile
    renderer: Renderer
    scope: Scope
    tasks: TasksView | None = None
    problems: list[Diagnostic] = field(default_factory=list)
    before: Scope | None = None

    def read(self, task: TaskDecl) -> Items:
        """The items of a task; none, and a problem, where they cannot be had."""
        section = "for_each" if task.has_for_each else "matrix"
        over_result = waits_for_results(task, self.renderer)
        if over_result and self.tasks is None:
            return Items(is_open=True, awaits=self._named(task))
        scope = {**self.scope, "tasks": self.tasks} if over_result else self.scope
        try:
            written = self.renderer.render(getattr(task, section), scope)
        except RenderError as error:
            if self._is_skipped(task, error):
                return Items(is_open=True, awaits=self._named(task))
            span = self.spec.task_span(task.name, section, *error.path)
            self.problems.append(error.diagnostic(span, f'task "{task.name}"'))
            return Items()
        if self._is_open(task, written):
            return Items(is_open=True, awaits=self._named(task) if over_result else _producers(written))
        over_result = over_result or self._came_in(task, section)
        pairs = tuple(self._matrix(task, written) if section == "matrix" else self._for_each(task, written))
        return Items(pairs) if self._fits_limit(task, len(pairs), over_result=over_result) else Items()

    def _is_skipped(self, task: TaskDecl, error: RenderError) -> bool:
        """Whether items cannot be had because a task that this one needs did not succeed: there will be none."""
        if self.tasks is None or task.run_on is not RunOn.SUCCESS:
            return False
        return reads_absent(self.tasks, self.renderer.references(error.text))

    def _is_open(self, task: TaskDecl, written: Json) -> bool:
        """Whether the keys are not known: the values of a map may be unknown, its keys are not."""
        return not (isinstance(written, Mapping) and task.has_for_each) and not is_known(written)

    def _came_in(self, task: TaskDecl, section: str) -> bool:
        """Whether the items of a task in an included spec come from a result, by way of its inputs."""
        if self.before is None:
            return False
        try:
            return bool(_producers(self.renderer.render(getattr(task, section), self.before)))
        except RenderError:
            return False

    def _named(self, task: TaskDecl) -> tuple[str, ...]:
        """The tasks whose results the items come from, as a reader knows them."""
        found = (read for read in self.renderer.references(task.for_each) if read.root == "tasks" and read.steps)
        return tuple(dict.fromkeys(qualified_name(task.unit, str(read.steps[0])) for read in found))

    def _matrix(self, task: TaskDecl, written: Json) -> Iterator[tuple[str, Json]]:
        pairs, flaws = combine(written, INSTANCE_LIMIT)
        for flaw in flaws:
            self._problem(task, flaw.summary, flaw.remedy, ("matrix", *flaw.path))
        return self._fit_keys(task, pairs)

    def _for_each(self, task: TaskDecl, items: Json) -> Iterator[tuple[str, Json]]:
        if isinstance(items, Mapping):
            return self._fit_keys(task, items.items())
        if isinstance(items, list):
            return self._fit_keys(task, ((scalar_text(item), item) for item in items))
        self._problem(task, f"for_each is {items!r}", "It must be a list of scalars or a map.")
        return iter(())

    def _fit_keys(self, task: TaskDecl, items: Iterable[tuple[str | None, Json]]) -> Iterator[tuple[str, Json]]:
        for key, value in items:
            if key is None:
                what = "null" if value is None else "a list of maps or lists"
                self._problem(task, f"{what} gives no addresses", "Use a map: its keys become the addresses.")
            elif not key or len(key) > KEY_LIMIT or any(c in "[]\"'" or not c.isprintable() for c in key):
                remedy = f"A key has 1 to {KEY_LIMIT} printable characters, without quotes and brackets."
                self._problem(task, f"{key[:40]!r} cannot be part of an address", remedy)
            else:
                yield key, value

    def _fits_limit(self, task: TaskDecl, count: int, *, over_result: bool) -> bool:
        if not over_result and task.at_most is None:
            return True
        limit = item_limit(task)
        if count > limit:
            remedy = f"Raise at_most of the task, now {limit:,}." if over_result else "Raise at_most, or give fewer."
            self._problem(task, f"for_each gives {count:,} items, and at most {limit:,} are allowed", remedy)
        return count <= limit

    def _problem(self, task: TaskDecl, what: str, remedy: str, path: Path = ("for_each",)) -> None:
        self.problems.append(
            self.spec.task_problem(Code.FAN_OUT, task.name, path, f'task "{task.name}": {what}', remedy)
        )


def item_readers(
    spec: SpecFile,
    renderer: Renderer,
    scope: Scope,
    units: Mapping[str, IncludedScope],
    tasks: TasksView | None,
    problems: list[Diagnostic],
) -> dict[str, ItemReader]:
    """A reader for the tasks of the spec itself, and one for those of each included spec, by its name in the whole."""
    readers = {"": ItemReader(spec, renderer, scope, tasks, problems)}
    for name, unit in units.items():
        if tasks is None:
            readers[name] = ItemReader(spec, renderer, unit.early(), None, problems)
        else:
            readers[name] = ItemReader(spec, renderer, unit.names(), unit.tasks, problems, unit.early())
    return readers


def _producers(value: Json) -> tuple[str, ...]:
    """The tasks from which unknown parts of a value will come."""
    names = (producer for unknown in unknowns(value) for producer in unknown.producers)
    return tuple(dict.fromkeys(re.split(r"[.\[]", name)[1] for name in names if name.startswith("tasks.")))


def unknown_items(task: str) -> Unknown:
    """What others see of a task whose items are not known yet."""
    return Unknown(f"tasks.{task}[*]")
