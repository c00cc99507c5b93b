"""Decides when to read the queue, and how many launches to take. Knows the rows, not the processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from taskspec.local.db.launches import Launches, LaunchRow

# A start takes about a millisecond, during which the server answers no request.
_STARTS_AT_A_TIME = 8


class Queue:
    """Starts launches when there is capacity. Needs a running event loop; call `close` before the loop ends."""

    def __init__(self, launches: Launches, free: Callable[[], int], start: Callable[[list[LaunchRow]], None]) -> None:
        self._launches = launches
        self._free = free
        self._start = start
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None
        # Known without a query, which every end of a launch would need otherwise.
        self._has_more = True
        self._has_delayed = True

    def wake(self, *, delayed: bool = False) -> None:
        """Look soon, because a launch was queued, perhaps for a later time. The request is answered first."""
        self._has_more = True
        self._has_delayed = self._has_delayed or delayed
        self._look_soon()

    def capacity_freed(self) -> None:
        """Look soon if a launch waits, because another one ended."""
        if self._has_more:
            self._look_soon()

    def close(self) -> None:
        for handle in (self._soon, self._later):
            if handle is not None:
                handle.cancel()

    def _look_soon(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._soon = None
        count = min(self._free(), _STARTS_AT_A_TIME)
        due = self._launches.queued(count, time.time()) if count > 0 else []
        self._has_more = count <= 0 or len(due) == count
        if due:
            self._start(due)
        if len(due) == _STARTS_AT_A_TIME:
            self._look_soon()
        if self._has_delayed:
            self._wait_for_delayed()

    def _wait_for_delayed(self) -> None:
        """Set the timer for the next restart."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        moment = self._launches.next_moment(time.time())
        self._has_delayed = moment is not None
        if moment is not None:
            delay = max(0.0, moment - time.time()) + 0.001
            self._later = asyncio.get_running_loop().call_later(delay, self._look_soon)
