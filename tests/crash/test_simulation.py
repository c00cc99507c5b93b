"""Exactly once, over many simulated lives: faults and deaths at every point, and each key is started once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from taskspec.rehearsal.faults import Course, ServerFaults, StartAnswer, StartFault

from .simulation import ANSWERS, World

Worlds = Callable[..., World]
SEEDS = 120
BLOCK = 20


@dataclass(slots=True)
class FirstStart:
    """The first start of every task goes wrong in one way, everything else goes well, and lists lag."""

    fault: StartFault | None
    server: ServerFaults = field(default_factory=lambda: ServerFaults(list_lag=4.0))
    failing: frozenset[str] = frozenset()

    def course(self, address: str, number: int) -> Course:
        return Course(1, 1, 5)

    def start(self, address: str, number: int) -> StartFault | None:
        return self.fault if number == 1 else None

    def call(self, method: str) -> bool:
        return False


def with_faults(world: World, fault: StartFault | None) -> World:
    world.faults = world.fake.faults = FirstStart(fault)
    return world


@pytest.mark.parametrize("block", range(SEEDS // BLOCK))
def test_whatever_fails_and_wherever_it_dies_every_key_is_started_once(worlds: Worlds, block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        world = worlds(seed)
        world.check(world.live_until_done())


@pytest.mark.parametrize(
    "fault",
    [None, *map(StartFault, ANSWERS), StartFault(StartAnswer.LOST, late_by=50.0)],
    ids=lambda f: f"{f and (f.answer, f.late_by)}",
)
def test_a_death_at_each_kind_of_point_of_a_run_starts_nothing_twice(worlds: Worlds, fault: StartFault | None) -> None:
    undisturbed = with_faults(worlds(7, size=2, share=0.0), fault)
    report, boundaries = undisturbed.live()
    assert report is not None
    undisturbed.check(report)
    points = telling(boundaries.names)
    assert len(points) > 15, "a run has more points than that: the counter does not count"
    for point in points:
        world = with_faults(worlds(7, size=2, share=0.0), fault)
        assert world.live(point)[0] is None
        report, _ = world.live()
        assert report is not None
        world.check(report)


def telling(names: list[str]) -> list[int]:
    """Every point at which something changes, and each fortieth of the looks in between."""
    looks = [n for n, name in enumerate(names, 1) if "tasks.list" in name]
    return sorted({*range(1, len(names) + 1)} - set(looks) | set(looks[::40]))


@pytest.mark.parametrize("size", [12, 25, 40])
def test_a_report_tells_of_every_task_and_names_the_failure_that_skipped_it(worlds: Worlds, size: int) -> None:
    failed = 0
    for seed in range(8):
        world = worlds(seed, size=size, share=0.0)
        report, _ = world.live()
        assert report is not None
        assert world.outcomes(report) == world.expected()
        world.check(report)
        failed += len(world.faults.failing)
    assert failed, "no task failed: nothing was tried"


def test_the_same_seed_gives_the_same_trace(worlds: Worlds) -> None:
    for seed in (3, 17, 60):
        first, second = worlds(seed), worlds(seed)
        for world in (first, second):
            world.live_until_done()
        assert first.trace == second.trace
        assert first.clock.now == second.clock.now


def test_another_seed_gives_another_trace(worlds: Worlds) -> None:
    first, second = worlds(3), worlds(4)
    first.live_until_done()
    second.live_until_done()
    assert first.digest() != second.digest()


@pytest.mark.parametrize("jump", [-7200.0, 7200.0, 10 * 86400.0])
def test_a_jump_of_the_time_of_day_changes_nothing(worlds: Worlds, jump: float) -> None:
    """The clock on the wall jumps to and fro at every single look at it."""
    for fault in (
        StartFault(StartAnswer.LOST),
        StartFault(StartAnswer.NEVER_ARRIVES),
        StartFault(StartAnswer.LOST, 50),
    ):
        steady, jumping = (with_faults(worlds(11, size=4, share=0.0), fault) for _ in range(2))
        for world in (steady, jumping):
            world.live(12)
        jumping.wall_jumps = itertools.cycle([jump, 0.0, -jump])
        for world in (steady, jumping):
            world.check(world.live_until_done())
        assert jumping.trace == steady.trace


def test_a_start_that_the_network_delivers_after_the_settle_window_is_the_risk_that_is_left(worlds: Worlds) -> None:
    """The boundary of the promise, held by a test so that nobody claims more."""
    world = with_faults(worlds(5, size=1, share=0.0), StartFault(StartAnswer.LOST, late_by=90.0))
    world.live_until_done()
    world.fake.deliver_late(world.clock.now + 1000)
    assert list(world.fake.starts.values()) == [2]


def test_a_settle_window_that_is_too_short_is_found_out(worlds: Worlds) -> None:
    """The proof can fail: without the window the same seeds show starts that were carried out twice."""
    broken = 0
    for seed in range(40):
        world = worlds(seed, settle=0.0)
        try:
            world.check(world.live_until_done())
        except AssertionError:
            broken += 1
    assert broken


def test_a_launch_that_lists_do_not_show_yet_is_neither_lost_nor_started_again(worlds: Worlds) -> None:
    world = with_faults(worlds(2, size=3, share=0.0), None)
    world.faults = world.fake.faults = FirstStart(None, replace(world.faults.server, list_lag=500.0))
    report, _ = world.live()
    assert report is not None
    world.check(report)
    report, _ = world.live()
    assert report is not None
    assert {task.outcome for task in report.tasks} == {"kept"}
