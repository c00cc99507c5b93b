"""Services, requests, waits and platform calls in many simulations: each start happens once, no launch is left
running, and no call with an unknown outcome is repeated. More seeds give more specs and take longer.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .mixture import MixedSimulation

MixedSimulations = Callable[..., MixedSimulation]
SEEDS = 60
BLOCK = 20


def check_whole_life(mixed_simulation: MixedSimulation) -> None:
    """Apply until it is done, and again after a change of one service."""
    assert mixed_simulation.undisturbed is not None
    mixed_simulation.check(mixed_simulation.live_until_done())
    for one in (mixed_simulation, mixed_simulation.undisturbed):
        one.replace_a_service()
    mixed_simulation.check(mixed_simulation.live_until_done())


@pytest.mark.parametrize("block", range(SEEDS // BLOCK))
def test_whatever_fails_and_wherever_it_dies_services_and_calls_come_out_as_without_faults(
    mixed_simulations: MixedSimulations, block: int
) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        check_whole_life(mixed_simulations(seed))


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(19, id="a kept service without users retires the launch it replaces"),
        pytest.param(407, id="an interrupt leaves a service to a launch that is not attached to yet"),
        pytest.param(1, id="a removal whose answer was lost is not sent again"),
        pytest.param(411, id="the user decides about a destructive request whose service died meanwhile"),
        pytest.param(573, id="a request is not made again when its service dies meanwhile"),
        pytest.param(63, id="a for_each over the results of a skipped task is skipped"),
    ],
)
def test_what_the_simulation_has_found(mixed_simulations: MixedSimulations, seed: int) -> None:
    check_whole_life(mixed_simulations(seed))


def test_a_death_at_each_point_of_a_run_leaves_nothing_running_and_repeats_nothing(
    mixed_simulations: MixedSimulations,
) -> None:
    _, boundaries = mixed_simulations(13, size=4, share=0.0).live()
    points = range(1, boundaries.count + 1)
    assert len(points) > 30, "a run has more points: the counter is wrong"
    for point in points[:: max(1, len(points) // 25)]:
        mixed_simulation = mixed_simulations(13, size=4, share=0.0)
        mixed_simulation.check(mixed_simulation.live_until_done(point))


def test_a_spec_of_every_kind_is_among_the_seeds(mixed_simulations: MixedSimulations) -> None:
    """The seeds of this suite cover every kind of task, including kept and reused services."""
    parts = [part for seed in range(SEEDS) for part in mixed_simulations(seed).spec.parts.values()]
    found = {part.kind for part in parts} | {key for part in parts for key in part.body}
    assert {"job", "service", "request", "wait", "api"} <= found
    assert {"keep", "reuse", "idempotent", "poll", "destructive", "for_each", "when", "run_on", "retry"} <= found
