"""Numbers that are not ours, starts that arrive twice, older states and hidden keys, with deaths at random points.

Each start happens once where the network delivers once. Nothing is a success that did not run, and no launch of
another user is stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from taskspec.api.tasks.start_request import marker
from taskspec.rehearsal.fake_launch import FakeLaunch
from taskspec.rehearsal.fake_server import Answer, FakeServer
from taskspec.rehearsal.faults import LaunchTimeline
from taskspec.state.model import Outcome

from .simulation import Simulation

Simulations = Callable[..., Simulation]
SEEDS = range(16)
FOREIGN = "f" * 20


class DeliveringTwice(FakeServer):
    """The network delivers a third of the starts twice, and passes one of the two answers on."""

    chance = Random(1)

    def _start(self, body: Mapping[str, Any], now: float) -> Answer:
        first = super()._start(body, now)
        if self.chance.random() > 0.3:
            return first
        second = super()._start(body, now)
        return self.chance.choice([first, second])


class Misdirecting(FakeServer):
    """A third of the answers to a start name the launch of another start."""

    chance = Random(1)

    def _start(self, body: Mapping[str, Any], now: float) -> Answer:
        status, content = super()._start(body, now)
        if len(self.launches) > 1 and self.chance.random() < 0.3:
            wrong = self.chance.choice([*self.launches][:-1])
            return status, [{**content[0], "taskId": wrong}]
        return status, content


class HidingKeys(FakeServer):
    """Lists and single answers have no descriptions."""

    def handle(self, method: str, body: Mapping[str, Any], now: float) -> Answer:
        status, content = super().handle(method, body, now)
        rows = content.get("entities", [content]) if isinstance(content, dict) else []
        for row in rows:
            row.pop("description", None)
        return status, content


def with_server(simulation: Simulation, kind: type[FakeServer]) -> Simulation:
    simulation.fake = kind(simulation.faults)
    return simulation


def lives(simulation: Simulation, count: int, between: Callable[[int], None] = lambda _: None) -> None:
    """Some lives with deaths at random points, then quiet ones until nothing changes any more."""
    for life in range(count):
        simulation.live(simulation.chance.randint(1, 60) if simulation.chance.random() < 0.6 else None)
        simulation.clock.now += simulation.chance.uniform(0, 30)
        between(life)
    simulation.faults.share = 0.0
    for _ in range(6):
        simulation.live()
        simulation.clock.now += 100


def check_nothing_is_claimed(simulation: Simulation) -> None:
    """Every success on record is the launch of its own start, and it has finished."""
    now = simulation.clock.now
    for address, record in simulation.state().records.items():
        if record.outcome is Outcome.SUCCEEDED:
            launch = simulation.fake.launches[record.task_id or 0]
            assert (launch.address, launch.key) == (address, record.key), f"seed {simulation.seed}: {record}"
            assert launch.status(now) == "finished", f"seed {simulation.seed}: {record}"


def check_started_once(simulation: Simulation) -> None:
    assert set(simulation.fake.starts.values()) <= {1}, f"seed {simulation.seed}: {simulation.fake.starts}"


def check_succeeded(simulation: Simulation) -> None:
    found = {address: record.succeeded for address, record in simulation.state().records.items()}
    wanted = {name: outcome == "succeeded" for name, outcome in simulation.expected().items() if outcome != "skipped"}
    assert found == wanted, f"seed {simulation.seed}:\n" + "\n".join(simulation.trace[-20:])


def test_a_start_that_is_delivered_twice_leaves_one_launch(simulations: Simulations) -> None:
    twins = 0
    for seed in SEEDS:
        simulation = with_server(simulations(seed, share=0.1), DeliveringTwice)
        lives(simulation, 3)
        check_nothing_is_claimed(simulation)
        check_succeeded(simulation)
        now = simulation.clock.now + 1000
        assert all(launch.status(now).is_terminal for launch in simulation.fake.launches.values())
        twins += sum(count == 2 for count in simulation.fake.starts.values())
    assert twins > 10, "no start was delivered twice: nothing was tried"


def test_an_answer_that_names_another_launch_is_never_believed(simulations: Simulations) -> None:
    told = 0
    for seed in SEEDS:
        simulation = with_server(simulations(seed, share=0.1), Misdirecting)
        lives(simulation, 4)
        check_started_once(simulation)
        check_nothing_is_claimed(simulation)
        check_succeeded(simulation)
        told += any("carries the key of another start" in line for line in simulation.trace)
    assert told > 5, "no answer was misdirected: nothing was tried"


def test_a_server_that_numbers_its_launches_anew_is_followed_by_the_keys(simulations: Simulations) -> None:
    """The launches of this spec get other numbers, and launches of another user get theirs."""

    def renumber(life: int) -> None:
        fake = simulation.fake
        if life == 1:
            by = len(fake.launches)
            moved = {number + by: replace_id(launch, number + by) for number, launch in fake.launches.items()}
            others = {number: foreign(number, simulation.clock.now) for number in fake.launches}
            fake.launches = {**others, **moved}

    for seed in SEEDS:
        simulation = simulations(seed, share=0.1)
        lives(simulation, 3, renumber)
        check_started_once(simulation)
        check_nothing_is_claimed(simulation)
        check_succeeded(simulation)
        others = [launch for launch in simulation.fake.launches.values() if launch.key == FOREIGN]
        assert all(launch.stop_at is None for launch in others), f"seed {seed}: a foreign launch was stopped"


def replace_id(launch: FakeLaunch, number: int) -> FakeLaunch:
    launch.id = number
    return launch


def foreign(number: int, now: float) -> FakeLaunch:
    body = {"description": marker(FOREIGN), "workspaceId": 1, "taskName": "other"}
    return FakeLaunch(number, FOREIGN, "other", body, now, LaunchTimeline(0, 0, 9e9), {})


def test_an_older_copy_of_the_state_starts_nothing_again(simulations: Simulations) -> None:
    taken_over = 0
    for seed in SEEDS:
        simulation = simulations(seed, share=0.1)
        copies = simulation.folder / "copies"

        def copy_and_restore(life: int, simulation: Simulation = simulation, copies: Path = copies) -> None:
            if life == 0:
                copies.mkdir()
                for file in simulation.folder.glob("state.*"):
                    shutil.copy(file, copies)
            elif life == 2:
                for file in copies.iterdir():
                    shutil.copy(file, simulation.folder)

        lives(simulation, 3, copy_and_restore)
        check_started_once(simulation)
        check_nothing_is_claimed(simulation)
        check_succeeded(simulation)
        taken_over += any("the state does not know it" in line for line in simulation.trace)
    assert taken_over > 3, "no copy was older than the server: nothing was tried"


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_where_the_server_shows_no_keys_a_lost_answer_is_not_answered_with_a_second_start(
    simulations: Simulations, share: float
) -> None:
    for seed in SEEDS:
        simulation = with_server(simulations(seed, share=share), HidingKeys)
        lives(simulation, 3)
        check_started_once(simulation)
        check_nothing_is_claimed(simulation)
