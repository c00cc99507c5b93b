"""Commands on this machine: a program and its arguments, no shell, in a process group of their own."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from taskspec.api.tasks.waiting import poll_until
from taskspec.engine.executors.call_protocol import CallFailed, CallOrder, Pause
from taskspec.files.file_lock import try_lock
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.fields.retries_and_deadlines import FailureKind, show
from taskspec.values import Json, canonical


@contextmanager
def lock_command(folder: Path, address: str) -> Iterator[int]:
    """The guard of a task, which its command inherits; raises CallFailed while one that inherited it before is alive.

    The lock belongs to the open file, which processes inherit (flock(2)), so it outlives the process that took it.
    After a run that taskspec saw to its end the file is gone: a process that left the group on purpose blocks no run.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.runs"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not try_lock(descriptor):
            noted = os.pread(descriptor, 20, 0)
            raise _still_runs(int(noted) if noted.isdigit() else 0)
        try:
            yield descriptor
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _still_runs(group: int) -> CallFailed:
    """An earlier run of the command has not ended. `group` is its process group, 0 where that was not noted."""
    which = f" (process group {group})" if group else ""
    message = f"an earlier run of this command, which taskspec could not end, still runs{which}"
    end = f"or end it with `kill -- -{group}`" if group else "or end it"
    return CallFailed(message, remedy=f"wait for it {end}, then apply again")


KEPT_BYTES = 64 * 1024
"""How much of the end of each stream is kept."""
SHOWN_LINES = 8
GRACE_SECONDS = 0.3
"""Between SIGTERM and SIGKILL: an interrupted run leaves within two seconds."""
_NAP_SHORTEST, _NAP_LONGEST = 0.005, 0.1


@dataclass(frozen=True, slots=True)
class CommandExecutor:
    """Runs commands in the folder of the spec, where the person at the keyboard allows it."""

    folder: Path
    notes: Path | None
    """Where it is noted which commands run: a rerun after a crash must not meet its own past. None: none may run."""
    environment: Mapping[str, str]
    clock: Callable[[], float]
    secrets: Secrets = field(default_factory=Secrets)

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        """Exit code and output of a command that ended with 0. Whatever happens, nothing of it runs on."""
        if self.notes is None:
            raise CallFailed("commands on this machine are off", FailureKind.INPUTS, remedy="add --allow-local")
        arguments = [_text("command", value) for value in order.body["command"]]
        extra = {name: _text(f"env.{name}", value) for name, value in order.body.get("env", {}).items()}
        with lock_command(self.notes, order.address) as guard:
            process = self._start(arguments, extra, self.folder / order.folder, guard)
            streams = _Tail.of(process.stdout), _Tail.of(process.stderr)
            try:
                self._await(process, order.call.timeout, pause)
            finally:
                _kill(process)
        out, err = map(self._said, streams)
        if process.returncode != 0:
            raise CallFailed(_ended(arguments[0], process.returncode, err or out))
        return {"exit_code": 0, "stdout": out, "json": None if streams[0].was_cut else _parsed(out)}

    def _said(self, stream: _Tail) -> str:
        text = stream.end()
        return self.secrets.redact_tail(text) if stream.was_cut else text

    def _start(
        self, arguments: list[str], extra: Mapping[str, str], folder: Path, guard: int
    ) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                arguments,
                cwd=folder,
                env={**self.environment, **extra},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=[guard],
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f'program "{arguments[0]}" cannot be run: {reason}'
            raise CallFailed(message, remedy="check the name and that it is on PATH") from None
        os.ftruncate(guard, 0)
        os.pwrite(guard, str(process.pid).encode("ascii"), 0)
        return process

    def _await(self, process: subprocess.Popen[bytes], limit: float | None, pause: Pause) -> None:
        code = poll_until(
            process.poll, clock=self.clock, pause=pause, timeout=limit, first=_NAP_SHORTEST, longest=_NAP_LONGEST
        )
        if code is None:
            message = f"the command did not end within {show(limit or 0)} and was killed"
            raise CallFailed(message, remedy="see `timeout`")


@dataclass(slots=True)
class _Tail:
    """Reads a stream to its end in a thread and keeps the last part of it."""

    stream: IO[bytes]
    kept: bytearray = field(default_factory=bytearray)
    was_cut: bool = False
    thread: threading.Thread = field(init=False)

    @classmethod
    def of(cls, stream: IO[bytes] | None) -> _Tail:
        if stream is None:
            raise AssertionError("both streams of a command are pipes")
        tail = cls(stream)
        tail.thread = threading.Thread(target=tail._read, daemon=True)
        tail.thread.start()
        return tail

    def end(self) -> str:
        """The text, once the stream has ended. A process that left the group may hold it open; it is not awaited."""
        self.thread.join(GRACE_SECONDS)
        return bytes(self.kept).decode("utf-8", "replace")

    def _read(self) -> None:
        with self.stream, suppress(OSError, ValueError):
            while chunk := self.stream.read1(KEPT_BYTES):  # type: ignore[attr-defined]  # a pipe is a BufferedReader
                self.kept += chunk
                if len(self.kept) > KEPT_BYTES:
                    del self.kept[:-KEPT_BYTES]
                    self.was_cut = True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole group, politely first; what a command leaves behind ends with it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)


def _text(place: str, value: Json) -> str:
    """An argument as text, as an expression inside a text would give it."""
    if value is None:
        raise CallFailed(f"{place} holds null, which is not a text", FailureKind.INPUTS)
    text = value if isinstance(value, str) else canonical(value)
    if "\0" in text:
        raise CallFailed(f"{place} holds a NUL character", FailureKind.INPUTS)
    return text


def _ended(program: str, code: int, text: str) -> str:
    how = f"ended with exit code {code}" if code > 0 else f"was killed by {signal.Signals(-code).name}"
    last = [line for line in text.splitlines() if line.strip()][-SHOWN_LINES:]
    return f'"{program}" {how}' + (f": {' | '.join(last)}" if last else " and said nothing")


def _parsed(text: str) -> Json:
    """The JSON that a command printed, or null where it printed something else."""
    try:
        return json.loads(text, parse_constant=_no_number) if text else None
    except (ValueError, RecursionError):
        return None


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")
