"""What `tasks.…` and `launch.…` mean inside an expression: launches as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskspec.template.missing import Addressable
from taskspec.values import Json, Unknown


@dataclass(frozen=True, slots=True)
class TaskView(Addressable):
    """One instance as other tasks see it. `id` and each result may be Unknown; `outcome` is None while it is open."""

    address: str
    id: Json
    results: Mapping[str, Json]
    outcome: str | None = "succeeded"

    def look_up(self, key: Any) -> Any:
        if key == "outcome":
            return self.outcome if self.outcome is not None else Unknown(f"tasks.{self.address}.outcome")
        return {"id": self.id, "name": self.address, "results": self.results}[key]

    def names(self) -> list[str]:
        return ["id", "name", "outcome", "results"]

    def as_value(self) -> Json:
        """A whole task stands for its launch: the id."""
        return self.id


def unknown_view(address: str, results: Sequence[str] | Mapping[str, Json]) -> TaskView:
    """An instance that has still to run."""
    base = f"tasks.{address}"
    unknown = {name: Unknown(f"{base}.results.{name}") for name in results}
    return TaskView(address, Unknown(f"{base}.id"), unknown, outcome=None)


@dataclass(frozen=True, slots=True)
class FanOutView(Addressable):
    """All instances of a task: index by key for one, iterate for all in order."""

    cells: Mapping[str, Addressable]

    def look_up(self, key: Any) -> Any:
        return self.cells[str(key)]

    def names(self) -> list[str]:
        return list(self.cells)

    def __iter__(self) -> Iterator[Addressable]:
        return iter(self.cells.values())

    def __len__(self) -> int:
        return len(self.cells)

    def as_value(self) -> Json:
        return [view.as_value() for view in self.cells.values()]


class TasksView(Addressable):
    """The root `tasks`: views are put in as the walk through the graph goes on."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: dict[str, Addressable | dict[str, Addressable]] = {}

    def put(self, task: str, key: str | None, view: Addressable) -> None:
        if key is None:
            self._tasks[task] = view
            return
        cells = self._tasks.setdefault(task, {})
        assert isinstance(cells, dict)  # noqa: S101 - a task has keys or it has none
        cells[key] = view

    def declare(self, task: str) -> None:
        """A fan-out without a single item is an empty list, not an unknown name."""
        self._tasks.setdefault(task, {})

    def look_up(self, key: Any) -> Any:
        found = self._tasks[key]
        return FanOutView(found) if isinstance(found, dict) else found

    def names(self) -> list[str]:
        return list(self._tasks)
