"""A state that came with a checkout is not believed, and nothing behind a link is opened."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from taskspec.errors import ExitCode, StateError
from taskspec.operations import state_file
from taskspec.state.marker import marker_of
from taskspec.state.model import EventKind, State

from .journals import event

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project" / ".taskspec" / "spec" / "local.db"
    with state_file.writing(path) as store:
        store.append("run", [event(EventKind.INTENT)])
    return path


def write(path: Path) -> State:
    with state_file.writing(path) as store:
        return store.load()


USES = pytest.mark.parametrize("use", [state_file.read_state, write], ids=lambda use: use.__name__)


@USES
@pytest.mark.parametrize("linked", [lambda p: p, marker_of, lambda p: p.parent, lambda p: p.parent.parent])
def test_a_state_behind_a_link_is_refused_and_left_alone(
    path: Path, tmp_path: Path, linked: Callable[[Path], Path], use: Callable[[Path], State]
) -> None:
    place, elsewhere = linked(path), tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    files = [file for file in (elsewhere, *elsewhere.rglob("*")) if file.is_file()]
    before = {file: file.read_bytes() for file in files}
    with pytest.raises(StateError, match="is a link") as refused:
        use(path)
    assert refused.value.exit_code == ExitCode.STATE
    assert {file: file.read_bytes() for file in files} == before


@pytest.mark.parametrize("version", ["2", "4"])
@USES
def test_a_state_that_git_tracks_is_refused_until_it_is_taken_out(
    path: Path, use: Callable[[Path], State], version: str
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    project = path.parents[2]
    (project / ".hidden").touch()
    for command in (["init", "-q"], ["add", ".hidden"], ["add", "-f", ".taskspec"], ["commit", "-qm", "planted"]):
        subprocess.run([*GIT, "-c", f"index.version={version}", *command], cwd=project, check=True)
    with pytest.raises(StateError, match="is committed") as refused:
        use(path)
    assert "git rm -r --cached" in refused.value.remedy
    subprocess.run([*GIT, "rm", "-rq", "--cached", ".taskspec"], cwd=project, check=True)
    assert use(path).serial == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
@USES
def test_a_state_of_another_user_is_refused(path: Path, use: Callable[[Path], State]) -> None:
    os.chown(path, 4711, 4711)
    with pytest.raises(StateError, match="belongs to user 4711") as refused:
        use(path)
    assert "taskspec state import" in refused.value.remedy
