"""The vendor's SDK starts, reads and stops launches on the local server. Tests check each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from taskspec.api.wire import LaunchStatus

from .sdk import Sdk, SdkError, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.serving import RunningServer


@pytest.fixture(scope="module")
def job(server: RunningServer) -> int:
    """An app that runs the command in its state."""
    return server.register(
        "job", entrypoint='[ "$MODAL_STATE_END" != wait ] || exec sleep 600; exit ${MODAL_STATE_END:-0}'
    )


@pytest.fixture
def running(server: RunningServer, job: int) -> Iterator[int]:
    task_id = server.start_app(job, params={"state": {"end": "wait"}})
    server.wait_for_status(task_id, "started")
    yield task_id
    server.call("tasks.stop", id=task_id)
    server.end_of(task_id)


def ended(server: RunningServer, job: int, code: int) -> int:
    task_id = server.start_app(job, params={"state": {"end": code}})
    server.end_of(task_id)
    return task_id


def test_the_look_for_https_leaves_plain_http_in_place(server: RunningServer, sdk: Sdk) -> None:
    assert sdk("user.get_my_info")["id"] == 1
    assert sdk("server_address") == server.address


def test_the_server_is_new_enough_for_the_sdk(sdk: Sdk) -> None:
    assert sdk("instance_version") == "6.18.3"
    assert sdk("is_version_supported", "6.18.3") is True


class TestStart:
    def test_a_start_is_written_down_as_it_was_sent(self, server: RunningServer, sdk: Sdk, job: int) -> None:
        version = sdk("app.get_info", job)["meta"]["releases"][0]["version"]
        params = {"state": {"end": 0, "lr": 0.5, "names": ["a", "b"], "nest": {"none": None, "yes": True}}, "more": 1}
        answer = sdk(
            "task.start",
            1,
            workspace_id=1,
            description="key=1 ü",
            params=params,
            log_level="debug",
            app_version=version,
            task_name="first",
            restart_policy="on_error",
            module_id=job,
            limit_by_workspace=True,
            kubernetes_settings={"$kubernetes": {"limit_gpus": 1, "use_health_check": True}},
        )
        task_id = answer["taskId"]
        assert answer == {"id": task_id, "taskId": task_id, "userId": 1, "moduleId": job, "appId": job}
        server.end_of(task_id)
        info = sdk("task.get_info_by_id", task_id)
        assert (info["id"], info["type"], info["status"], info["description"]) == (
            task_id,
            "app",
            "finished",
            "key=1 ü",
        )
        assert (info["workspaceId"], info["teamId"], info["agentId"], info["agentName"]) == (1, 1, 1, "local")
        assert info["meta"]["name"] == "first"
        assert info["meta"]["params"] == params
        assert info["meta"]["app"] == {
            "id": job, "moduleId": job, "name": "job", "version": version, "isBranch": False
        }  # fmt: skip
        assert info["settings"]["message"]["state"] == params["state"]
        assert info["startedAt"] <= info["finishedAt"]
        assert info["finishedAt"].endswith("Z")

    def test_the_defaults_of_the_sdk_start_the_newest_version(self, server: RunningServer, sdk: Sdk, job: int) -> None:
        task_id = sdk("task.start", 1, workspace_id=1, module_id=job)["id"]
        assert server.end_of(task_id)["status"] == "finished"
        info = sdk("task.get_info_by_id", task_id)
        assert (info["description"], info["meta"]["name"]) == ("application description", "pythonSpawned")
        assert info["meta"]["params"] == {"state": {}}

    def test_an_app_is_started_by_its_app_id_and_on_any_agent(self, server: RunningServer, sdk: Sdk, job: int) -> None:
        task_id = sdk("task.start", None, app_id=job, workspace_id=1)["id"]
        assert server.end_of(task_id)["agentId"] == 1

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"module_id": 999999}, "no module 999999"),
            ({"app_version": "v9.9.9"}, "v9.9.9"),
            ({"agent_id": 999999}, "no agent 999999"),
            ({"workspace_id": 999999}, "no workspace 999999"),
            ({"workspace_id": None}, "workspaceId"),
            ({"description": "x" * 256}, "description"),
            ({"restart_policy": "sometimes"}, "restartPolicy"),
            ({"log_level": "loud"}, "logLevel"),
            ({"users_ids": [7]}, "user 7"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_what_cannot_be_started_is_refused_at_once(
        self, sdk: Sdk, job: int, wrong: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(SdkError, match=said) as refused:
            sdk("task.start", **{"agent_id": 1, "workspace_id": 1, "module_id": job, **wrong})
        assert refused.value.kind == "HTTPError"
        assert " Client Error" in refused.value.text


class TestStatus:
    @pytest.mark.parametrize(("code", "word"), [(0, "finished"), (3, "error")])
    def test_the_exit_code_is_the_status(self, server: RunningServer, sdk: Sdk, job: int, code: int, word: str) -> None:
        task_id = ended(server, job, code)
        assert sdk("task.get_status", task_id) == word
        assert sdk("app.get_status", task_id) == word

    def test_a_running_launch_is_started(self, sdk: Sdk, running: int) -> None:
        assert sdk("task.get_status", running) == "started"

    def test_an_unknown_launch_has_no_info(self, sdk: Sdk) -> None:
        assert sdk("task.get_info_by_id", 10**9) is None

    @pytest.mark.parametrize("word", [str(each) for each in LaunchStatus])
    def test_every_status_can_be_set_and_is_read_back(
        self, server: RunningServer, sdk: Sdk, job: int, word: str
    ) -> None:
        task_id = ended(server, job, 0)
        assert sdk("task.update_status", task_id, status(word)) is None
        assert sdk("task.get_status", task_id) == word

    def test_a_word_that_is_no_status_never_leaves_the_sdk(self, sdk: Sdk) -> None:
        with pytest.raises(SdkError, match="Invalid status value: done"):
            sdk("task.update_status", 1, "done")

    def test_only_the_member_error_is_raised_for(self, sdk: Sdk) -> None:
        assert sdk("task.raise_for_status", status("stopped")) is None
        with pytest.raises(SdkError) as failed:
            sdk("task.raise_for_status", status("error"))
        assert failed.value.kind == "TaskFinishedWithError"

    @pytest.mark.parametrize("name", ["info_sequence", "info_tuple_name"])
    def test_the_sdk_has_no_names_for_the_fields_of_a_launch(self, sdk: Sdk, name: str) -> None:
        with pytest.raises(SdkError) as missing:
            sdk(f"task.{name}")
        assert missing.value.kind == "NotImplementedError"

    def test_the_words_of_the_sdk_are_ours(self, sdk: Sdk) -> None:
        assert sorted(sdk("task.Status.values")) == sorted(LaunchStatus.values())


class TestWaitAndStop:
    def test_a_wait_ends_with_the_launch(self, sdk: Sdk, job: int) -> None:
        task_id = sdk("task.start", 1, workspace_id=1, module_id=job)["id"]
        assert sdk("task.wait", task_id, status("finished"), 600, 0.05) is None
        assert sdk("task.get_status", task_id) == "finished"

    def test_a_wait_for_a_start_ends_while_it_runs(self, sdk: Sdk, job: int) -> None:
        task_id = sdk("task.start", 1, workspace_id=1, module_id=job, params={"state": {"end": "wait"}})["id"]
        sdk("app.wait", task_id, status("started"), 600, 0.05)
        assert sdk("task.get_status", task_id) == "started"
        assert sdk("app.stop", task_id) == "terminating"

    def test_a_failed_launch_ends_the_wait_with_an_error(self, sdk: Sdk, job: int) -> None:
        task_id = sdk("task.start", 1, workspace_id=1, module_id=job, params={"state": {"end": 3}})["id"]
        with pytest.raises(SdkError) as failed:
            sdk("task.wait", task_id, status("finished"), 600, 0.05)
        assert failed.value.kind == "TaskFinishedWithError"

    def test_a_wait_gives_up_when_its_attempts_are_used_up(self, sdk: Sdk, running: int) -> None:
        with pytest.raises(SdkError, match="Waiting time exceeded") as late:
            sdk("task.wait", running, status("finished"), 2, 0.01)
        assert late.value.kind == "WaitingTimeExceeded"
        assert sdk("task.get_status", running) == "started"

    def test_a_stopped_launch_ends_the_wait_without_an_error(self, sdk: Sdk, running: int) -> None:
        assert sdk("task.stop", running) == "terminating"
        assert sdk("task.wait", running, status("finished"), 600, 0.05) is None
        assert sdk("task.get_status", running) == "stopped"
        assert sdk("task.stop", running) == "stopped"

    def test_a_queued_launch_is_stopped_before_it_runs(self, queue_sdk: Sdk, queue_server: RunningServer) -> None:
        task_id = queue_server.start_app(queue_server.register("never", entrypoint="true"))
        assert queue_sdk("task.get_status", task_id) == "queued"
        assert queue_sdk("task.stop", task_id) == "stopped"
        info = queue_sdk("task.get_info_by_id", task_id)
        assert (info["status"], info["startedAt"]) == ("stopped", None)

    def test_stopping_an_unknown_launch_is_refused(self, sdk: Sdk) -> None:
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("task.stop", 10**9)
