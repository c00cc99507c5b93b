"""Apps with the real SDK, run by the agent of the local server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from taskspec.api import Api, LaunchStatus, TaskFinishedWithError
from tests.local.serving import RunningServer, until

from .sdk import Sdk, SdkError

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(__file__).with_name("apps")


class Apps:
    """Starts the apps of `apps/` with an interpreter that has the SDK."""

    def __init__(self, server: RunningServer, python: Path) -> None:
        self.server = server
        self._python = python

    def start(self, name: str, command: str = "{python} main.py", *, state: Any = None, **config: Any) -> int:
        folder = self.server.apps / f"sdk_{name}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.py").write_text((SOURCES / f"{name}.py").read_text())
        entrypoint = command.format(python=self._python)
        (folder / "config.json").write_text(
            json.dumps({"name": f"SDK {name}", "version": "2.0.0", "entrypoint": entrypoint, **config})
        )
        module = self.server.control("modules.register", path=str(folder))["moduleId"]
        return self.server.start_app(module, params={"state": state or {}})

    def serve(self, name: str, **config: Any) -> int:
        command = "{python} -m uvicorn main:app --host 0.0.0.0 --port 8000"
        return self.start(name, command, port=8000, **config)

    def logged(self, task_id: int, message: str) -> list[dict[str, Any]]:
        return [row for row in self.server.logs(task_id) if row["message"] == message]


@pytest.fixture(scope="module")
def apps(server: RunningServer, sdk_python: Path) -> Apps:
    return Apps(server, sdk_python)


@pytest.fixture(scope="module")
def service(apps: Apps, api: Api) -> Iterator[int]:
    task_id = apps.serve("service", headless=True)
    until(lambda: api.task.is_ready(task_id), "the service's readiness")
    yield task_id
    api.task.stop(task_id)
    apps.server.end_of(task_id)


@pytest.fixture(scope="module")
def counted(apps: Apps) -> int:
    """A launch of a job that has ended."""
    state = {"lr": 0.5, "names": ["a", "b"], "none": None, "slyProjectId": 7}
    task_id = apps.start("headless", state=state)
    assert apps.server.end_of(task_id)["status"] == "finished", apps.server.messages(task_id)
    return task_id


def test_a_job_sees_its_launch_and_leaves_its_output(apps: Apps, counted: int) -> None:
    info, task_id = apps.server.info(counted), counted
    assert info["meta"]["output"]["general"]["title"] == "counted"
    assert info["meta"]["output"]["general"]["description"] == "3 of 3"
    (seen,) = apps.logged(task_id, "seen")
    assert (seen["lr"], seen["names"], seen["absent"], seen["project"]) == ("0.5", "['a', 'b']", None, 7)
    assert (seen["places"], seen["production"]) == ([1, 1, 1, 1], True)
    assert (seen["header"], seen["info"]) == (str(task_id), "started")


def test_progress_is_in_the_log_as_the_sdk_wrote_it(apps: Apps, counted: int) -> None:
    steps = [row for row in apps.logged(counted, "progress") if row["subtask"] == "Counting"]
    assert [(row["current"], row["total"]) for row in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {(row["level"], row["event_type"], row["task_id"]) for row in steps} == {
        ("info", "EventType.PROGRESS", counted)
    }


def test_a_file_for_the_user_is_in_team_files_and_in_the_output(apps: Apps, api: Api, tmp_path: Path) -> None:
    task_id = apps.start("exporter")
    info = apps.server.end_of(task_id)
    assert info["status"] == "finished", apps.server.messages(task_id)
    assert [row for row in apps.server.logs(task_id) if row["level"] in {"error", "fatal"}] == []
    general = info["meta"]["output"]["general"]
    assert (general["title"], general["download"]) == ("result.txt", True)
    remote = f"/tmp/supervisely/export/SDK exporter/{task_id}/result.txt"
    api.file.download(1, remote, tmp_path / "result.txt")
    assert (tmp_path / "result.txt").read_text() == "lemons"
    link = requests.get(apps.server.address + general["titleUrl"], headers={"x-api-key": apps.server.token}, timeout=30)
    assert link.content == b"lemons"


def test_a_failing_job_ends_in_error_with_its_fatal_line(apps: Apps, api: Api) -> None:
    task_id = apps.start("failing")
    info = apps.server.end_of(task_id)
    assert info["status"] == "error"
    assert "exit code 1" in info["meta"]["error"]["message"]
    fatal = [row for row in apps.server.logs(task_id) if row["level"] == "fatal"]
    assert fatal[0]["event_type"] == "EventType.TASK_CRASHED"
    assert fatal[0]["main_name"] == "export"
    assert "no lemons in project 7" in fatal[0]["exc_str"]
    with pytest.raises(TaskFinishedWithError):
        api.task.wait(task_id, "finished")


def test_a_job_that_ignores_every_request_to_leave_is_stopped_in_the_end(apps: Apps, api: Api) -> None:
    task_id = apps.start("stubborn")
    until(lambda: apps.logged(task_id, "deaf"), "the app's first words")
    assert api.task.stop(task_id) is LaunchStatus.TERMINATING
    assert apps.server.end_of(task_id)["status"] == "stopped"


class TestService:
    def test_a_service_runs_and_is_ready_for_both_clients(self, sdk: Sdk, api: Api, service: int) -> None:
        assert sdk("app.wait_until_ready_for_api_calls", service, 100, 0.1) is True
        assert sdk("task.is_running", service) is True
        assert sdk("task.is_ready", service) is True
        assert sdk("app.is_ready_for_api_calls", service) is True
        assert sdk("task.get_status", service) == "started"
        assert (api.task.is_running(service), api.task.is_ready(service)) == (True, True)
        assert api.app.is_ready_for_api_calls(service)

    def test_an_ended_launch_neither_runs_nor_is_ready(self, sdk: Sdk, apps: Apps) -> None:
        task_id = apps.server.run("gone", "true")
        apps.server.end_of(task_id)
        assert sdk("task.is_running", task_id) is False
        assert sdk("task.is_ready", task_id) is False
        assert sdk("app.is_ready_for_api_calls", task_id) is False

    def test_a_request_reaches_the_app_and_its_answer_comes_back(self, sdk: Sdk, api: Api, service: int) -> None:
        expected = {"sum": 5, "context": {"teamId": 1, "outside_request": True}, "task": service}
        assert sdk("task.send_request", service, "add", {"a": 2, "b": 3}, {"teamId": 1}) == expected
        assert api.task.send_request(service, "add", {"a": 2, "b": 3}, {"teamId": 1}) == expected

    def test_the_app_has_an_api_of_the_user_who_asks(self, sdk: Sdk, service: int) -> None:
        assert sdk("task.send_request", service, "user", {}) == {"login": sdk("user.get_my_info")["login"]}

    def test_an_unused_answer_is_json_too(self, sdk: Sdk, api: Api, service: int) -> None:
        assert sdk("task.send_request", service, "add", {"a": 1, "b": 1}, skip_response=True) is not None
        assert api.task.send_request(service, "add", {"a": 1, "b": 1}, skip_response=True) is None

    def test_the_error_of_the_app_is_the_error_of_the_request(self, sdk: Sdk, service: int) -> None:
        with pytest.raises(SdkError, match="no model is loaded") as failed:
            sdk("task.send_request", service, "fail", {}, retries=1, raise_error=True)
        assert failed.value.kind == "HTTPError"
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("task.send_request", service, "nothing_of_the_kind", {}, retries=1, raise_error=True)

    def test_direct_requests_need_no_api_key(self, server: RunningServer, service: int) -> None:
        token = server.info(service)["meta"]["sessionToken"]
        answer = requests.post(f"{server.address}/net/{token}/is_running", json={}, timeout=30)
        assert answer.json() == {"running": True, "mode": "production"}

    def test_a_stopped_service_shuts_down_in_good_order(self, apps: Apps, api: Api) -> None:
        task_id = apps.serve("service", headless=True)
        until(lambda: api.task.is_ready(task_id), "the service's readiness")
        assert api.task.stop(task_id) is LaunchStatus.TERMINATING
        assert apps.server.end_of(task_id)["status"] == "stopped"
        assert len(apps.logged(task_id, "farewell")) == 1
        assert not api.task.is_running(task_id)


def test_an_app_with_widgets_writes_its_page_to_the_server(apps: Apps, api: Api, sdk: Sdk) -> None:
    task_id = apps.serve("widgets")
    until(lambda: api.task.is_ready(task_id), "the app's readiness")
    until(lambda: "ripe" in json.dumps(api.task.get_field(task_id, "data")), "the first text of the page")
    assert sdk("task.send_request", task_id, "say", {}) == {"said": True}
    until(lambda: "sour" in json.dumps(api.task.get_field(task_id, "data")), "the second text of the page")
    api.task.stop(task_id)
    assert apps.server.end_of(task_id)["status"] == "stopped"
    assert [row for row in apps.server.logs(task_id) if row["level"] in {"error", "fatal"}] == []
