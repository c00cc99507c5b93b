"""The scope of an expression with the secrets it names laid open, for the one evaluation that needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from taskspec.secrets.sensitive import Sensitive, sensitive_in
from taskspec.template.expressions.task_views import FanOutView, TaskView
from taskspec.template.expressions.undefined import ScopeObject


def reveal_paths(
    scope: Mapping[str, Any], paths: Iterable[tuple[str, Sequence[object]]]
) -> tuple[Mapping[str, Any], list[Sensitive]]:
    """The scope with what the paths lead to laid open, and every secret that is in it."""
    known: dict[str, Any] = dict(scope)
    found: list[Sensitive] = []
    for root, steps in paths:
        value = scope.get(root)
        first = steps[0] if steps else None
        if isinstance(value, Mapping) and isinstance(first, str) and first in value:
            known[root] = {**known[root], first: _open(value[first], found)}
        else:
            known[root] = _open(value, found)
    return known, found


def _open(value: Any, found: list[Sensitive]) -> Any:
    if isinstance(value, Sensitive):
        found.append(value)
        return value if value.is_withheld else value.reveal()
    if isinstance(value, TaskView):
        return replace(value, results=_open(value.results, found))
    if isinstance(value, FanOutView):
        return replace(value, cells={key: _open(cell, found) for key, cell in value.cells.items()})
    if isinstance(value, ScopeObject):
        return _RevealedNames(value, found)
    if next(sensitive_in(value), None) is None:
        return value
    if isinstance(value, Mapping):
        return {key: _open(item, found) for key, item in value.items()}
    return [_open(item, found) for item in value]


@dataclass(frozen=True, slots=True)
class _RevealedNames(ScopeObject):
    """Names whose values are revealed when they are read."""

    inner: ScopeObject
    found: list[Sensitive]

    def look_up(self, key: Any) -> Any:
        return _open(self.inner.look_up(key), self.found)

    def names(self) -> list[str]:
        return self.inner.names()
