"""Processes that outlive the server: identify one, signal it, and notice its end. Knows nothing of launches.

The kernel reuses a pid. A pid with a *mark* (boot and start time) is unique.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import psutil

from taskspec.files.process_mark import mark_of

POLL_SECONDS = 0.2


def is_alive(pid: int, mark: str | None) -> bool:
    return mark is not None and mark_of(pid) == mark


def signal_group(pid: int, mark: str | None, number: signal.Signals) -> None:
    """Signal the process group of this process. Do nothing when the process has ended."""
    if is_alive(pid, mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def reap(pid: int) -> None:
    """Kill what an ended child left in its group, then collect the child. Do nothing for any other process.

    In this order, because the kernel does not reuse the pid before the child is collected.
    """
    with contextlib.suppress(ChildProcessError):
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def kill_orphans(leader: int, folder: str) -> int | None:
    """Kill the group of an ended leader, if a process of it uses this folder. Return that process, which ends soon.

    The kernel may have given the pid of the leader to another group, which does not use the folder.
    """
    for process in psutil.process_iter():
        if _group_of(process.pid) == leader and _uses(process, folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
            return process.pid
    return None


def find_by_argument(argument: str, hint: int | None) -> int | None:
    """Find the group leader that was started with this argument. The pid `hint` is tried first."""
    if hint is not None and argument in _command_line(hint):
        return hint
    for process in psutil.process_iter():
        if argument in _command_line(process.pid) and _group_of(process.pid) == process.pid:
            return process.pid
    return None


class ExitWatch:
    """Calls `ended` once, on the event loop, when a process has ended. It need not be a child of the server.

    A `fresh` process was just started and is not collected yet, so its pid cannot belong to another process. Its mark
    is not read, because that would block during its exec.
    """

    def __init__(self, pid: int, mark: str | None, ended: Callable[[], None], *, fresh: bool) -> None:
        self._pid, self._mark, self._ended = pid, mark, ended
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._descriptor = _open_pidfd(pid)
        if self._descriptor is not None and (fresh or is_alive(pid, mark)):
            self._loop.add_reader(self._descriptor, self._over)
        else:
            self._mark = mark if mark is not None or not fresh else mark_of(pid)
            self._poll()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _poll(self) -> None:
        if is_alive(self._pid, self._mark):
            self._timer = self._loop.call_later(POLL_SECONDS, self._poll)
        else:
            self._timer = self._loop.call_later(0, self._over)

    def _over(self) -> None:
        self.close()
        self._ended()


def _open_pidfd(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _command_line(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _uses(process: psutil.Process, folder: str) -> bool:
    """Whether the folder is in the environment of a process, or holds a file that it has open.

    A program may replace its environment or redirect its output, but hardly both.
    """
    with contextlib.suppress(psutil.Error):
        if folder in process.environ().values():
            return True
    with contextlib.suppress(psutil.Error):
        return any(file.path.startswith(f"{os.path.realpath(folder)}/") for file in process.open_files())
    return False


FIRST, LAST = 20_000, 29_999
_TRIES = 1000


class Ports:
    """Hands out the ports of its range in turn, without those on which a program listens."""

    def __init__(self, start: int) -> None:
        first = FIRST + start % (LAST - FIRST + 1)
        self._numbers: Iterator[int] = cycle([*range(first, LAST + 1), *range(FIRST, first)])
        self._lent: set[int] = set()

    def reserve(self) -> int | None:
        """Return a free port, or None when there is none. An app without a server runs without a port."""
        for number in islice(self._numbers, _TRIES):
            if number not in self._lent and _is_free(number):
                self._lent.add(number)
                return number
        return None

    def keep(self, number: int | None) -> None:
        """Mark a port as used by an app of an earlier server."""
        if number is not None:
            self._lent.add(number)

    def release(self, number: int | None) -> None:
        if number is not None:
            self._lent.discard(number)


def _is_free(number: int) -> bool:
    """Bind on every address, so that a listener on any address counts."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", number))
        except OSError:
            return False
        return True
