"""The inputs of a plan, collected before it is made. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Diagnostic, nearest
from taskspec.errors import UsageError
from taskspec.plan.model import Observed, PlannedTask
from taskspec.plan.request import Facts
from taskspec.specfile.includes import SEPARATOR
from taskspec.state.model import State
from taskspec.template.expansion.instances import Expansion, Instance


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


ObservedLaunches = Mapping[str, Observed]
"""What the server says, by address; an address without an entry is one the server does not know."""


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """The inputs of a plan."""

    server: str
    expansion: Expansion
    facts: Facts
    state: State
    world: ObservedLaunches
    selection: Selection
    warnings: tuple[Diagnostic, ...] = ()
    look_up: Callable[[Iterable[Instance]], Facts] | None = None
    """Finds the modules of instances that were not known when `facts` was gathered."""
    keep_folded: Collection[str] = ()
    carried: Mapping[str, CarriedOver] = field(default_factory=dict)
    """What a run has decided already, by address. The plan keeps it."""


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """A task of a plan that is being carried out; `is_over` once it has its outcome."""

    planned: PlannedTask
    is_over: bool
