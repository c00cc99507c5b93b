"""A real local server for all engine tests, and a project with a spec, its apps and its state for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskspec.local import server_client
from taskspec.local.home import ServerHome
from tests.waiting import kill_apps_of

from .faultserver import FaultServer
from .spec_project import SpecProject


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server_client.Endpoint]:
    home = ServerHome(tmp_path_factory.mktemp("engine") / "server")
    try:
        yield server_client.ensure_running(home, idle_seconds=300)
    finally:
        server_client.stop(home)
        kill_apps_of(home)


@pytest.fixture
def project(tmp_path: Path, endpoint: server_client.Endpoint) -> Iterator[SpecProject]:
    with SpecProject.on_the_local_server(tmp_path, endpoint) as project:
        yield project


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def remote(tmp_path: Path, faults: FaultServer) -> Iterator[SpecProject]:
    """A project whose launches go to the fault server."""
    with SpecProject.on_a_server(tmp_path, faults.address) as project:
        yield project
