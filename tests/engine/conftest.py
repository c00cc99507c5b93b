"""A real local server for all engine tests, and a workshop with a spec, its apps and its state for each."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from taskspec.local import daemon
from taskspec.local.home import ServerHome

from .faultserver import FaultServer
from .workshop import Workshop


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[daemon.Endpoint]:
    home = ServerHome(tmp_path_factory.mktemp("engine") / "server")
    try:
        yield daemon.ensure_running(home, idle_seconds=300)
    finally:
        daemon.stop(home)
        for process in _apps_of(home):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)


def _apps_of(home: ServerHome) -> list[int]:
    """The groups of apps that a test left running."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(argument.startswith(f"{home.tasks}/") for argument in process.cmdline()):
                found.append(process.pid)
    return found


@pytest.fixture
def workshop(tmp_path: Path, endpoint: daemon.Endpoint) -> Iterator[Workshop]:
    with Workshop.on_the_local_server(tmp_path, endpoint) as workshop:
        yield workshop


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def remote(tmp_path: Path, faults: FaultServer) -> Iterator[Workshop]:
    """A workshop whose launches go to the fault server."""
    with Workshop.on_a_server(tmp_path, faults.address) as workshop:
        yield workshop
