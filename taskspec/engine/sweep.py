"""A last look for launches that came of a start which was sent again and then arrived after all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from taskspec.engine.refresh import launches_by_key, observed
from taskspec.engine.start import StartOrder
from taskspec.engine.stopping import try_stop
from taskspec.engine.tools import Tools
from taskspec.errors import ApiError


@dataclass(frozen=True, slots=True)
class SweepTwins:
    """Look once more for launches that came of a start which was sent again."""


@dataclass(slots=True)
class Sweep:
    """Remembers the starts of this run whose twin may still turn up. `is_due` until the last look has begun."""

    tools: Tools
    is_due: bool = False
    _resent: list[tuple[StartOrder, int]] = field(default_factory=list)

    def remember(self, order: StartOrder, task_id: int) -> None:
        self._resent.append((order, task_id))
        self.is_due = True

    def stop_twins(self, pause: Callable[[float], None]) -> list[tuple[str, str]]:
        """Stop every younger launch of a key we sent again; the address and what was done, for people.

        Runs in a worker.
        """
        return list(self._stop_twins(pause))

    def _stop_twins(self, pause: Callable[[float], None]) -> Iterator[tuple[str, str]]:
        api, clock = self.tools.server.api, self.tools.clock
        for order, task_id in self._resent:
            try:
                found = launches_by_key(api, order.workspace, order.watermark).get(order.key, [])
            except ApiError as error:
                yield order.address, f"nobody could look for a second launch: {error.message}; the next apply looks"
                continue
            for twin in found:
                if twin.id != task_id and not observed(twin).is_terminal:
                    problem = try_stop(api, twin.id, clock, pause)
                    fate = f"could not be stopped: {problem}" if problem else "was stopped"
                    yield order.address, f"started more than once; the later launch {twin.id} {fate}"
