"""Who may write: when a lease is over, and what a take-over does to the one who held it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from taskspec.errors import ExitCode, LockHeld
from taskspec.files.process_mark import mark_of
from taskspec.state.lease import LEASE_SECONDS, Lease, Owner, is_over, this_owner, why_over
from taskspec.state.model import EventKind
from taskspec.state.store import StateStore, open_store

from .journals import event

INTENT = event(EventKind.INTENT)


@dataclass(slots=True)
class Clock:
    """A clock the tests move."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def first(tmp_path: Path, clock: Clock) -> Iterator[StateStore]:
    with open_store(tmp_path / "state.db", clock=clock) as store:
        yield store


@pytest.fixture
def second(tmp_path: Path, clock: Clock, first: StateStore) -> Iterator[StateStore]:
    """Another writer's view of the same file."""
    with open_store(tmp_path / "state.db", clock=clock) as store:
        yield store


@pytest.fixture
def neighbour() -> Iterator[Owner]:
    """Another process on this machine that lives while the test does."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield owner_of(process.pid)
    finally:
        process.communicate(b"\n")


def dead_process() -> Owner:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    owner = owner_of(gone.pid)
    gone.wait()
    return owner


def owner_of(pid: int) -> Owner:
    mark = mark_of(pid)
    assert mark is not None
    return replace(this_owner(), pid=pid, started=psutil.Process(pid).create_time(), mark=mark)


SOON, LATE = LEASE_SECONDS - 1, LEASE_SECONDS + 1


def elsewhere(owner: Owner) -> Owner:
    return replace(owner, host="elsewhere.example")


def living(owner: Owner) -> Owner:
    return owner


def after_reboot(owner: Owner) -> Owner:
    return replace(owner, boot="another boot")


def same_pid_of_another_process(owner: Owner) -> Owner:
    return replace(owner, started=owner.started - 3600, mark=f"{owner.mark}1")


def a_step_of_the_clock(owner: Owner) -> Owner:
    """On Linux, the wall clock's time of a start moves with the clock."""
    return replace(owner, started=owner.started - 3600)


def of_an_older_release(owner: Owner) -> Owner:
    return replace(owner, mark="")


def of_an_older_release_before_a_step_of_the_clock(owner: Owner) -> Owner:
    return replace(owner, mark="", started=owner.started + 3600)


@pytest.mark.parametrize(
    ("change", "age", "over"),
    [
        pytest.param(living, SOON, False, id="a living owner here keeps it"),
        pytest.param(living, LATE, True, id="an owner here who never renewed has lost it"),
        pytest.param(elsewhere, SOON, False, id="an owner elsewhere keeps it while it is fresh"),
        pytest.param(elsewhere, LATE, True, id="an owner elsewhere has lost it once it expired"),
        pytest.param(after_reboot, 0, True, id="no owner lives through a reboot"),
        pytest.param(a_step_of_the_clock, SOON, False, id="a step of the clock ends no owner"),
        pytest.param(of_an_older_release, SOON, False, id="an owner of an older release lives"),
        pytest.param(of_an_older_release, LATE, True, id="an owner of an older release has lost it once it expired"),
        pytest.param(
            of_an_older_release_before_a_step_of_the_clock,
            SOON,
            False,
            id="an owner of an older release lives through a step of the clock",
        ),
        pytest.param(same_pid_of_another_process, 0, True, id="the process id belongs to another process now"),
    ],
)
def test_when_a_lease_is_over(neighbour: Owner, change: object, age: float, over: bool) -> None:
    assert callable(change)
    lease = Lease(change(neighbour), fencing=1, renewed_at=1000.0)
    assert is_over(lease, this_owner(), 1000.0 + age) is over


@pytest.mark.parametrize(
    ("change", "age", "why"),
    [
        (living, SOON, ""),
        (living, LATE, "it was not renewed for 61 s"),
        (after_reboot, 0, "its machine was restarted"),
        (same_pid_of_another_process, 0, "its process has ended"),
    ],
)
def test_why_a_lease_is_over_is_said(neighbour: Owner, change: object, age: float, why: str) -> None:
    assert callable(change)
    assert why_over(Lease(change(neighbour), 1, 1000.0), this_owner(), 1000.0 + age) == why


def test_a_lease_says_since_when_it_is_held(first: StateStore, clock: Clock) -> None:
    first.acquire(this_owner())
    began = clock.now
    clock.now += 30
    first.renew()
    holder = first.holder()
    assert holder is not None
    assert (holder.since, holder.renewed_at) == (began, began + 30)


def test_who_lost_the_lease_by_force_can_write_nothing_and_the_breaking_is_on_record(
    first: StateStore, second: StateStore, neighbour: Owner
) -> None:
    first.acquire(neighbour)
    seen = second.holder()
    assert seen is not None
    second.break_lease(seen, this_owner(), "lock break", event(EventKind.LOCK_BROKEN))
    assert second.holder() is None
    for write in (lambda: first.append("r1", [INTENT]), first.renew):
        with pytest.raises(LockHeld):
            write()
    assert [row.event.kind for row in second.events()] == [EventKind.LOCK_BROKEN]
    with pytest.raises(LockHeld):
        second.append("r2", [INTENT])  # who breaks a lease does not hold it


