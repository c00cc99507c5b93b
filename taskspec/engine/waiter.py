"""Which launches are awaited, and when to ask about them next. Pure: the clock is a number passed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.plan.evidence import Findings
from taskspec.spec.endurance import Stage

_SILENT = ("", "queued", "consumed", "terminating")
MISSING_LIMIT = 3
"""Polls in a row in which the server must not know a launch before we believe that it is gone."""


@dataclass(slots=True)
class Awaited:
    """A launch whose end we wait for.

    `settling_until` is set while a finished launch still owes a result, `is_given_up` while it is being stopped
    because a deadline has passed, `is_rising` while a service is not up yet. `found` is what was looked for
    since it ended, `is_looking` while somebody does, `blind_since` the moment of the
    first look that did not come through.
    """

    node: int
    workspace: int
    task_id: int
    began: float
    status: str = ""
    missing: int = 0
    settling_until: float | None = None
    stage: Stage = Stage.QUEUED
    stage_since: float = 0.0
    is_given_up: bool = False
    is_rising: bool = False

    @property
    def is_answerable(self) -> bool:
        """Whether the app of a service may be asked if it is up."""
        return not self.is_given_up and self.status not in _SILENT

    found: Findings = field(default_factory=dict)
    is_looking: bool = False
    blind_since: float | None = None

    def enter(self, stage: Stage, now: float) -> None:
        """The launch is in this stage now; the clock of a stage starts when it is first seen in it."""
        if stage is not self.stage or not self.stage_since:
            self.stage, self.stage_since = stage, now


@dataclass(slots=True)
class Waiter:
    """Asks often while things change and less often while they do not; one list call per workspace and page."""

    shortest: float
    longest: float
    growth: float = 1.5
    launches: dict[int, Awaited] = field(default_factory=dict)
    _interval: float = field(init=False)
    _next: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._interval = self.shortest

    def add(self, awaited: Awaited, now: float) -> None:
        self.launches[awaited.node] = awaited
        self.hurry(now)

    def remove(self, node: int) -> None:
        self.launches.pop(node, None)

    def renumber(self, nodes: Mapping[int, int]) -> None:
        """The same launches, known under other nodes."""
        awaited = list(self.launches.values())
        for one in awaited:
            one.node = nodes[one.node]
        self.launches = {one.node: one for one in awaited}

    def hurry(self, now: float) -> None:
        """Something changed: ask again soon."""
        self._interval = self.shortest
        self._next = min(self._next, now + self.shortest) if self._next > now else now + self.shortest

    def asked(self, now: float, *, changed: bool) -> None:
        """A poll was answered."""
        self._interval = self.shortest if changed else min(self._interval * self.growth, self.longest)
        self._next = now + self._interval

    def seconds_left(self, now: float) -> float:
        """Until the next poll is due; 0 when it is."""
        return max(0.0, self._next - now)

    def by_workspace(self) -> dict[int, list[int]]:
        """The task ids to ask for."""
        found: dict[int, list[int]] = defaultdict(list)
        for awaited in self.launches.values():
            found[awaited.workspace].append(awaited.task_id)
        return dict(found)
