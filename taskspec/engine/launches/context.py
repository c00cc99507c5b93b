"""What an apply works with, and how it was asked to work: one value instead of many parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskspec.engine.events import Listener
from taskspec.engine.executors.call_protocol import CallExecutor, NoExecutor
from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.journal import Journal
from taskspec.engine.launches.start import SETTLE_SECONDS
from taskspec.engine.server.catalogue import Catalogue
from taskspec.engine.server.connection import Server
from taskspec.engine.server.lookups import LookupResult, look_up_needs
from taskspec.engine.workers import Executor, ThreadExecutor
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.lookup_needs import Need
from taskspec.plan.plan_inputs import PlanInputs

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo

POLL_LONGEST = 5.0
"""The longest pause between two looks at a server."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How an apply paces itself. Seconds, all of them."""

    parallelism: int = 8
    results_grace: float = 10.0
    settle: float = SETTLE_SECONDS
    detach_within: float = 1.5
    poll_shortest: float = 0.02
    poll_longest: float = POLL_LONGEST
    server_patience: float = 300.0
    on_interrupt: OnInterrupt = OnInterrupt.DETACH
    deadline: float | None = None
    fail_fast: bool | None = None
    """Whether the first failure ends the run; None leaves that to the spec."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """Everything outside that an apply touches; `clock` is monotonic, `wall` is the time of day.

    `look_up_needs` finds what launches left elsewhere than in their output.
    """

    server: Server
    store: Journal
    evaluator: Evaluator
    catalogue: Catalogue
    listener: Listener
    clock: Callable[[], float]
    wall: Callable[[], float]
    pace: Pace
    executor: Executor = field(default_factory=ThreadExecutor)
    call_executor: CallExecutor = field(default_factory=NoExecutor)
    inputs: PlanInputs | None = None
    """What the plan was made of, to plan what only the run makes known."""
    look_up_needs: Callable[[Api, TaskInfo, Iterable[Need]], LookupResult] = look_up_needs
