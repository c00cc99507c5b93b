"""One loop for everything that is asked again and again until it is there. Pure: the caller gives clock and pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


def poll_until(
    look: Callable[[], _Found | None],
    *,
    clock: Callable[[], float],
    pause: Callable[[float], object],
    timeout: float | None,
    first: float,
    longest: float,
    growth: float = 1.5,
) -> _Found | None:
    """Return the first value of `look` that is not None, or None once `timeout` seconds have passed.

    The first look comes at once and the last one after the timeout, so a slow pause cannot hide a value.
    Pauses grow from `first` to `longest`. Without a timeout, only `look` ends the loop.
    """
    end = None if timeout is None else clock() + timeout
    nap = first
    while True:
        is_late = end is not None and clock() >= end
        found = look()
        if found is not None or is_late:
            return found
        pause(nap)
        nap = min(nap * growth, longest)
