"""The journal on disk: durable, complete and chained; damage is an error."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskspec.state.database import chain_link
from taskspec.state.lease import this_owner
from taskspec.state.model import EventKind, State
from taskspec.state.store import StateStore, open_store
from taskspec.values import canonical

from .journals import BODIES, as_row, check_row, event

DROPS = (EventKind.FORGOTTEN, EventKind.MOVED)
EVERY_KIND = [event(kind) for kind in EventKind if kind not in DROPS]


def clock() -> float:
    return 1_767_225_600.123  # 2026-01-01


@pytest.fixture
def store(path: Path) -> Iterator[StateStore]:
    with open_store(path, clock=clock) as opened:
        opened.acquire(this_owner())
        yield opened


def load(path: Path) -> State:
    with open_store(path, clock=clock) as store:
        return store.load()


@pytest.mark.parametrize("kind", list(EventKind))
def test_an_event_of_each_kind_comes_back_as_it_was_written(store: StateStore, kind: EventKind) -> None:
    written = store.append("run", [event(kind)])
    assert list(store.events()) == written
    assert as_row(written[0])["body"] == BODIES[kind]
    check_row(written[0])


def test_a_moment_is_utc_in_milliseconds(store: StateStore) -> None:
    assert store.append("run", EVERY_KIND)[0].at == "2026-01-01T00:00:00.123Z"


def test_numbers_have_no_gaps_across_appends_and_owners(path: Path) -> None:
    for _ in range(3):
        with open_store(path, clock=clock) as store:
            store.acquire(this_owner())
            store.append("run", EVERY_KIND[:2])
            store.append("run", EVERY_KIND[2:3])
            store.release()
    with open_store(path, clock=clock) as store:
        assert [row.number for row in store.events()] == list(range(1, 10))


def test_what_append_returned_from_is_there_for_all_readers(store: StateStore, path: Path) -> None:
    store.append("run", EVERY_KIND)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM journal").fetchone() == (len(EVERY_KIND),)


def test_what_append_returned_from_survives_the_sudden_death_of_its_writer(path: Path) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        "from taskspec.state.lease import this_owner\n"
        "from taskspec.state.model import Event, EventKind\n"
        "from taskspec.state.store import open_store\n"
        "store = open_store(pathlib.Path(sys.argv[1]), clock=time.time)\n"
        "store.acquire(this_owner())\n"
        "store.append('run', [Event(EventKind.FORGOTTEN, 'a')])\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 9
    with open_store(path, clock=clock) as store:
        store.acquire(this_owner())
        assert [row.event.address for row in store.events()] == ["a"]


def test_the_file_syncs_every_commit_to_disk(store: StateStore) -> None:
    ask = store._connection.execute
    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ask("PRAGMA synchronous").fetchone() == (2,)


def test_events_of_one_append_are_written_all_or_none(store: StateStore) -> None:
    unwritable = event(EventKind.ENDED, results={"x": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        store.append("run", [*EVERY_KIND, unwritable])
    assert list(store.events()) == []
    assert store.append("run", EVERY_KIND)[0].number == 1


def test_each_row_is_chained_to_all_before_it(store: StateStore, path: Path) -> None:
    store.append("run", EVERY_KIND)
    with closing(sqlite3.connect(path)) as other:
        rows = other.execute("SELECT number, at, run, kind, address, key, body, chain FROM journal").fetchall()
    assert chain(store.lineage, rows) == [row[7] for row in rows]
    for index in range(len(rows)):
        changed = [*rows]
        changed[index] = (*rows[index][:6], canonical({"changed": True}), rows[index][7])
        assert chain(store.lineage, changed)[-1] != rows[-1][7], "a changed row breaks the last link"


def chain(lineage: str, rows: list[tuple[int, str, str, str, str, str, str, str]]) -> list[str]:
    links, previous = [], lineage
    for row in rows:
        previous = chain_link(previous, row[:7])
        links.append(previous)
    return links


def test_two_states_never_share_a_lineage(tmp_path: Path) -> None:
    assert load(tmp_path / "a.db").lineage != load(tmp_path / "b.db").lineage


def test_a_state_keeps_its_lineage(path: Path) -> None:
    assert load(path).lineage == load(path).lineage


def test_a_state_is_opened_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.db"
    load(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_making_a_state_leaves_it_and_its_marker_behind_and_nothing_else(path: Path) -> None:
    load(path)
    assert sorted(each.name for each in path.parent.iterdir()) == ["state.db", "state.lineage"]
