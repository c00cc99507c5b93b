"""Real servers: one for all tests that only send requests, and one per test that kills the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .serving import RunningServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("local_server"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that the test starts itself, with its own options."""
    server = RunningServer(tmp_path)
    try:
        yield server
    finally:
        server.close()
