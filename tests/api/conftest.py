from __future__ import annotations

from collections.abc import Iterator

import pytest

from taskspec.api import Api

from .recorder import Recorder

TOKEN = "hidden-token-1f2e3d"


@pytest.fixture(autouse=True)
def _no_real_server(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("SERVER_ADDRESS", "API_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def naps() -> list[float]:
    """The pauses that the code under test requested. No test sleeps."""
    return []


@pytest.fixture
def api(server: Recorder, naps: list[float]) -> Iterator[Api]:
    with Api(server.address, TOKEN, retries=0, sleep=naps.append) as client:
        yield client
