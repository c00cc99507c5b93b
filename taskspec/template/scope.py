"""What `tasks.…` and `launch.…` mean inside an expression: launches as far as they are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from taskspec.template.missing import Addressable, ExpressionError
from taskspec.values import Json, Unknown


@dataclass(frozen=True, slots=True)
class TaskView(Addressable):
    """One instance as other tasks see it. `id` and each result may be Unknown."""

    address: str
    id: Json
    results: Mapping[str, Json]

    def look_up(self, key: Any) -> Any:
        return {"id": self.id, "name": self.address, "results": self.results}[key]

    def names(self) -> list[str]:
        return ["id", "name", "results"]

    def as_value(self) -> Json:
        """A whole task stands for its launch: the id."""
        return self.id


def unknown_view(address: str, results: Sequence[str] | Mapping[str, Json]) -> TaskView:
    """An instance that has still to run."""
    base = f"tasks.{address}"
    return TaskView(address, Unknown(f"{base}.id"), {name: Unknown(f"{base}.results.{name}") for name in results})


@dataclass(frozen=True, slots=True)
class FanOutView(Addressable):
    """All instances of a task: index by key for one, iterate for all in order."""

    cells: Mapping[str, TaskView]

    def look_up(self, key: Any) -> Any:
        return self.cells[str(key)]

    def names(self) -> list[str]:
        return list(self.cells)

    def __iter__(self) -> Iterator[TaskView]:
        return iter(self.cells.values())

    def __len__(self) -> int:
        return len(self.cells)

    def as_value(self) -> Json:
        return [view.as_value() for view in self.cells.values()]


class TasksView(Addressable):
    """The root `tasks`: views are put in as the walk through the graph goes on."""

    __slots__ = ("_parts", "_tasks")

    def __init__(self) -> None:
        self._tasks: dict[str, TaskView | dict[str, TaskView]] = {}
        self._parts: dict[str, PartView] = {}

    def join(self, name: str, part: PartView) -> None:
        """An included spec: what is put under `NAME.task` becomes its task."""
        self._parts[name] = part

    def put(self, task: str, key: str | None, view: TaskView) -> None:
        if self._parts and "." in task:
            name, _, inner = task.partition(".")
            self._parts[name].tasks.put(inner, key, view)
            return
        if key is None:
            self._tasks[task] = view
            return
        cells = self._tasks.setdefault(task, {})
        assert isinstance(cells, dict)  # noqa: S101 - a task has keys or it has none
        cells[key] = view

    def declare(self, task: str) -> None:
        """A fan-out without a single item is an empty list, not an unknown name."""
        if self._parts and "." in task:
            name, _, inner = task.partition(".")
            self._parts[name].tasks.declare(inner)
            return
        self._tasks.setdefault(task, {})

    def look_up(self, key: Any) -> Any:
        if key in self._parts:
            return self._parts[key]
        found = self._tasks[key]
        return FanOutView(found) if isinstance(found, dict) else found

    def names(self) -> list[str]:
        return [*self._tasks, *self._parts]


@dataclass(frozen=True, slots=True)
class Values(Addressable):
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
class PartView(Addressable):
    """An included spec as the one that includes it sees it: its results."""

    name: str
    tasks: TasksView
    results: Values

    def look_up(self, key: Any) -> Any:
        return {"results": self.results}[key]

    def names(self) -> list[str]:
        return ["results"]

    def as_value(self) -> Json:
        raise ExpressionError(f'"tasks.{self.name}" is an included spec; name a result: tasks.{self.name}.results.NAME')
