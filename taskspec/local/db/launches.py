"""The table of launches: each request and its current state. Every change of state is one transaction.

Knows the rows, not the processes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from taskspec.api.wire import ACTIVE, TERMINAL, LaunchStatus
from taskspec.local.db import timestamps
from taskspec.local.db.server_database import Store


@dataclass(frozen=True, slots=True)
class NewLaunch:
    """A checked `tasks.run.app`: everything that it names exists."""

    workspace_id: int
    user_id: int
    agent_id: int
    module_id: int
    release_id: int
    description: str
    name: str
    log_level: str
    restart_policy: str
    params: Mapping[str, Any]
    settings: Mapping[str, Any]
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LaunchRow:
    """The columns of one launch that the agent needs, without the large JSON columns."""

    id: int
    status: LaunchStatus
    attempt: int
    release_id: int
    restart_policy: str
    not_before: float
    stop_requested: bool
    port: int | None
    pid: int | None
    pid_mark: str | None
    stdout_read: int
    stderr_read: int


_COLUMNS = ", ".join(field.name for field in fields(LaunchRow))
_UNFINISHED = ", ".join(f"'{status}'" for status in sorted(ACTIVE))


class Launches:
    """The launches of one server."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, request: NewLaunch) -> int:
        values = {each.name: getattr(request, each.name) for each in fields(request)}
        documents = {name: json.dumps(values[name]) for name in ("params", "settings", "meta")}
        fresh = {"status": LaunchStatus.QUEUED, "session_token": secrets.token_urlsafe(24)}
        return self._store.insert("launches", **{**values, **documents, **fresh, "created_at": timestamps.now()})

    def find(self, task_id: int) -> LaunchRow | None:
        return next(self._where("id = ?", task_id), None)

    def find_by_session(self, token: str) -> LaunchRow | None:
        """Find the launch of a session token (wire protocol 1.1)."""
        return next(self._where("session_token = ?", token), None)

    def queued(self, count: int, moment: float) -> list[LaunchRow]:
        """Return the launches to start next, oldest first, without those whose restart is due later."""
        due = "status = 'queued' AND pid IS NULL AND not_before <= ? ORDER BY id LIMIT ?"
        return list(self._where(due, moment, count))

    def next_moment(self, moment: float) -> float | None:
        """Return the time of the next restart, or None."""
        row = self._store.one(
            "SELECT min(not_before) FROM launches WHERE status = 'queued' AND not_before > ?", (moment,)
        )
        return row[0] if row else None

    def unfinished(self) -> list[LaunchRow]:
        return list(self._where(f"status IN ({_UNFINISHED}) ORDER BY id"))

    def count_queued(self) -> int:
        row = self._store.one("SELECT count(*) FROM launches WHERE status = 'queued'")
        return int(row[0]) if row else 0

    def consume(self, task_id: int, port: int | None) -> None:
        """Take a launch from the queue, and record its port before the process starts."""
        self._store.write(
            "UPDATE launches SET status = 'consumed', port = ? WHERE id = ? AND status = 'queued'", (port, task_id)
        )

    def start(self, task_id: int, pid: int, mark: str | None) -> None:
        """Record the process. A later status (terminating, deployed) does not change."""
        self._store.write(
            "UPDATE launches SET pid = ?, pid_mark = ?, started_at = coalesce(started_at, ?),"
            " status = CASE status WHEN 'consumed' THEN 'started' ELSE status END WHERE id = ?",
            (pid, mark, timestamps.now(), task_id),
        )

    def remember_mark(self, task_id: int, mark: str | None) -> None:
        """Record the mark, which distinguishes the process from a later one with the same pid."""
        self._store.write("UPDATE launches SET pid_mark = ? WHERE id = ? AND pid IS NOT NULL", (mark, task_id))

    def ask_to_stop(self, task_id: int) -> None:
        """Record the request. A terminal status that a client set does not change."""
        self._store.write(
            "UPDATE launches SET stop_requested = 1, status = CASE WHEN status IN ('finished', 'error', 'stopped')"
            " THEN status ELSE 'terminating' END WHERE id = ?",
            (task_id,),
        )

    def end(self, task_id: int, status: LaunchStatus, error: Mapping[str, Any] | None = None) -> None:
        """Record the end. A terminal status that a client set remains, but an exit code overrules `finished`."""
        final = TERMINAL - {LaunchStatus.FINISHED} if error and error["exitCode"] else TERMINAL
        self._store.write(
            "UPDATE launches SET status = ?, error = ?, finished_at = ?, pid = NULL, pid_mark = NULL, port = NULL"
            " WHERE id = ? AND status NOT IN (SELECT value FROM json_each(?))",
            (status, json.dumps(error) if error else None, timestamps.now(), task_id, json.dumps(sorted(final))),
        )

    def queue_again(self, task_id: int, not_before: float) -> None:
        """Queue the next attempt of a launch, with the same id and the same logs."""
        self._store.write(
            "UPDATE launches SET status = 'queued', attempt = attempt + 1, not_before = ?, pid = NULL, pid_mark = NULL,"
            " port = NULL, stdout_read = 0, stderr_read = 0 WHERE id = ?",
            (not_before, task_id),
        )

    def force_status(self, task_id: int, status: LaunchStatus) -> None:
        finished = timestamps.now() if status.is_terminal else None
        self._store.write(
            "UPDATE launches SET status = ?, finished_at = ?,"
            " started_at = coalesce(started_at, CASE WHEN ? IN ('started', 'deployed') THEN ? END) WHERE id = ?",
            (status, finished, status, timestamps.now(), task_id),
        )

    def announce(self, task_id: int, status: LaunchStatus, error: Mapping[str, Any] | None) -> None:
        """Record the status that a log line reports. An ended or queued launch does not change."""
        before = {LaunchStatus.STARTED: ("consumed",), LaunchStatus.DEPLOYED: ("consumed", "started")}
        allowed = before.get(status, tuple(str(active) for active in ACTIVE))
        finished = timestamps.now() if status.is_terminal else None
        self._store.write(
            "UPDATE launches SET status = ?, error = coalesce(?, error), finished_at = ?"
            " WHERE id = ? AND status IN (SELECT value FROM json_each(?))",
            (status, json.dumps(error) if error else None, finished, task_id, json.dumps(allowed)),
        )

    def resume(self, task_id: int) -> None:
        """Queue an ended launch again, as if it had never ended."""
        self._store.write(
            "UPDATE launches SET stop_requested = 0, finished_at = NULL, error = NULL WHERE id = ?", (task_id,)
        )
        self.queue_again(task_id, 0)

    def remember_read(self, task_id: int, stream: str, offset: int) -> None:
        """Record the offset of the stored lines. Call it in the transaction that stores them."""
        column = {"stdout": "stdout_read", "stderr": "stderr_read"}[stream]
        self._store.write(f"UPDATE launches SET {column} = ? WHERE id = ?", (offset, task_id))  # noqa: S608 - constants

    def set_output(self, task_id: int, output: Mapping[str, Any]) -> None:
        self._store.write("UPDATE launches SET output = ? WHERE id = ?", (json.dumps(output), task_id))

    def set_meta(self, task_id: int, meta: Mapping[str, Any]) -> None:
        self._store.write("UPDATE launches SET meta = ? WHERE id = ?", (json.dumps(meta), task_id))

    def _where(self, condition: str, *values: object) -> Iterator[LaunchRow]:
        for row in self._store.all(f"SELECT {_COLUMNS} FROM launches WHERE {condition}", values):  # noqa: S608 - constants
            status, stop_requested = LaunchStatus(row["status"]), bool(row["stop_requested"])
            yield LaunchRow(**dict(row) | {"status": status, "stop_requested": stop_requested})
