"""One launch, started once: send, and when the answer is lost, look before sending again.

Runs in a worker; it talks to the server and waits, and never writes state. The caller has made the intent durable.
Protocol and error classes: design section "Exactly once".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from taskspec.api import Api, StartRequest, TaskInfo
from taskspec.engine.refresh import launches_by_key
from taskspec.errors import ApiError, NotSent, OutcomeUnknown, Refused

SETTLE_SECONDS = 60.0
"""How long a start may be on its way before we may believe it never arrived; shorter windows double-start."""
GIVE_UP_SECONDS = 300.0
"""How long after the window we go on asking a server that does not answer."""
SEND_LIMIT = 5
LONGEST_LOOK = 5.0
"""Seconds between two looks, at most; and always, once the window is over and the server does not answer."""


@dataclass(frozen=True, slots=True)
class StartOrder:
    """A start whose intent is on record. `unresolved_for` is set when an earlier send may still be on its way."""

    address: str
    key: str
    request: StartRequest
    workspace: int
    watermark: int
    unresolved_for: float | None = None


@dataclass(frozen=True, slots=True)
class StartDone:
    """The server has the launch. `twins` are later launches of the same key, which were stopped."""

    task_id: int
    adopted: bool
    twins: tuple[int, ...] = ()


class Interrupted(Exception):
    """The run is ending; what was sent is on record and the next apply looks for it."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Carries out orders. `pause` sleeps, and raises Interrupted when the run ends meanwhile."""

    api: Api
    clock: Callable[[], float]
    pause: Callable[[float], None]
    settle: float = SETTLE_SECONDS

    def start(self, order: StartOrder) -> StartDone:
        """Start exactly once. Raises Refused or NotSent when the server certainly has no such launch."""
        if order.unresolved_for is not None:
            found = self._settle(order, order.unresolved_for)
            if found is not None:
                return found
        for attempt in range(SEND_LIMIT):
            try:
                return StartDone(self.api.task.start_request(order.request).id, adopted=False)
            except NotSent:
                self._again(attempt)
            except Refused as error:
                if error.status != 429:
                    raise
                self._again(attempt)
            except OutcomeUnknown:
                found = self._settle(order, 0.0)
                if found is not None:
                    return found
        return StartDone(self.api.task.start_request(order.request).id, adopted=False)

    def _again(self, attempt: int) -> None:
        self.pause(min(0.5 * 2**attempt, 8.0))

    def _settle(self, order: StartOrder, passed: float) -> StartDone | None:
        """Look for the launch until the settle window is over; None when it certainly did not arrive.

        Only a look that was answered counts. Raises OutcomeUnknown when none is, long after the window.
        """
        end = self.clock() + max(0.0, self.settle - passed)
        wait = 0.1
        while True:
            now = self.clock()
            try:
                found = self._look(order)
            except ApiError as error:
                if now > end + GIVE_UP_SECONDS:
                    raise _unresolved(order, error) from None
            else:
                if found is not None or now >= end:
                    return found
            left = end - self.clock()
            self.pause(min(wait, LONGEST_LOOK, max(left, 0.05)) if left > 0 else LONGEST_LOOK)
            wait *= 2

    def _look(self, order: StartOrder) -> StartDone | None:
        found = launches_by_key(self.api, order.workspace, order.watermark).get(order.key, [])
        if not found:
            return None
        return StartDone(found[0].id, adopted=True, twins=self._stop_twins(found[1:]))

    def _stop_twins(self, twins: list[TaskInfo]) -> tuple[int, ...]:
        for twin in twins:
            if twin.status is None or not twin.status.is_terminal:
                self.api.task.stop(twin.id)
        return tuple(twin.id for twin in twins)


def _unresolved(order: StartOrder, error: ApiError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"nobody can say whether {order.address} was started: {error.message}",
        remedy="apply again when the server answers; it looks for the launch before it starts anything",
    )
