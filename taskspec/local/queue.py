"""When to look at the queue, and how many launches to take from it at a time. Knows the rows, not the processes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskspec.local.launches import Launches, LaunchRow

# Starting one takes about a millisecond, during which no request is answered.
_STARTS_AT_A_TIME = 8


class Queue:
    """Hands over launches as soon as there is room for them. Needs a running event loop; `close` before it ends."""

    def __init__(self, launches: Launches, room: Callable[[], int], start: Callable[[list[LaunchRow]], None]) -> None:
        self._launches = launches
        self._room = room
        self._start = start
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None
        # What is known without asking the database, which a launch that ends would otherwise do every time.
        self._has_more = True
        self._has_delayed = True

    def wake(self, *, delayed: bool = False) -> None:
        """Something was queued, perhaps for later: look soon, after the answer to the request that did it."""
        self._has_more = True
        self._has_delayed = self._has_delayed or delayed
        self._look_soon()

    def room_was_made(self) -> None:
        """Something ended: look soon if anything waits for its place."""
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
        room = min(self._room(), _STARTS_AT_A_TIME)
        due = self._launches.queued(room, time.time()) if room > 0 else []
        self._has_more = room <= 0 or len(due) == room
        if due:
            self._start(due)
        if len(due) == _STARTS_AT_A_TIME:
            self._look_soon()
        if self._has_delayed:
            self._wait_for_delayed()

    def _wait_for_delayed(self) -> None:
        """Some wait for their restart, at a moment of their own."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        moment = self._launches.next_moment(time.time())
        self._has_delayed = moment is not None
        if moment is not None:
            delay = max(0.0, moment - time.time()) + 0.001
            self._later = asyncio.get_running_loop().call_later(delay, self._look_soon)
