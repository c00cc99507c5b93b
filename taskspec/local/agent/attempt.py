"""One attempt with a process: its log files, its end, and the steps of a stop.

POST /sly/shutdown ─▶ SIGINT ─▶ SIGTERM ─▶ SIGKILL
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskspec.api.wire import LaunchStatus
from taskspec.files.process_mark import mark_of
from taskspec.local.agent.app_call import AppCallError, AppExchange, NotListening
from taskspec.local.agent.launcher import RunDir
from taskspec.local.agent.process import ExitWatch, signal_group
from taskspec.local.db.launches import LaunchRow
from taskspec.local.db.logs import LogLine, Tail

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class RunningAttempt:
    """The agent's data of a running launch. All of it can be restored from the store and the files."""

    def __init__(self, launch: LaunchRow, run_dir: RunDir) -> None:
        self.task_id = launch.id
        self.run_dir = run_dir
        self.port = launch.port
        self.pid: int | None = None
        self.mark: str | None = None
        self._tails = {
            "stdout": Tail(run_dir.stdout, launch.stdout_read),
            "stderr": Tail(run_dir.stderr, launch.stderr_read),
        }
        self._watch: ExitWatch | None = None
        self._stopping: asyncio.Task[None] | None = None

    def watch(self, pid: int, mark: str | None, ended: Callable[[], None], *, fresh: bool = False) -> None:
        """Watch this process. `ended` is called once, when the process has ended."""
        self.pid, self.mark = pid, mark
        self._watch = ExitWatch(pid, mark, ended, fresh=fresh)

    def read_mark(self) -> bool:
        """Read the mark of a new process. Return True when the mark is new."""
        if self.mark is not None or self.pid is None:
            return False
        self.mark = mark_of(self.pid)
        return self.mark is not None

    def read(self, *, final: bool) -> tuple[dict[str, tuple[list[LogLine], int]], bool]:
        """Return new lines and their end offset by stream, and whether there is more to read."""
        found, more = {}, False
        for stream, tail in self._tails.items():
            before = tail.offset
            lines, waiting = tail.read(final=final)
            more = more or waiting
            if tail.offset != before:
                found[stream] = (lines, tail.offset)
        return found, more

    def stop(self, grace: float) -> None:
        """Ask the app to exit, then signal its process group, with `grace` seconds between the steps."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._ask_then_signal(grace))

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        if self._stopping is not None:
            self._stopping.cancel()
        self._watch = self._stopping = None

    async def _ask_then_signal(self, grace: float) -> None:
        """Ask an app with an HTTP server as the platform does (wire protocol 4.8). Signal other apps at once."""
        asked = time.monotonic()
        if await self._agrees_to_exit(grace):
            await asyncio.sleep(asked + grace - time.monotonic())
        for number in _SIGNALS:
            if self.pid is None:
                return
            # Read again: a process that was found by its claim has no mark yet.
            signal_group(self.pid, self.mark or mark_of(self.pid), number)
            await asyncio.sleep(grace)

    async def _agrees_to_exit(self, seconds: float) -> bool:
        if self.port is None:
            return False
        try:
            exchange = await AppExchange.open(self.port)
            head, _ = await exchange.post("/sly/shutdown", {}, seconds=seconds)
            return head.status_code < 300
        except NotListening:
            return False
        except AppCallError:  # some apps exit before they have answered
            return True


_TAIL_BYTES = 4096
_TAIL_LINES = 10
_DIALOG = re.compile(r"Error (title|message): *([^\n\"]+)")


@dataclass(frozen=True, slots=True)
class ExitVerdict:
    """A terminal status and the details of an error."""

    status: LaunchStatus
    error: Mapping[str, Any] = field(default_factory=dict)


def judge(exit_status: int | None, *, stop_requested: bool, stderr: str) -> ExitVerdict:
    """Judge the end. A requested stop gives `stopped` for any exit code (wire protocol 4.8)."""
    if stop_requested:
        return ExitVerdict(LaunchStatus.STOPPED)
    if exit_status == 0:
        return ExitVerdict(LaunchStatus.FINISHED)
    if exit_status is None:
        return failure("lost: the process ended without an exit status (it was killed, or the machine stopped)")
    dialog = {kind: text.strip() for kind, text in _DIALOG.findall(stderr)}
    message = _exit_text(exit_status)
    if dialog:
        message = f"{': '.join(dialog[kind] for kind in ('title', 'message') if kind in dialog)} ({message})"
    return failure(message, exit_status, stderr)


def failure(message: str, exit_status: int | None = None, stderr: str = "") -> ExitVerdict:
    return ExitVerdict(LaunchStatus.ERROR, {"message": message, "exitCode": exit_status, "details": stderr})


def last_lines(path: Path) -> str:
    """Return the last lines of a file, for an error message."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])


def _exit_text(status: int) -> str:
    if status > 128 and status - 128 in set(signal.Signals):
        return f"exit code {status} ({signal.Signals(status - 128).name})"
    return f"exit code {status}"
