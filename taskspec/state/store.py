"""The journal on disk: a SQLite file with one row per event. An appended event survives a power failure."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from taskspec.errors import LockHeld
from taskspec.state import database
from taskspec.state.database import chain_link, chained, damaged, reading_rows, usable
from taskspec.state.lease import Lease, Owner, is_over, read_owner
from taskspec.state.marker import Marker, note_serial, read_marker, write_marker
from taskspec.state.model import Event, EventKind, State, StoredEvent, fold

Clock = Callable[[], float]


class StateStore:
    """The state of one spec on one server. Readers never block; a writer holds the lease.

    Opening raises StateError for a damaged, foreign or newer file, so that no launch is started by mistake.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, *, lineage: str, clock: Clock) -> None:
        self.path = path
        self.lineage = lineage
        self._connection = connection
        self._clock = clock
        self._fencing: int | None = None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> StateStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self) -> State:
        """Load the current state, from any thread. Raises StateError when a row was changed."""
        with usable(self.path), reading_rows(self.path), closing(sqlite3.connect(self.path)) as connection:
            reader = StateStore(self.path, connection, lineage=self.lineage, clock=self._clock)
            return fold(self.lineage, reader.events())

    def events(self) -> Iterator[StoredEvent]:
        """Every event, oldest first, each verified by its link."""
        expected, previous = 0, self.lineage
        with usable(self.path), reading_rows(self.path):
            serial = self._serial()  # read first: a writer may add events while we read
            rows = self._connection.execute(
                "SELECT number, at, run, kind, address, key, body, chain FROM journal ORDER BY number"
            )
            for number, at, run, kind, address, key, body, chain in rows:
                expected, previous = expected + 1, chain_link(previous, (number, at, run, kind, address, key, body))
                if number != expected or chain != previous:
                    raise damaged(self.path, f"event {expected} was changed after it was written")
                yield StoredEvent(number, at, run, Event(EventKind(kind), address, key, json.loads(body)))
            if expected < serial:
                raise damaged(self.path, f"it ends with event {expected}, but {serial} events were written")

    def acquire(self, owner: Owner) -> None:
        """Take the lease and migrate the file. Raises LockHeld while another process holds the lease."""
        with self._transaction():
            lease = self._lease()
            if lease is not None and lease.owner != owner and not is_over(lease, owner, self._clock()):
                raise LockHeld(
                    f"another run is writing to this state: {lease.owner.describe()}",
                    remedy="wait for it to end, or use --lock-timeout 10m; `taskspec lock show` shows its owner. "
                    "Plan, status and results work meanwhile",
                )
            database.bring_up_to_date(self._connection, moment(self._clock()))
            fencing = self._take(owner)
            if read_marker(self.path) is None:
                write_marker(self.path, Marker(self.lineage, self._serial()))
        self._fencing = fencing

    def renew(self) -> None:
        """Renew the lease; the owner must call it within LEASE_SECONDS. Raises LockHeld when it was lost."""
        with self._transaction():
            self._check_fencing(self._connection)
            self._connection.execute("UPDATE lease SET renewed_at = ?", (self._clock(),))

    def confirm(self) -> None:
        """Raise LockHeld when another run has taken the lease. Writes nothing, and works on any thread."""
        with usable(self.path), closing(sqlite3.connect(self.path)) as connection:
            self._check_fencing(connection)

    def release(self) -> None:
        """Release the lease, if this process still holds it."""
        with self._transaction():
            self._connection.execute("UPDATE lease SET owner = NULL WHERE fencing = ?", (self._fencing,))
        self._fencing = None

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        """Write events durably, all or none. Raises LockHeld when the lease was lost."""
        with self._transaction():
            self._check_fencing(self._connection)
            stored = self._write(run, events)
            self._connection.execute("UPDATE lease SET renewed_at = ?", (self._clock(),))
        self._mark(stored)
        return stored

    def break_lease(self, seen: Lease, breaker: Owner, run: str, event: Event) -> None:
        """Take the lease from its owner, which can no longer write, and record this.

        Raises LockHeld when the lease is no longer the one that was `seen`.
        """
        with self._transaction():
            lease = self._lease()
            if lease is None or lease.fencing != seen.fencing:
                raise LockHeld("the lease has a new owner now", remedy="look again: taskspec lock show")
            database.bring_up_to_date(self._connection, moment(self._clock()))
            self._take(breaker)
            stored = self._write(run, [event])
            self._connection.execute("UPDATE lease SET owner = NULL")
        self._mark(stored)

    def holder(self) -> Lease | None:
        with usable(self.path):
            return self._lease()

    @property
    def format(self) -> int:
        with usable(self.path):
            return database.format_of(self._connection)

    def _take(self, owner: Owner) -> int:
        fencing = self._fencing_in(self._connection) + 1
        now = self._clock()
        self._connection.execute(
            "UPDATE lease SET owner = ?, fencing = ?, renewed_at = ?, since = ?",
            (json.dumps(owner.as_json()), fencing, now, now),
        )
        return fencing

    def _write(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        number, link = self._last()
        at = moment(self._clock())
        stored = [StoredEvent(n, at, run, event) for n, event in enumerate(events, start=number + 1)]
        rows = [(*row, link) for row, link in chained(link, stored)]
        self._connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("UPDATE meta SET value = ? WHERE name = 'serial'", (number + len(stored),))
        return stored

    def _mark(self, stored: Sequence[StoredEvent]) -> None:
        """Let the marker tell how far the journal is written. The events are durable, also where this fails."""
        with suppress(OSError):
            if stored:
                note_serial(self.path, Marker(self.lineage, stored[-1].number))

    def _last(self) -> tuple[int, str]:
        with reading_rows(self.path):
            row = self._connection.execute("SELECT number, chain FROM journal ORDER BY number DESC LIMIT 1").fetchone()
            return (int(row[0]), str(row[1])) if row else (0, self.lineage)

    def _serial(self) -> int:
        with reading_rows(self.path):
            return int(self._connection.execute("SELECT value FROM meta WHERE name = 'serial'").fetchone()[0])

    def _lease(self) -> Lease | None:
        with reading_rows(self.path):
            # A file of format 1 that no newer release has written to has no column `since`.
            cursor = self._connection.execute("SELECT * FROM lease")
            names = [name for name, *_ in cursor.description]
            row = dict(zip(names, cursor.fetchone(), strict=True))
            if not row["owner"]:
                return None
            owner, since = read_owner(row["owner"]), row.get("since")
            since = None if since is None else float(since)
            return Lease(owner, int(row["fencing"]), float(row["renewed_at"]), since)

    def _fencing_in(self, connection: sqlite3.Connection) -> int:
        with reading_rows(self.path):
            return int(connection.execute("SELECT fencing FROM lease").fetchone()[0])

    def _check_fencing(self, connection: sqlite3.Connection) -> None:
        if self._fencing is None or self._fencing_in(connection) != self._fencing:
            raise LockHeld(
                "another run has taken the lease of this state, so this run can no longer write",
                remedy="wait for the other run; a later apply attaches to running launches",
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with usable(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def open_store(path: Path, *, clock: Clock) -> StateStore:
    """Open the state at `path`, or create an empty one."""
    connection, lineage = database.open_database(path, moment(clock()))
    return StateStore(path, connection, lineage=lineage, clock=clock)


def moment(seconds: float) -> str:
    """The journal's format of a time: UTC in ISO 8601, in milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
