"""A state that cannot be trusted stops every command with exit code 6, and nothing is started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskspec.api import Api
from taskspec.local.server_client import Endpoint
from taskspec.state.event_bodies import Actor
from taskspec.state.store import open_store
from taskspec.state.transfer import export_document

from .conftest import Command

Write = Callable[[str], Path]
COMMANDS = ("plan", "apply", "status", "results", "runs", "stop", "state list", "state verify", "state export")


@pytest.fixture
def api(endpoint: Endpoint) -> Iterator[Api]:
    with Api(endpoint.address, endpoint.token) as api:
        yield api


@pytest.fixture
def path(taskspec: Command, spec: Write, folder: Path) -> Path:
    """The state of a spec that was applied once."""
    spec("tasks: {only: {module: ./good}, big: {module: ./good, params: {text: '" + "x" * 90_000 + "'}}}")
    assert taskspec("apply", "spec.yaml").code == 0
    return folder / ".taskspec" / "spec" / "local.db"


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def foreign(path: Path) -> None:
    path.with_suffix(".lineage").write_text("0" * 32 + "\n")


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [missing, empty, truncated, foreign, garbage, a_folder], ids=lambda d: d.__name__)
def test_6_with_the_path_and_the_way_out_and_nothing_started(
    taskspec: Command, path: Path, api: Api, damage: Callable[[Path], None]
) -> None:
    before = api.task.highest_id(1)
    damage(path)
    for command in COMMANDS:
        result = taskspec(*command.split(), "spec.yaml")
        assert (result.code, result.out) == (6, ""), command
        assert str(path) in result.err
        assert len(result.err.strip().splitlines()) > 1, "a remedy follows"
    assert api.task.highest_id(1) == before


def test_what_the_remedy_says_begins_again(taskspec: Command, path: Path) -> None:
    path.unlink()
    assert str(path.with_suffix(".lineage")) in taskspec("apply", "spec.yaml").err
    path.with_suffix(".lineage").unlink()
    assert "Plan: 2 to start." in taskspec("plan", "spec.yaml").out


def test_a_folder_that_is_moved_with_its_state_is_kept(
    taskspec: Command,
    path: Path,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = tmp_path_factory.mktemp("moved") / "here"
    shutil.copytree(folder, there)
    monkeypatch.chdir(there)
    assert "nothing to do, 2 to keep" in taskspec("plan", "spec.yaml").out


FULL = """
import resource, sys
limit = int(sys.argv.pop(1))
from taskspec.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""


@pytest.mark.parametrize("limit", [0, 4096, 60_000])
def test_nothing_is_started_when_the_disk_is_full_before_the_intent(path: Path, api: Api, limit: int) -> None:
    """A limit on the size of a file stands for the end of a disk; the largest one lets all but the intent pass."""
    before = api.task.highest_id(1)
    command = [sys.executable, "-c", FULL, str(limit), "apply", "spec.yaml", "--rerun", "big"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 6, result.stderr
    assert str(path) in result.stderr
    assert "disk" in result.stderr
    assert ("1 to rerun" in result.stdout) == (limit == 60_000)
    assert api.task.highest_id(1) == before


def test_a_mistake_of_ours_while_writing_is_a_bug_report_and_the_state_stays(
    taskspec: Command, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = taskspec("state", "export", "spec.yaml").out
    monkeypatch.setattr(Actor, "body", lambda self, **more: {"who": object()})
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    result = taskspec("state", "forget", "spec.yaml", "only")
    assert result.code == 70
    assert "this is a bug in taskspec" in result.err
    for word in ("damaged", "estore", "ackup", "oving", "forget every launch"):
        assert word not in result.err
    assert len(list(folder.glob("taskspec-bug-*.txt"))) == 1
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert json.loads(before)["events"] == exported_events(path)


def exported_events(path: Path) -> list[object]:
    with open_store(path, clock=time.time) as store:
        rows: list[object] = list(export_document(store.lineage, "local", store.events())["events"])  # type: ignore[arg-type]
    return rows
