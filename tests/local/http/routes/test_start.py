"""`tasks.run.app`: accepted requests, and refusals with their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.local.serving import RunningServer


@pytest.fixture(scope="module")
def module_id(local_server: RunningServer) -> int:
    return local_server.register("start-app", entrypoint="true", modal_template_state={"a": 1})


def test_a_start_answers_one_row_per_user(local_server: RunningServer, module_id: int) -> None:
    rows = local_server.call("tasks.run.app", agentId=None, workspaceId=1, moduleId=module_id, usersIds=[1])
    assert [set(row) for row in rows] == [{"taskId", "userId", "moduleId", "appId"}]
    assert rows[0]["moduleId"] == module_id


def test_a_start_with_every_field_shows_them_in_the_task(local_server: RunningServer, module_id: int) -> None:
    version = local_server.call("ecosystem.info", id=module_id)["meta"]["releases"][0]["version"]
    task_id = local_server.start_app(
        module_id,
        agentId=1,
        description="d" * 255,
        params={"state": {"lr": 0.1}, "other": 1},
        logLevel="debug",
        usersIds=[],
        appVersion=version,
        isBranch=False,
        taskName="nightly",
        restartPolicy="never",
        proxyKeepUrl=False,
        advancedSettings={"limitByWorkspace": False, "requestCpus": 1},
        redirectRequests={"token": "t", "port": "8000"},
        singleSessionMode=False,
        aFieldOfTomorrow={"x": 1},
    )
    task = local_server.end_of(task_id)
    assert task["description"] == "d" * 255
    assert task["agentId"] == 1
    assert task["settings"] == {"message": {"state": {"lr": 0.1}}}
    assert task["meta"]["name"] == "nightly"
    assert task["meta"]["params"] == {"state": {"lr": 0.1}, "other": 1}
    assert task["meta"]["app"] == {
        "id": module_id,
        "moduleId": module_id,
        "name": "start-app",
        "version": version,
        "isBranch": False,
    }
    assert task["meta"]["redirectRequests"] == {"token": "t", "port": "8000"}
    assert task["meta"]["sessionToken"]


def test_app_id_may_stand_for_module_id(local_server: RunningServer, module_id: int) -> None:
    rows = local_server.call("tasks.run.app", agentId=1, workspaceId=1, appId=module_id)
    assert rows[0]["moduleId"] == module_id


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"moduleId": 999999}, 404, "no module 999999"),
        ({"moduleId": None}, 400, '"moduleId" is required'),
        ({"moduleId": "x"}, 400, '"moduleId" must be'),
        ({"appId": 1}, 400, "not both"),
        ({"workspaceId": 2}, 404, "no workspace 2"),
        ({"workspaceId": None}, 400, '"workspaceId" is required'),
        ({"agentId": 2}, 404, "no agent 2"),
        ({"agentId": "one"}, 400, '"agentId" must be'),
        ({"usersIds": [2]}, 404, "no user 2"),
        ({"usersIds": ["1"]}, 400, '"usersIds[0]"'),
        ({"usersIds": 1}, 400, '"usersIds" must be an array'),
        ({"appVersion": "v9.9.9"}, 404, "v9.9.9"),
        ({"isBranch": True, "appVersion": "dev"}, 404, "dev"),
        ({"description": "d" * 256}, 400, '"description" may have at most 255'),
        ({"description": 7}, 400, '"description" must be a string'),
        ({"params": []}, 400, '"params" must be an object'),
        ({"params": {"state": 3}}, 400, '"params.state"'),
        ({"logLevel": "loud"}, 400, '"logLevel" must be one of'),
        ({"restartPolicy": "always"}, 400, '"restartPolicy" must be one of'),
        ({"advancedSettings": 1}, 400, '"advancedSettings"'),
        ({"redirectRequests": 1}, 400, '"redirectRequests"'),
        ({"proxyKeepUrl": "perhaps"}, 400, '"proxyKeepUrl"'),
        ({"singleSessionMode": 1}, 400, '"singleSessionMode"'),
        ({"taskName": 1}, 400, '"taskName"'),
    ],
    ids=str,
)
def test_a_wrong_start_is_refused_and_launches_nothing(
    local_server: RunningServer, module_id: int, change: dict[str, Any], status: int, words: str
) -> None:
    before = local_server.call("tasks.list", workspaceId=1)["total"]
    fields = {"agentId": None, "workspaceId": 1, "moduleId": module_id, **change}
    seen, message = local_server.refusal("tasks.run.app", **fields)
    assert seen == status
    assert words in message
    assert local_server.call("tasks.list", workspaceId=1)["total"] == before


def test_an_old_version_still_runs_after_the_folder_has_changed(local_server: RunningServer) -> None:
    module = local_server.register("versions", entrypoint="echo first")
    first = local_server.call("ecosystem.info", id=module)["meta"]["releases"][0]["version"]
    assert local_server.register("versions", entrypoint="echo second") == module
    old = local_server.start_app(module, appVersion=first)
    new = local_server.start_app(module)
    local_server.end_of(old)
    local_server.end_of(new)
    assert local_server.messages(old) == ["first"]
    assert local_server.messages(new) == ["second"]
