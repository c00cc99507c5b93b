"""Free ports for apps, each lent to one launch at a time.

Below the range that the kernel lends to outgoing connections: an app may take seconds to begin listening, and nobody
else should be given its port meanwhile.
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
    """Lends ports, round and round through its range, and leaves out the ones that somebody listens on."""

    def __init__(self, start: int) -> None:
        self._numbers = _rounds(start)
        self._lent: set[int] = set()

    def lend(self) -> int | None:
        """A port that nobody listens on; None when there is none, which only an app that wants one will notice."""
        for number in islice(self._numbers, _TRIES):
            if number not in self._lent and _is_free(number):
                self._lent.add(number)
                return number
        return None

    def keep(self, number: int | None) -> None:
        """Count a port as lent: an app of an earlier server has it."""
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
    """Bound on every address, so that a listener on any of them counts."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", number))
        except OSError:
            return False
        return True
