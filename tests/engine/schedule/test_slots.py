"""Slots: never more taken than there are, nothing waits that could begin, and everything begins in the end."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from taskspec.engine.schedule.slots import Needs, Place, Slots

A, B, C = ("pool", "a"), ("pool", "b"), ("task", "c")
SIZES: dict[Place, int] = {A: 3, B: 2, C: 1}
needs_of_a_node = st.builds(
    lambda amounts: tuple(sorted(amounts.items())),
    st.fixed_dictionaries({}, optional={place: st.integers(1, size) for place, size in SIZES.items()}),
)
jobs = st.lists(st.tuples(needs_of_a_node, st.integers(-2, 2)), max_size=25)


def used(held: dict[int, Needs]) -> Counter[Place]:
    return sum((Counter(dict(needs)) for needs in held.values()), Counter())


def fits(needs: Needs, held: dict[int, Needs]) -> bool:
    taken = used(held)
    return all(taken[place] + count <= SIZES[place] for place, count in needs)


@given(jobs, st.randoms(use_true_random=False))
def test_no_place_is_overfull_no_fitting_node_waits_and_every_node_begins(
    written: list[tuple[Needs, int]], chance: random.Random
) -> None:
    slots = Slots(SIZES)
    coming = [(node, (-priority, node), needs) for node, (needs, priority) in enumerate(written)]
    chance.shuffle(coming)
    waiting: dict[int, tuple[tuple[int, int], Needs]] = {}
    held: dict[int, Needs] = {}
    begun: list[int] = []
    while coming or waiting or held:
        for node, rank, needs in [coming.pop() for _ in range(min(len(coming), chance.randint(0, 4)))]:
            slots.offer(node, rank, needs)
            waiting[node] = (rank, needs)
        while (node := slots.pick()) is not None:
            rank, needs = waiting.pop(node)
            assert fits(needs, held)
            assert not any(other < rank and fits(wanted, held) for other, wanted in waiting.values())
            held[node] = needs
            begun.append(node)
        assert not any(fits(needs, held) for _, needs in waiting.values())
        assert slots.taken == {**dict.fromkeys(slots.taken, 0), **used(held)}
        if held and (not coming or chance.random() < 0.7):
            ended = chance.choice(sorted(held))
            del held[ended]
            slots.release(ended)
            slots.release(ended)
    assert sorted(begun) == list(range(len(written)))


def test_what_does_not_fit_holds_up_none_behind_it() -> None:
    slots = Slots({A: 2})
    slots.offer(0, (0, 0), ((A, 1),))
    slots.offer(1, (0, 1), ((A, 2),))
    slots.offer(2, (0, 2), ((A, 1),))
    slots.offer(3, (0, 3), ())
    assert [slots.pick() for _ in range(4)] == [0, 2, 3, None]
    slots.release(0)
    assert slots.pick() is None
    slots.release(2)
    assert slots.pick() == 1


def test_what_runs_already_takes_its_slots_even_where_none_is_left() -> None:
    slots = Slots({A: 1})
    slots.hold(7, ((A, 1),))
    slots.hold(8, ((A, 1),))
    slots.offer(9, (0, 9), ((A, 1),))
    assert slots.pick() is None
    slots.release(7)
    assert slots.pick() is None
    slots.release(8)
    assert slots.pick() == 9


class _Watched(dict[Place, int]):
    """Sizes that count how often they are asked for."""

    asked = 0

    def __getitem__(self, place: Place) -> int:
        self.asked += 1
        return super().__getitem__(place)


def test_choosing_among_ten_thousand_costs_as_much_as_choosing_among_ten() -> None:
    sizes = _Watched(SIZES)
    slots = Slots(sizes)
    for node in range(10_000):
        slots.offer(node, (0, node), ((A, 1), (C, 1)))
    for expected in range(10_000):
        assert slots.pick() == expected
        assert slots.pick() is None
        slots.release(expected)
    assert sizes.asked < 10_000 * 5
