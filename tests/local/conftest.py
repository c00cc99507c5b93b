"""Real servers for the tests: one for those that only ask, one each for those that kill."""

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
    """Not started yet, so that a test can choose its options."""
    server = RunningServer(tmp_path)
    try:
        yield server
    finally:
        server.close()
