"""Who may begin now where places are limited: pools, instances of one task, launches on one agent. Pure.

Nodes with the same needs stand in one line. A line whose head does not fit waits for the place it lacks and holds up
no other line. So a choice costs as much as there are lines, however many nodes wait.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Place = tuple[str, str]
"""What is limited: its kind, and its name."""

Needs = tuple[tuple[Place, int], ...]
"""Slots a node takes of each place, in a fixed order."""

Rank = tuple[int, int]
"""Who goes first: the lower."""


@dataclass(slots=True)
class Slots:
    """Hands out nodes by rank among those that fit, and never more slots of a place than it has.

    A node that runs already, because it was launched before, takes its slots even where there are none left.
    """

    sizes: Mapping[Place, int]
    taken: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    spare: Callable[[int], Needs] = lambda _: ()
    """What must be free in addition to the needs of a node before it begins; the node does not take it."""
    _holders: dict[int, Needs] = field(default_factory=dict)
    _waiting_lines: dict[Needs, list[tuple[Rank, int]]] = field(default_factory=dict)
    _heads: list[tuple[Rank, int, Needs]] = field(default_factory=list)
    """Lines that may fit, by the rank of their head; an entry whose head has changed is stale."""
    _lacking: dict[Place, dict[Needs, None]] = field(default_factory=lambda: defaultdict(dict))

    def offer(self, node: int, rank: Rank, needs: Needs) -> None:
        """The node may begin as soon as it fits."""
        line = self._waiting_lines.setdefault(needs, [])
        heapq.heappush(line, (rank, node))
        if line[0] == (rank, node):
            heapq.heappush(self._heads, (rank, node, needs))

    def pick(self) -> int | None:
        """The first node that fits, its slots taken; None while none does."""
        while self._heads:
            rank, node, needs = heapq.heappop(self._heads)
            line = self._waiting_lines.get(needs)
            if not line or line[0] != (rank, node):
                continue
            lacking = self._lacking_place(needs) or self._lacking_place(_together(needs, self.spare(node)))
            if lacking is not None:
                self._lacking[lacking][needs] = None
                continue
            heapq.heappop(line)
            self._show_head(needs)
            self.hold(node, needs)
            return node
        return None

    def look_again(self) -> None:
        """Fewer slots may have to be spare now, although none was given back."""
        for place in [place for place in self._lacking if self._lacking[place]]:
            for needs in self._lacking.pop(place):
                self._show_head(needs)

    def give_up(self) -> tuple[int, Place, list[int]] | None:
        """Remove and return the first waiting node, the place it lacks and who holds that; None if no node waits."""
        waiting = [(line[0], needs) for needs, line in self._waiting_lines.items() if line]
        if not waiting:
            return None
        (_, node), needs = min(waiting)
        heapq.heappop(self._waiting_lines[needs])
        self._show_head(needs)
        place = self._lacking_place(needs) or self._lacking_place(_together(needs, self.spare(node)))
        if place is None:
            raise AssertionError("what fits does not wait")
        return node, place, [holder for holder, held in self._holders.items() if dict(held).get(place)]

    def holds(self, node: int) -> bool:
        return node in self._holders

    def hold(self, node: int, needs: Needs) -> None:
        """The node has begun, whether it fits or not."""
        self.release(node)
        self._holders[node] = needs
        for place, count in needs:
            self.taken[place] += count

    def release(self, node: int) -> None:
        """The node holds nothing any more; saying so twice does no harm."""
        for place, count in self._holders.pop(node, ()):
            self.taken[place] -= count
            for needs in self._lacking.pop(place, ()):
                self._show_head(needs)

    def _lacking_place(self, needs: Needs) -> Place | None:
        return next((place for place, count in needs if self.taken[place] + count > self.sizes[place]), None)

    def _show_head(self, needs: Needs) -> None:
        line = self._waiting_lines.get(needs)
        if line:
            heapq.heappush(self._heads, (*line[0], needs))
        else:
            self._waiting_lines.pop(needs, None)


def _together(needs: Needs, more: Needs) -> Needs:
    if not more:
        return ()
    total = dict(needs)
    for place, count in more:
        total[place] = total.get(place, 0) + count
    return tuple(total.items())
