"""Processes that outlive us: how to name one for good, signal it, and notice its end. Knows no task.

A pid alone is reused; a *mark* (boot and start time) beside it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

import psutil

from taskspec.processmark import mark_of

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 0.2


def is_alive(pid: int, mark: str | None) -> bool:
    return mark is not None and mark_of(pid) == mark


def signal_group(pid: int, mark: str | None, number: signal.Signals) -> None:
    """Signal the process group led by this very process; nothing happens when it is gone."""
    if is_alive(pid, mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def reap(pid: int) -> None:
    """Collect a child that has ended, after killing what it left behind in its group; a stranger is left alone.

    In this order: until it is collected, nobody else can be given its pid.
    """
    with contextlib.suppress(ChildProcessError):
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def find_by_argument(argument: str, hint: int | None) -> int | None:
    """The group leader that was started with this argument; `hint` is looked at first."""
    if hint is not None and argument in _command_line(hint):
        return hint
    for process in psutil.process_iter():
        if argument in _command_line(process.pid) and _leads_group(process.pid):
            return process.pid
    return None


class ExitWatch:
    """Calls back once, on the event loop, when a process has ended, whether or not it is our child.

    `fresh` says that it was started a moment ago and not collected yet, so that the pid is surely still its own:
    looking it up in the middle of its exec would wait for the kernel.
    """

    def __init__(self, pid: int, mark: str | None, ended: Callable[[], None], *, fresh: bool) -> None:
        self._pid = pid
        self._mark = mark
        self._ended = ended
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


def _leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False
