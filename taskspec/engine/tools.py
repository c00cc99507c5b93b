"""What an apply works with, and how it was asked to work: one value instead of many parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskspec.engine.catalogue import Catalogue
from taskspec.engine.events import Listener
from taskspec.engine.evidence import Looked, look
from taskspec.engine.leaving import OnInterrupt
from taskspec.engine.ledger import Journal
from taskspec.engine.performing import NobodyPerforms, Performer
from taskspec.engine.server import Server
from taskspec.engine.start import SETTLE_SECONDS
from taskspec.engine.workers import Hands, Threads
from taskspec.plan.evaluate import Evaluator
from taskspec.plan.evidence import Need
from taskspec.plan.inputs import PlanInputs

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
class Tools:
    """Everything outside that an apply touches; `clock` is monotonic, `wall` is the time of day.

    `look` finds what launches left elsewhere than in their output.
    """

    server: Server
    store: Journal
    evaluator: Evaluator
    catalogue: Catalogue
    listener: Listener
    clock: Callable[[], float]
    wall: Callable[[], float]
    pace: Pace
    hands: Hands = field(default_factory=Threads)
    performer: Performer = field(default_factory=NobodyPerforms)
    inputs: PlanInputs | None = None
    """What the plan was made of, to plan what only the run makes known."""
    look: Callable[[Api, TaskInfo, Iterable[Need]], Looked] = look
