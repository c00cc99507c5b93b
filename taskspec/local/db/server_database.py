"""The SQLite file of the server: open, migrate, transactions. Knows nothing of the tables' meaning.

Synchronous, and used from the thread of the event loop only: a commit takes about 50 microseconds, less than passing
it to another thread. With WAL and synchronous NORMAL, the data survives every end of the server, kill -9 included.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from taskspec.errors import LocalServerError
from taskspec.local.db.migrations import MIGRATIONS

Values = Sequence[Any] | Mapping[str, Any]


def matches_pattern(value: object, pattern: str, fold: int) -> bool | None:
    """Match SQL's LIKE with `%` and `_`. Case counts unless `fold`. An absent value matches nothing."""
    if value is None:
        return None
    return _compiled(pattern, bool(fold)).fullmatch(str(value)) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    parts = (".*" if mark == "%" else "." if mark == "_" else re.escape(mark) for mark in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


class Store:
    """One open database. The caller must `close` it."""

    def __init__(self, path: Path) -> None:
        self._connection = _open(path)
        self._inside = False
        try:
            self._migrate(path)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all statements inside together, or none. A nested transaction joins the outer one."""
        if self._inside:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._inside = True
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._inside = False

    def write(self, sql: str, values: Values = ()) -> int:
        """Run one statement. Return the id of the inserted row."""
        return self._connection.execute(sql, values).lastrowid or 0

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row of the given columns. Return its id."""
        marks = ", ".join("?" * len(values))
        return self.write(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - constants

    def write_many(self, sql: str, rows: Iterable[Values]) -> None:
        self._connection.executemany(sql, rows)

    def one(self, sql: str, values: Values = ()) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def _migrate(self, path: Path) -> None:
        done = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if done > len(MIGRATIONS):
            raise LocalServerError(
                f'"{path}" was written by a newer taskspec (layout {done}, this one knows {len(MIGRATIONS)})',
                remedy="upgrade taskspec, or set TASKSPEC_HOME to another folder",
            )
        for number, statements in enumerate(MIGRATIONS[done:], start=done + 1):
            with self.transaction():
                for statement in statements:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number}")


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        connection.row_factory = sqlite3.Row
        connection.create_function("matches_pattern", 3, matches_pattern, deterministic=True)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as error:
        raise LocalServerError(
            f'the local server\'s database "{path}" cannot be opened: {error}',
            remedy="move the file away to start with an empty one, or set TASKSPEC_HOME to another folder",
        ) from None
    return connection
