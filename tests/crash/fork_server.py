"""A process that has imported taskspec and forks one command line for each line of input. So a thousand kills need
only one import. Every child is a real process with its own pid, sockets and files.

Each line is JSON with the keys argv, cwd, env and out (a file for both streams). More keys are optional:

    die_at         the boundary at which the child kills itself
    hold_at        the journal write before which it waits for a file `go` in its folder
    hold_send      wait for `go` right before a start is sent
    interrupted_send  interrupt the run right before a start is sent, and wait until the run ends
    sync_fails_at  the journal write after which every sync fails
    file_limit     the largest size of a file in bytes
    lease          seconds after which a lease has expired
    plain          change nothing in taskspec

The answer has two lines: the pid of the child and its exit code.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from broken_disk import break_sync

import taskspec.cli.commands.apply as apply_command
from taskspec.api.transport import Transport
from taskspec.cli.main import run
from taskspec.engine.launches.start import Interrupted, Starter
from taskspec.state import lease
from taskspec.state.store import StateStore

QUICK = {"settle": 1.5, "poll_longest": 0.1}


class Boundaries:
    """Counts journal writes, sends and receives of this process. Kills or holds it at a chosen one."""

    def __init__(self, die_at: int | None, hold_at: int | None, sync_fails_at: int | None) -> None:
        self.die_at, self.hold_at, self.sync_fails_at = die_at, hold_at, sync_fails_at
        self.count = self.writes = 0
        self.lock = threading.Lock()

    def cross(self) -> None:
        with self.lock:
            self.count += 1
            here = self.count
        if here == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def hold(self) -> None:
        self.writes += 1
        if self.writes == self.hold_at:
            hold()
        if self.writes == self.sync_fails_at:
            break_sync()

    def around(self, function: Callable[..., Any], *, is_write: bool = False) -> Callable[..., Any]:
        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.cross()
            if is_write:
                self.hold()
            value = function(*args, **kwargs)
            self.cross()
            return value

        return counted


def hold() -> None:
    Path("held").touch()
    while not Path("go").exists():
        time.sleep(0.01)


def held(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def waiting(*args: Any, **kwargs: Any) -> Any:
        hold()
        return function(*args, **kwargs)

    return waiting


def interrupted(function: Callable[..., Any]) -> Callable[..., Any]:
    only_once = threading.Lock()

    @functools.wraps(function)
    def interrupting(starter: Starter, *args: Any, **kwargs: Any) -> Any:
        if only_once.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGINT)
        with suppress(Interrupted):
            while True:
                starter.confirm()
                time.sleep(0.005)
        return function(starter, *args, **kwargs)

    return interrupting


def child(order: dict[str, Any]) -> None:
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if not order.get("plain"):
        apply_command.Pace = functools.partial(apply_command.Pace, **{**QUICK, **order.get("pace", {})})
        boundaries = Boundaries(order.get("die_at"), order.get("hold_at"), order.get("sync_fails_at"))
        StateStore.append = boundaries.around(StateStore.append, is_write=True)
        Transport.send = boundaries.around(Transport.send)
    if order.get("hold_send"):
        Starter._send = held(Starter._send)
    if order.get("interrupted_send"):
        Starter._send = interrupted(Starter._send)
    if order.get("lease"):
        lease.LEASE_SECONDS = order["lease"]
    if order.get("file_limit"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], resource.RLIM_INFINITY))
    code = 70
    try:
        code = run(order["argv"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(order)
        answer(pid)
        _, status = os.waitpid(pid, 0)
        answer(os.waitstatus_to_exitcode(status))


main()
