"""An interpreter with the vendor's SDK, a local server, and a process that runs the SDK's calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from taskspec.api import Api
from tests.local.serving import RunningServer

from .sdk import ENVIRON, OWN_ENVIRONMENT, Sdk, build, pinned, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """An interpreter that has the SDK at the pinned version, and taskspec."""
    named = ENVIRON.get("TASKSPEC_SDK_PYTHON")
    python = Path(named) if named else OWN_ENVIRONMENT / "bin" / "python"
    wanted = pinned().removeprefix("supervisely==")
    if version_of(python) == wanted:
        return python
    if named:
        pytest.fail(
            f"TASKSPEC_SDK_PYTHON is {named}, which has supervisely {version_of(python)} with taskspec, not {wanted}"
        )
    if ENVIRON.get("TASKSPEC_CONTRACT") == "1":
        return build(ENVIRON)
    pytest.skip("no environment with the vendor's SDK (850 MB); set TASKSPEC_CONTRACT=1 to build it in .venv-sdk")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A local server that runs apps."""
    running = RunningServer(tmp_path_factory.mktemp("contract"))
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A local server whose agent has no capacity, so that launches stay queued."""
    running = RunningServer(tmp_path_factory.mktemp("queue_server"), "--capacity", "0")
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def sdk(sdk_python: Path, server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    folder = tmp_path_factory.mktemp("sdk")
    with Sdk(sdk_python, sdk_environ(server, folder), folder / "stderr.log") as process:
        yield process


@pytest.fixture(scope="session")
def queue_sdk(sdk_python: Path, queue_server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    folder = tmp_path_factory.mktemp("queue_sdk")
    with Sdk(sdk_python, sdk_environ(queue_server, folder), folder / "stderr.log") as process:
        yield process


@pytest.fixture(scope="session")
def api(server: RunningServer) -> Iterator[Api]:
    """The client of taskspec for the same server."""
    with Api(server.address, server.token) as client:
        yield client


def sdk_environ(server: RunningServer, home: Path) -> Mapping[str, str]:
    """The environment of a user. The SDK's test for https is on, so the local server must survive it."""
    return {
        "PATH": ENVIRON.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "NO_PROXY": "*",
        "SERVER_ADDRESS": server.address,
        "API_TOKEN": server.token,
        "SUPERVISELY_PUBLIC_API_RETRY_SLEEP_SEC": "0",
    }
