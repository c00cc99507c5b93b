"""The command line in this process, and a local server that all of its tests share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from taskspec.cli.main import run
from taskspec.local import server_client
from taskspec.local.home import ServerHome
from tests.waiting import kill_apps_of


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The output of a command, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., CommandResult]


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A TASKSPEC_HOME in which a local server runs."""
    root = tmp_path_factory.mktemp("cli")
    home = ServerHome(root / "server")
    try:
        server_client.ensure_running(home, idle_seconds=300)
        yield root
    finally:
        server_client.stop(home)
        kill_apps_of(home)


@pytest.fixture
def endpoint(shared_home: Path) -> server_client.Endpoint:
    """The shared server, for tests that speak to it as if it were any server."""
    return server_client.ensure_running(ServerHome(shared_home / "server"))


@pytest.fixture
def folder(tmp_path: Path, shared_home: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a user is in: apps that succeed, fail and wait, and no spec yet."""
    monkeypatch.setenv("TASKSPEC_HOME", str(shared_home))
    monkeypatch.chdir(tmp_path)
    for name, line in {"good": "echo hello", "bad": "echo sorry; exit 3", "waiting": waiting(tmp_path)}.items():
        (tmp_path / name).mkdir()
        config = {"name": name.capitalize(), "entrypoint": line, "modal_template_state": {"lr": 0.1}}
        (tmp_path / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def waiting(folder: Path) -> str:
    return f"while [ ! -e '{folder}/gate' ]; do sleep 0.02; done"


@pytest.fixture
def spec(folder: Path) -> Callable[[str], Path]:
    """Write spec.yaml."""

    def write(text: str) -> Path:
        path = folder / "spec.yaml"
        path.write_text("taskspec: 1\nname: tests\n" + dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def taskspec(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process."""

    def command(*arguments: str) -> CommandResult:
        capfd.readouterr()
        code = run(arguments)
        result = capfd.readouterr()
        return CommandResult(int(code), result.out, result.err)

    return command
