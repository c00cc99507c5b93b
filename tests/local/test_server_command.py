"""The commands `taskspec server …`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from taskspec.local import server_client
from taskspec.local.home import find_home
from tests.local.http.routes.test_apps import commit, git

from .serving import write_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def taskspec(taskspec_home: Path) -> Iterator[Run]:
    """Run commands with the home of the test. No server outlives the test."""

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from taskspec.cli.main import main; main()", "server", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    yield run
    server_client.stop(find_home({"TASKSPEC_HOME": str(taskspec_home)}))


def test_a_server_is_started_asked_and_stopped(taskspec: Run, taskspec_home: Path) -> None:
    assert "Is not running." in taskspec("status").stdout
    assert "runs at http://127.0.0.1:" in taskspec("start").stdout
    status = taskspec("status").stdout
    assert "Runs at http://127.0.0.1:" in status
    assert f"Home: {taskspec_home / 'server'}" in status
    assert taskspec("stop").stdout == "The local server has stopped.\n"
    assert taskspec("stop").stdout == "No local server is running.\n"


def test_modules_are_added_and_listed(taskspec: Run, tmp_path: Path) -> None:
    assert "No modules." in taskspec("modules", "list").stderr
    folder = tmp_path / "app"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one")
    git(folder, "tag", "v1.0.0")
    add = ("modules", "add", str(folder), "--slug", "acme/app")
    assert taskspec(*add).stdout == "Registered acme/app v1.0.0.\n"
    assert taskspec(*add, "--branch", "main").stdout == "Registered acme/app branch main.\n"
    write_app(folder, entrypoint="echo changed")
    assert taskspec(*add).stdout.startswith("Registered acme/app sha256:")
    assert taskspec(*add, "--version", "v1.1.0").stdout == "Registered acme/app v1.1.0.\n"
    line = taskspec("modules", "list").stdout
    assert line.startswith("acme/app  v1.1.0, sha256:")
    assert line.endswith(", v1.0.0, branch main\n")


def test_what_cannot_be_added_is_said_plainly(taskspec: Run, tmp_path: Path) -> None:
    add = ("modules", "add", str(tmp_path), "--slug", "acme/app")
    assert "config.json" in taskspec(*add, code=4).stderr
    assert "one of --version" in taskspec(*add, "--tag", "a", "--branch", "b", code=3).stderr
    assert "not a git repository" in taskspec(*add, "--tag", "v1", code=4).stderr


def test_old_launches_are_pruned(taskspec: Run) -> None:
    assert taskspec("prune", "--keep-days", "30").stdout == "Deleted the files of 0 launches.\n"
    taskspec("prune", code=3)
