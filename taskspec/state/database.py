"""The state's SQLite file: creating, opening and migrating it, and refusing a damaged or foreign one."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from taskspec.errors import StateError
from taskspec.state.marker import Marker, check_marker, marker_of, read_marker, write_marker
from taskspec.state.model import StoredEvent
from taskspec.state.provenance import check_provenance
from taskspec.values import canonical

Row = tuple[int, str, str, str, str, str, str]
"""Number, moment, run, kind, address, key, and the body in canonical form."""


def chain_link(previous: str, row: Row) -> str:
    """The hash over a row and the link before it."""
    return hashlib.sha256("\0".join([previous, *map(str, row)]).encode("utf-8", "surrogatepass")).hexdigest()


def row_of(stored: StoredEvent) -> Row:
    event = stored.event
    return stored.number, stored.at, stored.run, event.kind.value, event.address, event.key, canonical(event.body)


def chained(previous: str, events: Iterable[StoredEvent]) -> Iterator[tuple[Row, str]]:
    """Each event as a row with its link; `previous` is the link before the first, or the lineage."""
    for stored in events:
        row = row_of(stored)
        previous = chain_link(previous, row)
        yield row, previous


FORMAT = 2
"""The format that this release writes. It reads every format from 1 on, and migrates a file before it writes."""
APPLICATION_ID = 0x74736A31  # "tsj1"
_FIRST_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE journal (
         number INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, kind TEXT NOT NULL,
         address TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, chain TEXT NOT NULL)""",
    """CREATE TABLE lease (
         one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT, fencing INTEGER NOT NULL, renewed_at REAL NOT NULL)""",
    "INSERT INTO lease VALUES (1, NULL, 0, 0)",
)
_MISUSE = (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.DataError, sqlite3.NotSupportedError)
"""What SQLite raises when taskspec hands it a wrong value or a wrong statement. The file is sound then."""


def is_there(path: Path) -> bool:
    with usable(path):
        if path.exists():
            return True
        if read_marker(path) is None:
            return False
    marker = marker_of(path)
    raise StateError(
        f'state "{path}" is missing: "{marker}" shows that it existed',
        remedy="put it back from a backup, or with `taskspec state import`. "
        f'Removing "{marker}" makes taskspec forget every launch: the next apply starts all of them again',
    )


def open_database(path: Path, now: str) -> tuple[sqlite3.Connection, str]:
    """Open the file, or create it, and return its lineage. Raises StateError for a file that is not a valid state."""
    with usable(path):
        check_provenance(path)
    if not is_there(path):
        create(path, uuid.uuid4().hex, (), now)
    with usable(path):
        if path.stat().st_size == 0:
            raise damaged(path, "it is empty")
        connection = _connect(path)
        try:
            with reading_rows(path):
                lineage = _verify(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection, lineage


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=True)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def create(path: Path, lineage: str, rows: Iterable[tuple[Row, str]], now: str) -> bool:
    """Create a state atomically: a crash leaves either no state or a complete one.

    Returns False when another process created the state first.
    """
    with usable(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with closing(_connect(fresh)) as connection:
                serial = _fill(connection, lineage, rows, now)
            os.link(fresh, path)
        except FileExistsError:
            return False
        finally:
            for leftover in (fresh, fresh.with_name(f"{fresh.name}-wal"), fresh.with_name(f"{fresh.name}-shm")):
                leftover.unlink(missing_ok=True)
        write_marker(path, Marker(lineage, serial))
    return True


def _fill(connection: sqlite3.Connection, lineage: str, rows: Iterable[tuple[Row, str]], now: str) -> int:
    connection.execute("BEGIN")
    for statement in _FIRST_SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ((*row, link) for row, link in rows))
    (serial,) = connection.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()
    connection.execute("INSERT INTO meta VALUES ('lineage', ?), ('serial', ?)", (lineage, serial))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    bring_up_to_date(connection, now)
    connection.execute("COMMIT")
    return int(serial)


def bring_up_to_date(connection: sqlite3.Connection, now: str) -> None:
    """Migrate to the newest format, inside the caller's transaction; each step is recorded."""
    for number, migration in _MIGRATIONS.items():
        if format_of(connection) < number:
            migration(connection)
            connection.execute("INSERT INTO migration VALUES (?, ?)", (number, now))
            connection.execute(f"PRAGMA user_version = {number}")


def _migration_2(connection: sqlite3.Connection) -> None:
    """The lease has a start time. There are new kinds of events, so an older release must refuse the file."""
    connection.execute("CREATE TABLE migration (format INTEGER PRIMARY KEY, at TEXT NOT NULL)")
    connection.execute("ALTER TABLE lease ADD COLUMN since REAL")


_MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {2: _migration_2}


def format_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _verify(path: Path, connection: sqlite3.Connection) -> str:
    marked = read_marker(path)
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise damaged(path, "it was not written by taskspec")
    version = format_of(connection)
    if version > FORMAT:
        raise StateError(
            f'state "{path}" has format {version}, and this taskspec reads up to {FORMAT}',
            remedy="use the newer taskspec that wrote it",
        )
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    if "lineage" not in meta:
        raise damaged(path, "it has no lineage")
    check_marker(path, Marker(str(meta["lineage"]), int(meta["serial"])), marked)
    return str(meta["lineage"])


def check_import(path: Path, lineage: str) -> None:
    """Raises StateError unless a state of this lineage may be put here."""
    with usable(path):
        marked = read_marker(path)
        if path.exists():
            raise StateError(
                f'there is a state already: "{path}"',
                remedy=f'move it and "{marker_of(path)}" away first, or keep them',
            )
    if marked is not None and marked.lineage != lineage:
        raise StateError(
            f"the state that was here had lineage {marked.lineage or 'none'}, and the export is of {lineage}",
            remedy=f'import the export of the state that was here, or remove "{marker_of(path)}" first',
        )


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Translate every error of the file into a StateError that names it. Bugs of taskspec pass through."""
    try:
        yield
    except _MISUSE:
        raise
    except sqlite3.OperationalError as error:
        raise _unusable(path, str(error)) from None
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # what taskspec writes is UTF-8
        raise damaged(path, str(error)) from None
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None


@contextmanager
def reading_rows(path: Path) -> Iterator[None]:
    """Report a damaged file when a row is not valid. Wrap only code that reads rows."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"a row cannot be read: {error!r}") from None


def _unusable(path: Path, why: str) -> StateError:
    return StateError(f'state "{path}" cannot be used: {why}', remedy="check the disk and the permissions")


def damaged(path: Path, why: str) -> StateError:
    return StateError(
        f'state "{path}" is damaged or foreign: {why}',
        remedy=f'restore it from a backup. Moving it and "{marker_of(path)}" away makes taskspec forget every launch: '
        "the next apply starts all of them again",
    )
