"""The journal on disk: a SQLite file, one row per event, durable before anybody relies on it.

The only module that opens our sqlite file. Write-ahead log, full sync: an appended event survives the power cord.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from taskspec.errors import LockHeld, StateError
from taskspec.state.lease import Lease, Owner, is_over
from taskspec.state.model import Event, EventKind, State, StoredEvent, fold
from taskspec.values import canonical

FORMAT = 1
APPLICATION_ID = 0x74736A31  # "tsj1"
_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE journal (
         number INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, kind TEXT NOT NULL,
         address TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, chain TEXT NOT NULL)""",
    """CREATE TABLE lease (
         one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT, fencing INTEGER NOT NULL, renewed_at REAL NOT NULL)""",
    "INSERT INTO lease VALUES (1, NULL, 0, 0)",
)

Clock = Callable[[], float]


class StateStore:
    """The state of one spec on one server. Readers never block; a writer holds the lease.

    Opening raises StateError when the file is damaged, foreign or newer, and then nothing can be started by mistake.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, lineage: str, clock: Clock) -> None:
        self.path = path
        self.lineage = lineage
        self._connection = connection
        self._clock = clock
        self._fencing: int | None = None
        self._owner: Owner | None = None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> StateStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self) -> State:
        """The state as of now. Raises StateError when a row is not as it was written."""
        with _readable(self.path):
            return fold(self.lineage, self.events())

    def events(self) -> Iterator[StoredEvent]:
        """Every event, oldest first, each proven by its link to those before it."""
        expected, previous = 0, self.lineage
        with _readable(self.path):
            serial = self._serial()  # read first: a writer may add events while we read
            rows = self._connection.execute(
                "SELECT number, at, run, kind, address, key, body, chain FROM journal ORDER BY number"
            )
            for number, at, run, kind, address, key, body, chain in rows:
                expected, previous = expected + 1, chain_link(previous, (number, at, run, kind, address, key, body))
                if number != expected or chain != previous:
                    raise _damaged(self.path, f"event {expected} is not as it was written")
                yield StoredEvent(number, at, run, Event(EventKind(kind), address, key, json.loads(body)))
            if expected < serial:
                raise _damaged(self.path, f"it ends with event {expected}, and {serial} were written")

    def acquire(self, owner: Owner) -> None:
        """Become the writer. Raises LockHeld while another living owner is."""
        with self._transaction():
            lease = self._lease()
            if lease is not None and lease.owner != owner and not is_over(lease, owner, self._clock()):
                raise LockHeld(
                    f"another run is writing to this state: {lease.owner.describe()}",
                    remedy="wait for it to end; plan and status work meanwhile",
                )
            (fencing,) = self._connection.execute("SELECT fencing + 1 FROM lease").fetchone()
            self._connection.execute(
                "UPDATE lease SET owner = ?, fencing = ?, renewed_at = ?",
                (json.dumps(owner.as_json()), fencing, self._clock()),
            )
        self._fencing, self._owner = fencing, owner

    def renew(self) -> None:
        """Keep the lease; to be called well within LEASE_SECONDS. Raises LockHeld when it was lost."""
        with self._transaction():
            self._check_fencing()
            self._connection.execute("UPDATE lease SET renewed_at = ?", (self._clock(),))

    def release(self) -> None:
        """Give the lease back; nothing happens when it is not ours any more."""
        with self._transaction():
            self._connection.execute("UPDATE lease SET owner = NULL WHERE fencing = ?", (self._fencing,))
        self._fencing = None

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        """Write events durably, all or none. Raises LockHeld when the lease was lost in between."""
        with self._transaction():
            self._check_fencing()
            number, chain = self._last()
            at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            stored = []
            for event in events:
                number += 1
                row = (number, at, run, event.kind.value, event.address, event.key, canonical(event.body))
                chain = chain_link(chain, row)
                self._connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, chain))
                stored.append(StoredEvent(number, at, run, event))
            self._connection.execute("UPDATE meta SET value = ? WHERE name = 'serial'", (number,))
            self._connection.execute("UPDATE lease SET renewed_at = ?", (self._clock(),))
        return stored

    def holder(self) -> Lease | None:
        """Who writes at the moment, as far as the file knows."""
        with _readable(self.path):
            return self._lease()

    def _last(self) -> tuple[int, str]:
        row = self._connection.execute("SELECT number, chain FROM journal ORDER BY number DESC LIMIT 1").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, self.lineage)

    def _serial(self) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = 'serial'").fetchone()[0])

    def _lease(self) -> Lease | None:
        owner, fencing, renewed_at = self._connection.execute("SELECT owner, fencing, renewed_at FROM lease").fetchone()
        return Lease(Owner(**json.loads(owner)), fencing, renewed_at) if owner else None

    def _check_fencing(self) -> None:
        (fencing,) = self._connection.execute("SELECT fencing FROM lease").fetchone()
        if self._fencing is None or fencing != self._fencing:
            raise LockHeld(
                "another run has taken over this state, this one may not write any more",
                remedy="let the other run go on; a later apply attaches to what is running",
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _readable(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def chain_link(previous: str, row: tuple[int, str, str, str, str, str, str]) -> str:
    """The hash that ties a row to all rows before it."""
    return hashlib.sha256("\0".join([previous, *map(str, row)]).encode("utf-8", "surrogatepass")).hexdigest()


def open_store(path: Path, *, clock: Clock) -> StateStore:
    """Open the state at `path`, making an empty one where there is none."""
    with _readable(path):
        if not path.exists():
            _create(path)
        elif path.stat().st_size == 0:
            raise _damaged(path, "it is empty")
        connection = _connect(path)
        try:
            lineage = _verify(path, connection)
        except BaseException:
            connection.close()
            raise
    return StateStore(path, connection, lineage=lineage, clock=clock)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=True)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _create(path: Path) -> None:
    """A new state, complete from the moment it has its name: a crash leaves either none or a good one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('lineage', ?), ('serial', 0)", (uuid.uuid4().hex,))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    finally:
        connection.close()
    with suppress(FileExistsError):  # another process was faster, and its state is as good
        os.link(fresh, path)
    fresh.unlink()


def _verify(path: Path, connection: sqlite3.Connection) -> str:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise _damaged(path, "it was not written by taskspec")
    if version > FORMAT:
        raise StateError(
            f'state "{path}" has format {version}, and this taskspec reads up to {FORMAT}',
            remedy="use the newer taskspec that wrote it",
        )
    row = connection.execute("SELECT value FROM meta WHERE name = 'lineage'").fetchone()
    if row is None:
        raise _damaged(path, "it has no lineage")
    return str(row[0])


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Every way sqlite can fail, as a StateError that says which file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StateError(
            f'state "{path}" cannot be used: {error}', remedy="check the disk and the permissions"
        ) from None
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, f"a row cannot be read: {error!r}") from None


def _damaged(path: Path, why: str) -> StateError:
    return StateError(
        f'state "{path}" is damaged or foreign: {why}',
        remedy="restore it from a backup. Moving it away makes taskspec forget every launch: "
        "the next apply starts all of them again",
    )
