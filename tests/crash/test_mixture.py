"""Services, requests, waits and platform calls over many simulated lives: each start once, nothing left running, no
call made again where its outcome is unknown. Every seed is another town; more of them only take longer.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .mixture import Town

Towns = Callable[..., Town]
SEEDS = 60
BLOCK = 20


def lead(town: Town) -> None:
    """The whole story of a town: until it is done, and again after a service was changed."""
    assert town.calm is not None
    town.check(town.live_until_done())
    for one in (town, town.calm):
        one.replace_a_service()
    town.check(town.live_until_done())


@pytest.mark.parametrize("block", range(SEEDS // BLOCK))
def test_whatever_fails_and_wherever_it_dies_services_and_calls_come_out_as_in_a_calm_world(
    towns: Towns, block: int
) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        lead(towns(seed))


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(19, id="a kept service without users retires the launch it replaces"),
        pytest.param(407, id="an interrupt leaves a service to a launch that is not attached to yet"),
        pytest.param(1, id="a removal whose answer was lost is not sent again"),
        pytest.param(411, id="a person decides about a destructive request whose service died meanwhile"),
        pytest.param(573, id="a request is not made again when its service dies meanwhile"),
        pytest.param(63, id="a for_each over the results of a skipped task is skipped"),
    ],
)
def test_what_the_simulation_has_found(towns: Towns, seed: int) -> None:
    lead(towns(seed))


def test_a_death_at_each_point_of_a_run_leaves_nothing_running_and_repeats_nothing(towns: Towns) -> None:
    _, boundaries = towns(13, size=4, share=0.0).live()
    points = range(1, boundaries.count + 1)
    assert len(points) > 30, "a run has more points than that: the counter does not count"
    for point in points[:: max(1, len(points) // 25)]:
        town = towns(13, size=4, share=0.0)
        town.check(town.live_until_done(point))


def test_a_spec_of_every_kind_is_among_the_seeds(towns: Towns) -> None:
    """The proof is of what it says: the seeds of the short form hold every kind, kept and reused services too."""
    parts = [part for seed in range(SEEDS) for part in towns(seed).plot.parts.values()]
    found = {part.kind for part in parts} | {key for part in parts for key in part.body}
    assert {"job", "service", "request", "wait", "api"} <= found
    assert {"keep", "reuse", "idempotent", "poll", "destructive", "for_each", "when", "run_on", "retry"} <= found
