"""What `tasks.…` and `launch.…` mean inside an expression: launches as far as they are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import Json, Unknown


@dataclass(frozen=True, slots=True)
class TaskView(ScopeObject):
    """One instance as other tasks see it. `id` and each result may be Unknown.

    `key` is there in a fan-out only, `outcome` is None while it is open.
    """

    address: str
    id: Json
    results: Mapping[str, Json]
    key: str | None = None
    outcome: str | None = "succeeded"

    def look_up(self, key: Any) -> Any:
        if key == "key" and self.key is not None:
            return self.key
        if key == "outcome":
            return self.outcome if self.outcome is not None else Unknown(f"tasks.{self.address}.outcome")
        return {"id": self.id, "name": self.address, "results": self.results}[key]

    def names(self) -> list[str]:
        return ["id", *(["key"] if self.key is not None else []), "name", "outcome", "results"]

    def as_value(self) -> Json:
        """A whole task stands for its launch: the id."""
        return self.id


def unknown_view(address: str, results: Sequence[str] | Mapping[str, Json]) -> TaskView:
    base = f"tasks.{address}"
    unknown = {name: Unknown(f"{base}.results.{name}") for name in results}
    return TaskView(address, Unknown(f"{base}.id"), unknown, outcome=None)


@dataclass(frozen=True, slots=True)
class FanOutView(ScopeObject):
    """All instances of a task: index by key for one, iterate for all in the order in which the spec has them."""

    cells: Mapping[str, ScopeObject]
    order: Collection[str | None] = ()

    def look_up(self, key: Any) -> Any:
        return self.cells[str(key)]

    def names(self) -> list[str]:
        return list(self.cells)

    def __iter__(self) -> Iterator[ScopeObject]:
        found = (self.cells.get(key) for key in self.order if key is not None)
        return (view for view in found if view is not None)

    def __len__(self) -> int:
        return len(self.cells)

    def as_value(self) -> Json:
        return [view.as_value() for view in self]


class TasksView(ScopeObject):
    """The root `tasks`. A plan or a run puts in the view of each task as soon as it is known."""

    __slots__ = ("_orders", "_parts", "_tasks")

    def __init__(self) -> None:
        self._tasks: dict[str, ScopeObject | dict[str, ScopeObject] | Unknown] = {}
        self._orders: dict[str, Collection[str | None]] = {}
        self._parts: dict[str, IncludedSpecView] = {}

    def copy(self) -> TasksView:
        """The same views, without those of included specs."""
        same = TasksView()
        same._tasks = {name: dict(view) if isinstance(view, dict) else view for name, view in self._tasks.items()}
        same._orders = dict(self._orders)
        return same

    def join(self, name: str, part: IncludedSpecView) -> None:
        """An included spec: what is put under `NAME.task` becomes its task."""
        self._parts[name] = part

    def put(self, task: str, key: str | None, view: ScopeObject) -> None:
        holder, name = self._holder(task)
        if key is None:
            holder._tasks[name] = view
            return
        cells = holder._tasks.setdefault(name, {})
        assert isinstance(cells, dict)  # noqa: S101 - a task has keys or it has none
        cells[key] = replace(view, key=key) if isinstance(view, TaskView) else view

    def declare(self, task: str, order: Collection[str | None]) -> None:
        """A fan-out with its keys in order; one without a single item is an empty list, not an unknown name."""
        holder, name = self._holder(task)
        holder._orders[name] = order
        if not isinstance(holder._tasks.get(name), dict):
            holder._tasks[name] = {}

    def hide(self, task: str, unknown: Unknown) -> None:
        """A fan-out whose keys are not known yet."""
        holder, name = self._holder(task)
        holder._tasks[name] = unknown

    def _holder(self, task: str) -> tuple[TasksView, str]:
        """The views that a task belongs to, those of an included spec or these, and its name there."""
        if not self._parts or "." not in task:
            return self, task
        part, _, inner = task.partition(".")
        return self._parts[part].tasks._holder(inner)

    def look_up(self, key: Any) -> Any:
        if key in self._parts:
            return self._parts[key]
        found = self._tasks[key]
        return FanOutView(found, self._orders.get(key, found)) if isinstance(found, dict) else found

    def names(self) -> list[str]:
        return [*self._tasks, *self._parts]


@dataclass(frozen=True, slots=True)
class LazyValues(ScopeObject):
    """Named values, each made when it is asked for. `kept` are those that are known and will not change."""

    declared: tuple[str, ...]
    make: Callable[[str], Json]
    kept: dict[str, Json] = field(default_factory=dict)

    def look_up(self, key: Any) -> Any:
        if key in self.kept:
            return self.kept[key]
        if key not in self.declared:
            raise KeyError(key)
        return self.make(key)

    def names(self) -> list[str]:
        return list(self.declared)

    def as_value(self) -> Json:
        return {name: self.look_up(name) for name in self.declared}


@dataclass(frozen=True, slots=True)
class IncludedSpecView(ScopeObject):
    """An included spec as the one that includes it sees it: its results."""

    name: str
    tasks: TasksView
    results: LazyValues

    def look_up(self, key: Any) -> Any:
        return {"results": self.results}[key]

    def names(self) -> list[str]:
        return ["results"]

    def as_value(self) -> Json:
        raise ExpressionError(f'"tasks.{self.name}" is an included spec; name a result: tasks.{self.name}.results.NAME')
