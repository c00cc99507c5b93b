"""The inputs of a plan, collected before it is made. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Diagnostic
from taskspec.plan.model import Observed, PlannedTask
from taskspec.plan.request import Facts
from taskspec.plan.selection import Selection
from taskspec.state.model import State
from taskspec.template.instances import Expansion, Instance

World = Mapping[str, Observed]
"""What the server says, by address; an address without an entry is one the server does not know."""


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """The inputs of a plan."""

    server: str
    expansion: Expansion
    facts: Facts
    state: State
    world: World
    selection: Selection
    warnings: tuple[Diagnostic, ...] = ()
    look_up: Callable[[Iterable[Instance]], Facts] | None = None
    """Finds the modules of instances that were not known when `facts` was gathered."""
    keep_folded: Collection[str] = ()
    carried: Mapping[str, Carried] = field(default_factory=dict)
    """What a run has decided already, by address. The plan keeps it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A task of a plan that is being carried out; `is_over` once it has its outcome."""

    planned: PlannedTask
    is_over: bool
