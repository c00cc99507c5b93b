"""The file: its marker, older formats, and disks that fail."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from taskspec.errors import ExitCode, LockHeld, StateError
from taskspec.operations import state_file
from taskspec.state.database import FORMAT, create, is_there
from taskspec.state.lease import this_owner
from taskspec.state.marker import marker_of
from taskspec.state.model import EventKind, State
from taskspec.state.store import StateStore, open_store

from .journals import event

FIXTURES = Path(__file__).parent / "fixtures"
LINEAGE_1 = "44b9bb235516447db64ee466dbf89587"
NOW = "2026-01-01T00:00:00.000Z"


def clock() -> float:
    return 1_767_225_600.0  # 2026-01-01


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spec" / "local.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A state with one record, closed again."""
    with state_file.writing(path) as store:
        store.append("run", [event(EventKind.INTENT), event(EventKind.STARTED)])
    return path


def load(path: Path) -> State:
    with open_store(path, clock=clock) as store:
        return store.load()


READERS: list[Callable[[Path], object]] = [state_file.read_state, load, is_there]


def write(path: Path) -> None:
    with state_file.writing(path) as store:
        store.append("run", [event(EventKind.ENDED)])


def test_a_state_that_was_never_made_is_no_mistake(path: Path) -> None:
    assert not is_there(path)
    assert state_file.read_state(path).records == {}
    assert not path.parent.exists()


def test_the_marker_holds_the_lineage_and_the_number_of_the_last_event(filled: Path) -> None:
    state = load(filled)
    assert marker_of(filled).read_text(encoding="ascii") == f"{state.lineage}\n{state.serial:020d}\n"


@pytest.mark.parametrize("use", [*READERS, write], ids=lambda use: use.__name__)
def test_a_state_that_is_gone_is_missing_and_not_new(filled: Path, use: Callable[[Path], object]) -> None:
    filled.unlink()
    with pytest.raises(StateError, match="is missing") as refused:
        use(filled)
    assert refused.value.exit_code == ExitCode.STATE
    assert str(filled) in refused.value.message
    assert str(marker_of(filled)) in refused.value.remedy
    assert not filled.exists()


def test_removing_the_marker_too_begins_again(filled: Path) -> None:
    filled.unlink()
    marker_of(filled).unlink()
    write(filled)
    assert load(filled).serial == 1


@pytest.mark.parametrize("use", [load, state_file.read_state, write], ids=lambda use: use.__name__)
def test_a_state_of_another_lineage_is_foreign(filled: Path, tmp_path: Path, use: Callable[[Path], object]) -> None:
    other = tmp_path / "other" / "local.db"
    write(other)
    shutil.copy(other, filled)
    with pytest.raises(StateError, match="is foreign") as refused:
        use(filled)
    assert str(marker_of(filled)) in refused.value.remedy
    marker_of(filled).unlink()
    use(filled)


@pytest.mark.parametrize("content", ["", "nonsense", "\xff"])
def test_a_marker_that_cannot_be_read_is_never_taken_for_none(filled: Path, content: str) -> None:
    marker_of(filled).write_text(content, encoding="latin-1")
    with pytest.raises(StateError, match="foreign"):
        load(filled)
    filled.unlink()
    with pytest.raises(StateError, match="missing"):
        load(filled)


def test_a_state_of_before_markers_gets_one_from_the_next_writer_and_from_no_reader(filled: Path) -> None:
    marker_of(filled).unlink()
    lineage = load(filled).lineage
    assert not marker_of(filled).exists()
    write(filled)
    assert marker_of(filled).read_text(encoding="ascii").split() == [lineage, f"{load(filled).serial:020d}"]


def test_of_two_that_make_a_state_at_the_same_time_one_wins_and_both_may_use_it(path: Path) -> None:
    assert create(path, "a" * 32, (), NOW)
    assert not create(path, "b" * 32, (), NOW)
    assert load(path).lineage == "a" * 32
    assert sorted(each.name for each in path.parent.iterdir()) == ["local.db", "local.lineage"]


