"""Which instances a plan is about: `--target`, `--exclude` and `--rerun`. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from taskspec.diagnostics import nearest
from taskspec.errors import UsageError
from taskspec.spec.includes import SEPARATOR
from taskspec.template.instances import Expansion


@dataclass(frozen=True, slots=True)
class Selection:
    """Which instances a plan is about: addresses, task names or patterns of them."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    reruns: tuple[str, ...] = ()


def chosen_nodes(expansion: Expansion, selection: Selection) -> tuple[set[int], set[int]]:
    """The nodes in the plan, and those whose rerun was asked for."""
    graph = expansion.graph
    chosen = set(range(graph.first_join))
    if selection.targets:
        chosen &= graph.closure(_matching(expansion, "--target", selection.targets), downstream=False)
    if selection.excludes:
        chosen -= graph.closure(_matching(expansion, "--exclude", selection.excludes), downstream=True)
    return chosen, _matching(expansion, "--rerun", selection.reruns)


def _matching(expansion: Expansion, flag: str, patterns: Iterable[str]) -> set[int]:
    """Nodes by address, task, included spec, or pattern of addresses. Raises UsageError for one that fits nothing."""
    nodes: set[int] = set()
    for pattern in patterns:
        exact = {
            node
            for node, instance in enumerate(expansion.instances)
            if pattern in (instance.address, instance.task.name)
            or instance.task.name.startswith(f"{pattern}{SEPARATOR}")
            or (instance.is_folded and pattern.startswith(f"{instance.task.name}["))
        }
        found = exact or {
            node for node, instance in enumerate(expansion.instances) if fnmatch.fnmatchcase(instance.address, pattern)
        }
        if not found:
            close = nearest(pattern, [*expansion.by_task, *(i.address for i in expansion.instances)])
            raise UsageError(f'{flag} "{pattern}" fits no task of the spec', remedy=close or "see `taskspec graph`")
        nodes |= found
    return nodes
