"""Logs of apps: parse lines as the real agent does (wire protocol 4.7), and store them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskspec.api.wire import LaunchStatus
from taskspec.local.db import timestamps
from taskspec.local.db.server_database import Store

LINE_LIMIT = 64 * 1024
# The server answers no request while it parses one chunk.
CHUNK = 256 * 1024
LEVELS = frozenset({"trace", "debug", "info", "warn", "error", "fatal"})
_OTHER_NAMES = {"warning": "warn", "critical": "fatal"}
_PROGRESS_KEYS = ("subtask", "current", "total", "current_label", "total_label")
_OWN_KEYS = frozenset({"message", "level", "timestamp", "task_id"})
_EVENTS = {
    "TASK_STARTED": LaunchStatus.STARTED,
    "TASK_DEPLOYED": LaunchStatus.DEPLOYED,
    "TASK_FINISHED": LaunchStatus.FINISHED,
    "TASK_CRASHED": LaunchStatus.ERROR,
    "TASK_STOPPED": LaunchStatus.STOPPED,
}
"""Events in log lines that change the status of a task (wire protocol 5.4)."""


@dataclass(frozen=True, slots=True)
class LogLine:
    message: str
    level: str = "info"
    timestamp: str = field(default_factory=timestamps.now)
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> LaunchStatus | None:
        """The status that this line reports. The SDK writes events as `EventType.TASK_FINISHED`."""
        if "event_type" not in self.extras:
            return None
        return _EVENTS.get(str(self.extras["event_type"]).rpartition(".")[2])


def parse_line(raw: bytes, moment: str) -> LogLine:
    """Parse a line. JSON with `message` and `level` is a log entry; any other line is an `info` message.

    `moment` is the time of reading. A JSON line can have its own time.
    """
    text = raw.decode(errors="replace").rstrip("\r")
    if text.startswith("{"):
        try:
            record = json.loads(text)
            json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and "message" in record and "level" in record:
            return from_record(record, moment)
    quiet = "Requirement already satisfied" in text
    return LogLine(text, "debug" if quiet else "info", moment)


def from_record(record: Mapping[str, Any], moment: str) -> LogLine:
    """Convert a log entry of the SDK. `moment` is the time of an entry without one."""
    level = str(record.get("level") or "info").lower()
    level = _OTHER_NAMES.get(level, level)
    message = record.get("message")
    own = record.get("timestamp")
    return LogLine(
        message=message if isinstance(message, str) else json.dumps(message),
        level=level if level in LEVELS else "info",
        timestamp=(timestamps.normalized(own) if isinstance(own, str) else None) or moment,
        extras={key: value for key, value in record.items() if key not in _OWN_KEYS},
    )


class Tail:
    """Reads a growing file line by line, from an offset that the caller stores."""

    def __init__(self, path: Path, offset: int, *, chunk: int = CHUNK) -> None:
        self._path = path
        self._size = chunk
        self._inside_cut_line = False
        self.offset = offset

    def read(self, *, final: bool) -> tuple[list[LogLine], bool]:
        """Return the complete lines behind the offset, and whether more can be read at once.

        With `final` the process has ended, so a last line without a newline counts too.
        """
        data = self._chunk()
        if not data:
            return [], False
        whole = len(data) == self._size
        body, newline, rest = data.rpartition(b"\n")
        lines = body.split(b"\n") if newline else []
        if newline and self._inside_cut_line:
            lines, self._inside_cut_line = lines[1:], False
        if rest and ((whole and not newline) or (final and not whole)):
            # A line longer than a chunk, or the last line. It counts as complete, so that reading continues.
            lines, rest = ([*lines, rest] if not self._inside_cut_line else lines), b""
            self._inside_cut_line = whole
        self.offset += len(data) - len(rest)
        moment = timestamps.now()
        return [parse_line(_cut(line), moment) for line in lines if line], whole

    def _chunk(self) -> bytes:
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self.offset)
                return file.read(self._size)
        except FileNotFoundError:
            return b""


def _cut(line: bytes) -> bytes:
    if len(line) <= LINE_LIMIT:
        return line
    return line[:LINE_LIMIT] + f" [cut after {LINE_LIMIT} bytes]".encode()


class Logs:
    """The stored log lines of all launches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, task_id: int, lines: Iterable[LogLine]) -> None:
        self._store.write_many(
            "INSERT INTO logs (task_id, timestamp, level, message, extras) VALUES (?, ?, ?, ?, ?)",
            [
                (task_id, line.timestamp, line.level, line.message, json.dumps(line.extras) if line.extras else None)
                for line in lines
            ],
        )

    def read(self, task_id: int, since: str, limit: int) -> list[dict[str, Any]]:
        """Return at most `limit` entries from `since` on, in order of arrival."""
        rows = self._store.all(
            "SELECT * FROM logs WHERE task_id = ? AND timestamp >= ? ORDER BY id LIMIT ?",
            (task_id, since, limit),
        )
        return [_entry(row) for row in rows]

    def progress(self, task_id: int) -> dict[str, Any] | None:
        """Return the last progress that a launch has reported (wire protocol 4.7)."""
        row = self._store.one(
            "SELECT extras FROM logs WHERE task_id = ? AND extras LIKE '%PROGRESS%' ORDER BY id DESC LIMIT 1",
            (task_id,),
        )
        extras = json.loads(row["extras"]) if row else {}
        return {key: extras[key] for key in _PROGRESS_KEYS if key in extras} if extras else None


def _entry(row: sqlite3.Row) -> dict[str, Any]:
    extras = json.loads(row["extras"]) if row["extras"] else {}
    return {**extras, **{name: row[name] for name in ("timestamp", "level", "message", "task_id")}}
