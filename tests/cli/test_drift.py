"""What happens to launches behind our back, seen by status and set right by the next apply."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskspec.api import Api
from taskspec.local.server_client import Endpoint

from .conftest import Command
from .leaving import apply_and_leave

Write = Callable[[str], Path]
WAITING = "tasks: {only: {module: ./waiting}}"


@pytest.fixture
def api(endpoint: Endpoint) -> Iterator[Api]:
    with Api(endpoint.address, endpoint.token) as api:
        yield api


@pytest.fixture
def running(spec: Write, folder: Path, api: Api) -> Iterator[int]:
    """A launch that runs, as an apply left it."""
    spec(WAITING)
    task_id = apply_and_leave()
    yield task_id
    (folder / "gate").touch()
    for info in api.task.get_list(1):
        if info.id >= task_id and (info.status is None or not info.status.is_terminal):
            end(api, info.id)


def end(api: Api, task_id: int, status: str = "finished") -> None:
    api.task.wait(task_id, status, wait_attempts=600, wait_attempt_timeout_sec=0.05)


def test_a_launch_that_was_stopped_by_hand_is_reported_recorded_and_launched_again(
    taskspec: Command, running: int, folder: Path, api: Api
) -> None:
    api.task.stop(running)
    end(api, running, "stopped")
    assert "stopped since the last run" in taskspec("status", "spec.yaml").out
    (folder / "gate").touch()
    assert taskspec("apply", "spec.yaml").code == 1
    assert "since the last run" not in taskspec("status", "spec.yaml").out
    assert taskspec("apply", "spec.yaml").code == 0
    assert "succeeded" in taskspec("status", "spec.yaml").out


def test_a_launch_that_ended_unseen_is_reported_and_kept(
    taskspec: Command, running: int, folder: Path, api: Api
) -> None:
    (folder / "gate").touch()
    end(api, running)
    assert "finished since the last run" in taskspec("status", "spec.yaml").out
    assert taskspec("apply", "spec.yaml").code == 0
    assert "nothing to do" in taskspec("plan", "spec.yaml").out
    assert api.task.highest_id(1) == running


def test_a_launch_that_left_the_spec_and_runs_is_reported_and_stopped(
    taskspec: Command, running: int, spec: Write, api: Api
) -> None:
    spec("tasks: {other: {module: ./good}}")
    assert "no longer in the spec, still running: the next apply stops it" in taskspec("status", "spec.yaml").out
    assert taskspec("apply", "spec.yaml").code == 0
    status = api.task.get_info_by_id(running).status
    assert status is not None
    assert status.is_terminal
    assert "still running" not in taskspec("status", "spec.yaml").out


def test_a_launch_that_was_restarted_by_hand_is_reported_and_attached_to(
    taskspec: Command, spec: Write, api: Api
) -> None:
    spec("tasks: {only: {module: ./good}}")
    assert taskspec("apply", "spec.yaml").code == 0
    task_id = json.loads(taskspec("status", "spec.yaml", "--json").out)["tasks"][0]["task_id"]
    api.task.update_status(task_id, "started")
    assert "runs again: restarted outside of taskspec" in taskspec("status", "spec.yaml").out
    assert "Plan: 1 to attach." in taskspec("plan", "spec.yaml").out
    api.task.update_status(task_id, "finished")
    assert "nothing to do" in taskspec("plan", "spec.yaml").out
