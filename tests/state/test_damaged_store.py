"""A state that is damaged, foreign or newer is refused; a mistake of taskspec is not called damage."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from taskspec.errors import ExitCode, LockHeld, StateError, TaskspecError
from taskspec.state.database import APPLICATION_ID, FORMAT
from taskspec.state.lease import this_owner
from taskspec.state.model import Event, EventKind, State
from taskspec.state.store import open_store
from taskspec.state.transfer import Exported, restore

from .journals import event
from .test_store import EVERY_KIND, clock, load


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"\xde\xad\xbe\xef" * 4096)


def somebody_elses_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE shopping (item TEXT)")


def a_newer_format(path: Path) -> None:
    sql(path, f"PRAGMA user_version = {FORMAT + 1}")


def no_lineage(path: Path) -> None:
    sql(path, "DELETE FROM meta")


def no_lease_table(path: Path) -> None:
    sql(path, "DROP TABLE lease")


def no_lease_row(path: Path) -> None:
    sql(path, "DELETE FROM lease")


def no_journal(path: Path) -> None:
    sql(path, "DROP TABLE journal")


def no_tables_at_all(path: Path) -> None:
    path.unlink()
    sql(path, f"PRAGMA application_id = {APPLICATION_ID}")


def an_unknown_kind(path: Path) -> None:
    sql(path, "UPDATE journal SET kind = 'dreamt'")


def a_body_that_is_no_json(path: Path) -> None:
    sql(path, "UPDATE journal SET body = '{' WHERE number = 2")


def a_body_without_what_it_must_have(path: Path) -> None:
    sql(path, "UPDATE journal SET body = '{}' WHERE number = 2")


def a_body_that_is_a_list(path: Path) -> None:
    sql(path, "UPDATE journal SET body = '[1]' WHERE number = 2")


def a_task_id_that_was_changed(path: Path) -> None:
    sql(path, "UPDATE journal SET body = replace(body, '41', '14') WHERE kind = 'started'")


def a_row_that_was_taken_out(path: Path) -> None:
    sql(path, "DELETE FROM journal WHERE kind = 'started'")


def last_rows_that_were_taken_out(path: Path) -> None:
    sql(path, "DELETE FROM journal WHERE number > 2")


def a_cut_in_the_middle(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def a_folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_lease_that_cannot_be_read(path: Path) -> None:
    sql(path, "UPDATE lease SET owner = '{\"name\": 1}'")


def sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(statement)


DAMAGE = [
    zero_bytes,
    garbage,
    somebody_elses_database,
    a_newer_format,
    no_lineage,
    no_lease_table,
    no_lease_row,
    no_journal,
    no_tables_at_all,
    an_unknown_kind,
    a_body_that_is_no_json,
    a_body_without_what_it_must_have,
    a_body_that_is_a_list,
    a_task_id_that_was_changed,
    a_row_that_was_taken_out,
    last_rows_that_were_taken_out,
    a_cut_in_the_middle,
    a_folder_in_its_place,
    a_lease_that_cannot_be_read,
]


@pytest.fixture
def filled(path: Path) -> Path:
    """A state in which each kind of event has happened, closed again."""
    with open_store(path, clock=clock) as store:
        store.acquire(this_owner())
        store.append("run", EVERY_KIND)
        store.release()
    return path


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_state_that_cannot_be_trusted_is_refused_with_a_way_out(filled: Path, damage: Callable[[Path], None]) -> None:
    damage(filled)
    with pytest.raises(StateError) as refused:
        use(filled)
    assert refused.value.exit_code == ExitCode.STATE
    assert str(filled) in refused.value.message
    assert refused.value.remedy


def use(path: Path) -> State:
    """What every apply does before it starts anything."""
    with open_store(path, clock=clock) as store:
        store.acquire(this_owner())
        return store.load()


def test_a_newer_format_is_distinguished_from_damage(filled: Path) -> None:
    a_newer_format(filled)
    with pytest.raises(StateError, match="newer taskspec"):
        raise_with_remedy(filled)


def raise_with_remedy(path: Path) -> None:
    try:
        use(path)
    except StateError as error:
        raise StateError(f"{error.message} {error.remedy}") from None


def test_a_state_cut_short_anywhere_is_never_taken_for_another_history(filled: Path) -> None:
    whole, before = filled.read_bytes(), use(filled)
    whole = filled.read_bytes()
    for length in [*range(0, 1024, 37), *range(1024, len(whole), 509)]:
        filled.write_bytes(whole[:length])
        try:
            found = use(filled)
        except StateError:
            continue
        assert found == before, f"cut at byte {length}"


def test_a_flipped_bit_is_never_taken_for_another_history(filled: Path) -> None:
    before = use(filled)
    whole = filled.read_bytes()
    for position in range(7, len(whole), 97):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << (position % 8)
        filled.write_bytes(flipped)
        try:
            found = use(filled)
        except StateError:
            continue
        except LockHeld:  # the bit is one of the owner's name: no process may write, and the history is unchanged
            with open_store(filled, clock=clock) as store:
                found = store.load()
        assert found == before, f"flipped at byte {position}"


def test_a_name_in_the_file_that_is_not_utf8_is_damage(filled: Path) -> None:
    whole = filled.read_bytes()
    assert whole.count(b"renewed_at REAL") == 1
    filled.write_bytes(whole.replace(b"renewed_at REAL", b"\xf7enewed_at REAL"))
    with pytest.raises(StateError, match="damaged"):
        use(filled)


def test_a_state_that_cannot_be_read_is_refused(filled: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    filled.chmod(0)
    with pytest.raises(StateError):
        use(filled)


class Unknown:
    """Something that is not JSON, and that SQLite cannot store."""


WRONG_EVENTS = {
    "a body that is not JSON": event(EventKind.STARTED, task_id=Unknown()),
    "a number that JSON does not have": event(EventKind.STARTED, task_id=float("nan")),
    "keys of two types": event(EventKind.STARTED, twins={1: 1, "a": 2}),
    "an address that is not a text": event(EventKind.STARTED, address=Unknown()),  # type: ignore[arg-type]
    "no key": event(EventKind.STARTED, key=None),  # type: ignore[arg-type]
    "a kind that is none": Event("started", "train"),  # type: ignore[arg-type]
    "half of a surrogate pair": event(EventKind.STARTED, address="\ud800"),
}


@pytest.mark.parametrize("wrong", WRONG_EVENTS.values(), ids=WRONG_EVENTS)
def test_a_mistake_of_ours_while_writing_is_not_called_damage_and_the_file_stays(filled: Path, wrong: Event) -> None:
    before = load(filled)
    with open_store(filled, clock=clock) as store:
        store.acquire(this_owner())
        with pytest.raises(Exception, match=r".") as raised:
            store.append("run", [event(EventKind.REFUSED), wrong])
        store.release()
    assert not isinstance(raised.value, TaskspecError)
    assert load(filled) == before


def test_a_mistake_of_ours_while_making_a_state_is_not_called_damage_and_makes_none(path: Path) -> None:
    with pytest.raises(TypeError):
        restore(path, Exported("1" * 32, "local", ()), "now", "run", event(EventKind.IMPORTED, who=Unknown()))
    assert list(path.parent.iterdir()) == []


def a_lease_of_other_types(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE lease SET owner = ?, renewed_at = 'x'", (json.dumps(this_owner().as_json()),))


def a_fencing_that_is_no_number(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE lease SET fencing = 'x'")


def an_owner_that_is_no_object(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE lease SET owner = '[1]'")


def no_lease_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM lease")


@pytest.mark.parametrize(
    "damage", [a_lease_of_other_types, a_fencing_that_is_no_number, an_owner_that_is_no_object, no_lease_row]
)
def test_a_lease_row_that_taskspec_did_not_write_is_damage(filled: Path, damage: Callable[[Path], None]) -> None:
    damage(filled)
    with pytest.raises(StateError, match="damaged"):
        use(filled)
