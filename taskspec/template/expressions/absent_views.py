"""What an expression sees of a task without results: it failed, or it was skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.template.expressions.expression import Reference
from taskspec.template.expressions.task_views import FanOutView, TasksView, TaskView
from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import Json, Unknown


@dataclass(frozen=True, slots=True)
class NoResults(ScopeObject):
    """The results of a task that has none: every name is missing, so that `| default(…)` gives another value."""

    address: str
    outcome: str

    def why_missing(self, key: Any) -> str:
        return f'there is no result "{key}": task "{self.address}" has {_outcome_phrase(self.outcome)}; {_REMEDY}'

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def as_value(self) -> Json:
        return {}


@dataclass(frozen=True, slots=True)
class AbsentView(ScopeObject):
    """An instance that did not succeed. `id` is that of its failed launch, or None where nothing was launched."""

    address: str
    outcome: str
    id: int | None = None

    def look_up(self, key: Any) -> Any:
        if key == "id" and self.id is None:
            raise KeyError(key)
        known = {"id": self.id, "name": self.address, "outcome": self.outcome}
        return NoResults(self.address, self.outcome) if key == "results" else known[key]

    def names(self) -> list[str]:
        return ["id", "name", "outcome", "results"] if self.id is not None else ["name", "outcome", "results"]

    def why_missing(self, key: Any) -> str | None:
        if key != "id":
            return None
        return f'there is no launch: task "{self.address}" has {_outcome_phrase(self.outcome)}; {_REMEDY}'

    def as_value(self) -> Json:
        if self.id is None:
            raise ExpressionError(self.why_missing("id") or "")
        return self.id


_REMEDY = "`| default(…)` gives another value"


def _outcome_phrase(outcome: str) -> str:
    return "been skipped" if outcome == "skipped" else "not succeeded"


class SucceededTasks(ScopeObject):
    """The root `tasks` for a task with `partial: continue`: a fan-out holds the instances that succeeded.

    While an instance may still fail, what the fan-out holds is not known.
    """

    __slots__ = ("_tasks",)

    def __init__(self, tasks: TasksView) -> None:
        self._tasks = tasks

    def look_up(self, key: Any) -> Any:
        found = self._tasks.look_up(key)
        if not isinstance(found, FanOutView):
            return found
        if any(isinstance(view, TaskView) and view.outcome is None for view in found.cells.values()):
            return Unknown(f"tasks.{key}")
        return FanOutView(succeeded(found.cells), found.order)

    def names(self) -> list[str]:
        return self._tasks.names()


def succeeded(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells that have results."""
    return {key: view for key, view in cells.items() if not isinstance(view, AbsentView)}


def reads_absent(tasks: TasksView, references: Iterable[Reference]) -> bool:
    """Whether one of the references is to a task that did not succeed, or has an instance that did not."""
    return any(read.root == "tasks" and read.steps and _is_absent(tasks, read.steps[0]) for read in references)


def _is_absent(tasks: TasksView, name: object) -> bool:
    try:
        found = tasks.look_up(name)
    except KeyError:
        return False
    return isinstance(found, AbsentView) or (
        isinstance(found, FanOutView) and any(isinstance(view, AbsentView) for view in found.cells.values())
    )
