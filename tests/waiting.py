"""What tests with real servers and apps share: waiting for an event, and ending the apps that a test left running."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil

from taskspec.local.home import ServerHome

PATIENCE = 30.0


def until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """The first true value of the condition; an upper bound for a stuck test, not a measurement."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true within {PATIENCE:g} s")


def apps_of(home: ServerHome) -> list[int]:
    """The process groups of the apps that were started from this home and still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(argument.startswith(f"{home.tasks}/") for argument in process.cmdline()):
                found.append(process.pid)
    return found


def kill_apps_of(home: ServerHome) -> None:
    for group in apps_of(home):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