def test_an_owner_here_that_is_dead_has_lost_the_lease_at_once() -> None:
    assert is_over(Lease(dead_process(), 1, 1000.0), this_owner(), 1000.0)


def test_an_owner_of_an_older_release_that_is_dead_has_lost_the_lease_at_once() -> None:
    assert is_over(Lease(of_an_older_release(dead_process()), 1, 1000.0), this_owner(), 1000.0)


def test_the_owner_of_an_older_release_is_read(first: StateStore, second: StateStore, neighbour: Owner) -> None:
    old = {name: value for name, value in neighbour.as_json().items() if name != "mark"}
    first.acquire(neighbour)
    with closing(sqlite3.connect(first.path)) as connection, connection:
        connection.execute("UPDATE lease SET owner = ?", (json.dumps(old),))
    holder = second.holder()
    assert holder is not None
    assert holder.owner == of_an_older_release(neighbour)
    with pytest.raises(LockHeld):
        second.acquire(this_owner())


def test_a_step_of_the_clock_changes_no_owner(first: StateStore, neighbour: Owner) -> None:
    first.acquire(neighbour)
    first.acquire(a_step_of_the_clock(neighbour))
    assert first.append("r1", [INTENT])


def test_an_owner_elsewhere_is_not_judged_by_the_processes_here() -> None:
    assert not is_over(Lease(elsewhere(dead_process()), 1, 1000.0), this_owner(), 1000.0)


def test_this_owner_is_this_process() -> None:
    owner = this_owner()
    assert owner.pid == os.getpid()
    assert owner == this_owner()
    assert f"process {os.getpid()}" in owner.describe()


def test_a_second_living_owner_is_refused_and_learns_who_holds_the_lease(
    first: StateStore, second: StateStore, neighbour: Owner
) -> None:
    first.acquire(neighbour)
    with pytest.raises(LockHeld) as refused:
        second.acquire(this_owner())
    assert refused.value.exit_code == ExitCode.CONFLICT
    assert neighbour.describe() in refused.value.message
    assert refused.value.remedy
    assert second.holder() == first.holder()
    assert first.append("r1", [INTENT])


def test_a_dead_owner_is_followed_at_once(first: StateStore, second: StateStore) -> None:
    first.acquire(dead_process())
    second.acquire(this_owner())
    assert second.append("r1", [INTENT])


def test_an_expired_lease_of_another_host_is_taken_over_and_a_fresh_one_is_not(
    first: StateStore, second: StateStore, clock: Clock
) -> None:
    first.acquire(elsewhere(this_owner()))
    clock.now += SOON
    with pytest.raises(LockHeld):
        second.acquire(this_owner())
    clock.now += 2
    second.acquire(this_owner())


@pytest.mark.parametrize("sign_of_life", ["append", "renew"])
def test_a_sign_of_life_extends_the_lease(
    first: StateStore, second: StateStore, clock: Clock, sign_of_life: str
) -> None:
    first.acquire(elsewhere(this_owner()))
    clock.now += SOON
    first.renew() if sign_of_life == "renew" else first.append("r1", [INTENT])
    clock.now += SOON
    with pytest.raises(LockHeld):
        second.acquire(this_owner())


def test_an_owner_that_was_paused_can_write_nothing_after_a_take_over(
    first: StateStore, second: StateStore, clock: Clock
) -> None:
    first.acquire(elsewhere(this_owner()))
    clock.now += LATE
    second.acquire(this_owner())
    for write in (lambda: first.append("r1", [INTENT]), first.renew):
        with pytest.raises(LockHeld) as lost:
            write()
        assert lost.value.exit_code == ExitCode.CONFLICT
        assert lost.value.remedy
    assert second.load().serial == 0
    assert second.append("r2", [INTENT])


def test_an_owner_that_was_paused_does_not_take_the_lease_from_its_follower(
    first: StateStore, second: StateStore, clock: Clock
) -> None:
    first.acquire(elsewhere(this_owner()))
    clock.now += LATE
    second.acquire(this_owner())
    first.release()
    holder = second.holder()
    assert holder is not None
    assert holder.owner == this_owner()


def test_fencing_numbers_only_grow(first: StateStore, second: StateStore) -> None:
    numbers = []
    for store in (first, second, first):
        store.acquire(this_owner())
        holder = store.holder()
        assert holder is not None
        numbers.append(holder.fencing)
        store.release()
    assert numbers == sorted(set(numbers))


def test_a_lease_that_was_given_back_is_free(first: StateStore, second: StateStore, neighbour: Owner) -> None:
    first.acquire(neighbour)
    first.release()
    assert second.holder() is None
    second.acquire(this_owner())


def test_no_one_writes_without_a_lease(first: StateStore) -> None:
    with pytest.raises(LockHeld):
        first.append("r1", [INTENT])


def test_no_one_writes_after_giving_the_lease_back(first: StateStore) -> None:
    first.acquire(this_owner())
    first.release()
    with pytest.raises(LockHeld):
        first.append("r1", [INTENT])


def test_readers_need_no_lease(first: StateStore, second: StateStore, neighbour: Owner) -> None:
    first.acquire(neighbour)
    first.append("r1", [INTENT])
    assert second.load().serial == 1