def test_a_new_state_is_in_the_newest_format_with_a_record_of_each_migration(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        rows = other.execute("SELECT format FROM migration ORDER BY format").fetchall()
    assert rows == [(number,) for number in range(2, FORMAT + 1)]


@pytest.fixture
def format_1(path: Path) -> Path:
    """A state as the release before markers and migrations wrote it."""
    path.parent.mkdir()
    shutil.copy(FIXTURES / "format1.db", path)
    return path


def contents_1(path: Path) -> tuple[str, int, list[str], int | None]:
    state = load(path)
    return state.lineage, state.serial, list(state.records), state.records["train"].task_id


def format_of(path: Path) -> int:
    with open_store(path, clock=clock) as store:
        return store.format


def test_a_state_of_format_1_is_read_as_it_is(format_1: Path) -> None:
    assert contents_1(format_1) == (LINEAGE_1, 9, ["train"], 41)
    with open_store(format_1, clock=clock) as store:
        assert (store.holder(), store.format) == (None, 1)


def test_a_writer_brings_a_state_of_format_1_up_to_date_and_loses_nothing(format_1: Path) -> None:
    with open_store(format_1, clock=clock) as store:
        before = list(store.events())
        store.acquire(this_owner())
        holder = store.holder()
        assert holder is not None
        assert (store.format, holder.since) == (FORMAT, clock())
        assert list(store.events()) == before
        store.append("run", [event(EventKind.ENDED)])
        store.release()
    assert load(format_1).serial == 10
    with closing(sqlite3.connect(format_1)) as other:
        assert other.execute("SELECT format, at FROM migration").fetchall() == [(2, NOW)]


def test_a_migration_is_done_wholly_or_not_at_all(format_1: Path) -> None:
    """A writer that is refused, or cut off, does not change the format."""
    with closing(sqlite3.connect(format_1, isolation_level=None)) as other:
        other.execute("CREATE TABLE migration (something TEXT)")
    with pytest.raises(StateError), open_store(format_1, clock=clock) as store:
        store.acquire(this_owner())
    with closing(sqlite3.connect(format_1)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
        assert [row[1] for row in other.execute("PRAGMA table_info(lease)")] == [
            "one", "owner", "fencing", "renewed_at",
        ]  # fmt: skip


def test_readers_that_were_there_before_a_migration_go_on(format_1: Path) -> None:
    with open_store(format_1, clock=clock) as reader, open_store(format_1, clock=clock) as writer:
        writer.acquire(this_owner())
        assert reader.load().serial == 9
        assert reader.holder() == writer.holder()


def test_the_lease_of_a_state_of_format_1_can_be_broken(format_1: Path) -> None:
    with closing(sqlite3.connect(format_1, isolation_level=None)) as other:
        owner = '{"host":"h","pid":1,"started":1.0,"boot":"b","user":"ada"}'
        other.execute("UPDATE lease SET owner = ?, fencing = 7, renewed_at = ?", (owner, clock()))
    with open_store(format_1, clock=clock) as store:
        seen = store.holder()
        assert seen is not None
        assert seen.since is None
        store.break_lease(seen, this_owner(), "lock break", event(EventKind.LOCK_BROKEN))
        assert store.holder() is None
        assert store.load().serial == 10


@contextmanager
def without_privileges(folder: Path) -> Iterator[None]:
    """As a user who owns nothing here: root may write to everything."""
    if os.geteuid() != 0:
        yield
        return
    parents = [each for each in folder.resolve().parents if each.stat().st_mode & 0o005 != 0o005]
    modes = {each: each.stat().st_mode for each in parents}
    for each in parents:
        each.chmod(modes[each] | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        for each, mode in modes.items():
            each.chmod(mode)


@pytest.mark.parametrize("readonly", ["file", "folder", "file and folder"])
def test_a_state_that_cannot_be_written_stops_every_writer(filled: Path, readonly: str) -> None:
    everyone = 0o777 if os.geteuid() == 0 else 0o700
    filled.chmod(0o444 if "file" in readonly else everyone & 0o666)
    filled.parent.chmod(0o555 if "folder" in readonly else everyone)
    try:
        with without_privileges(filled), pytest.raises(StateError) as refused:
            write(filled)
    finally:
        filled.parent.chmod(0o700)
        filled.chmod(0o600)
    assert refused.value.exit_code == ExitCode.STATE
    assert str(filled) in refused.value.message
    assert refused.value.remedy
    assert load(filled).serial == 2


def test_a_folder_in_which_no_state_can_be_made_stops_every_writer(tmp_path: Path) -> None:
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    with without_privileges(place), pytest.raises(StateError):
        write(place / ".taskspec" / "spec" / "local.db")
    assert list(place.iterdir()) == []


def test_a_state_that_may_not_be_looked_for_is_not_taken_for_none(filled: Path) -> None:
    filled.parent.chmod(0)
    try:
        for use in READERS:
            with without_privileges(filled.parent), pytest.raises(StateError):
                use(filled)
    finally:
        filled.parent.chmod(0o700)


FULL = """
import pathlib, resource, sys
from taskspec.operations import state_file as statefile
from taskspec.errors import StateError
from taskspec.state.model import Event, EventKind

path, limit = pathlib.Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with statefile.writing(path) as store:
        store.append("run", [Event(EventKind.FORGOTTEN, "x" * 300_000)])
        print("written")
except StateError as error:
    print(error.exit_code, error.message, error.remedy)
"""


@pytest.mark.parametrize("limit", [0, 4096, 40_000, 200_000])
def test_a_full_disk_stops_a_writer_before_anything_is_believed_to_be_written(filled: Path, limit: int) -> None:
    """A limit on the size of a file stands for the end of a disk."""
    before = load(filled)
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(filled), str(limit)], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith(f'6 state "{filled}" cannot be used')
    assert load(filled) == before


@pytest.mark.parametrize("limit", [0, 4096])
def test_a_full_disk_makes_no_half_a_state(path: Path, limit: int) -> None:
    subprocess.run([sys.executable, "-c", FULL, str(path), str(limit)], capture_output=True, text=True, check=True)
    assert not path.exists()
    assert list(path.parent.iterdir()) == []
    write(path)


def test_the_limit_of_these_tests_is_not_ours() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_lease_that_changed_hands_is_not_broken(filled: Path) -> None:
    with open_store(filled, clock=clock) as store:
        seen = _held(store)
        store.release()
        for _ in range(2):  # released, then taken by another process
            with pytest.raises(LockHeld, match="a new owner"):
                store.break_lease(seen, this_owner(), "lock break", event(EventKind.LOCK_BROKEN))
            now = _held(store)
        assert store.holder() == now
        assert store.load().serial == 2


def _held(store: StateStore):  # type: ignore[no-untyped-def]
    store.acquire(this_owner())
    holder = store.holder()
    assert holder is not None
    return holder
