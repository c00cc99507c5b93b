"""Free ports for apps, each for one launch at a time.

The range lies below the kernel's range for outgoing connections. An app may need seconds before it listens, and no
other program should get its port meanwhile.
"""

from __future__ import annotations

import socket
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST, LAST = 20_000, 29_999
_TRIES = 1000


class Ports:
    """Hands out the ports of its range in turn, without those on which a program listens."""

    def __init__(self, start: int) -> None:
        self._numbers = _rounds(start)
        self._lent: set[int] = set()

    def lend(self) -> int | None:
        """Return a free port, or None when there is none. An app without a server runs without a port."""
        for number in islice(self._numbers, _TRIES):
            if number not in self._lent and _is_free(number):
                self._lent.add(number)
                return number
        return None

    def keep(self, number: int | None) -> None:
        """Mark a port as used by an app of an earlier server."""
        if number is not None:
            self._lent.add(number)

    def give_back(self, number: int | None) -> None:
        if number is not None:
            self._lent.discard(number)


def _rounds(start: int) -> Iterator[int]:
    count = LAST - FIRST + 1
    while True:
        yield FIRST + start % count
        start += 1


def _is_free(number: int) -> bool:
    """Bind on every address, so that a listener on any address counts."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", number))
        except OSError:
            return False
        return True
