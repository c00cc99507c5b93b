"""The client with a real local server and real apps."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from taskspec.api import Api, LaunchStatus, TaskFinishedWithError
from taskspec.api.resources.local_api import RegisteredModule
from taskspec.errors import NotFound, Refused, Unauthorized
from taskspec.local.home import ServerHome, ServerInfo, read_info, read_token

PATIENCE = 30.0
WORKSPACE = AGENT = TEAM = 1
SCRIPT = """
import os, sys, time
print("hello from", os.environ["TASK_ID"])
if os.environ["modal.state.end"] == "wait":
    time.sleep(60)
sys.exit(3 if os.environ["modal.state.end"] == "error" else 0)
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    home = ServerHome(tmp_path_factory.mktemp("contract") / "server")
    command = [sys.executable, "-m", "taskspec.local", "--home", str(home.path), "--idle", "0", "--stop-grace", "0.3"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        with Api(_info(home, process).address, read_token(home)) as client:
            yield client
    finally:
        _end(process, home)


def _info(home: ServerHome, process: subprocess.Popen[bytes]) -> ServerInfo:
    """Wait for server.json, which the server writes when it listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        info = read_info(home)
        if info is not None and info.pid == process.pid:
            return info
        time.sleep(0.01)
    raise AssertionError("the local server did not start")


def _end(process: subprocess.Popen[bytes], home: ServerHome) -> None:
    """Kill the server and its apps."""
    process.kill()
    process.wait()
    for other in psutil.process_iter(["cmdline"]):
        if any(part.startswith(f"{home.path}/") for part in other.info["cmdline"] or ()):
            other.kill()


@pytest.fixture(scope="module")
def module(api: Api, tmp_path_factory: pytest.TempPathFactory) -> RegisteredModule:
    folder = tmp_path_factory.mktemp("apps") / "hello"
    folder.mkdir()
    config = {"name": "Hello", "main_script": "main.py", "modal_template_state": {"end": "well"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "main.py").write_text(SCRIPT)
    return api.local.register_module(folder)


def start(api: Api, module: RegisteredModule, end: str, **options: str) -> int:
    params = {"state": {"end": end}}
    return api.task.start(
        AGENT, module_id=module.module_id, workspace_id=WORKSPACE, params=params, app_version=module.version, **options
    ).id


def wait(api: Api, task_id: int, target: str = "finished") -> LaunchStatus:
    return api.task.wait(task_id, target, wait_attempts=600, wait_attempt_timeout_sec=0.05)


def test_a_registered_folder_is_a_module(api: Api, module: RegisteredModule) -> None:
    assert api.app.get_ecosystem_module_id(module.slug) == module.module_id
    info = api.app.get_ecosystem_module_info(module.module_id)
    assert (info.name, info.slug, info.releases[0]) == ("Hello", module.slug, module.version)
    assert info.get_arguments() == {"end": "well"}
    with pytest.raises(NotFound):
        api.app.get_ecosystem_module_id("owner/nothing")


def test_a_launch_runs_to_its_end_and_leaves_its_log(api: Api, module: RegisteredModule) -> None:
    task_id = start(api, module, "well", task_name="first", description="key=1")
    assert wait(api, task_id) is LaunchStatus.FINISHED
    info = api.task.get_info_by_id(task_id)
    assert (info.name, info.description, info.module_id) == ("first", "key=1", module.module_id)
    assert (info.workspace_id, info.team_id, info.agent_id) == (WORKSPACE, TEAM, AGENT)
    assert info.app_version == module.version
    assert info.params["state"]["end"] == "well"
    assert info.started_at
    assert info.finished_at
    assert f"hello from {task_id}" in [entry["message"] for entry in api.task.get_logs(task_id)]
    context = api.task.get_context(task_id)
    assert (context["team"]["id"], context["workspace"]["id"]) == (TEAM, WORKSPACE)


def test_a_failed_launch_raises(api: Api, module: RegisteredModule) -> None:
    task_id = start(api, module, "error")
    with pytest.raises(TaskFinishedWithError, match="finished with an error"):
        wait(api, task_id)


def test_a_stopped_launch_is_no_success(api: Api, module: RegisteredModule) -> None:
    task_id = start(api, module, "wait")
    assert wait(api, task_id, "started") is LaunchStatus.STARTED
    assert api.task.stop(task_id) in {LaunchStatus.TERMINATING, LaunchStatus.STOPPED}
    with pytest.raises(TaskFinishedWithError, match="was stopped"):
        wait(api, task_id)


def test_launches_are_found_by_id_and_above_a_watermark(api: Api, module: RegisteredModule) -> None:
    watermark = api.task.highest_id(WORKSPACE)
    ids = [start(api, module, "well") for _ in range(3)]
    assert [task.id for task in api.task.list_after(WORKSPACE, watermark)] == ids
    assert list(api.task.get_many(WORKSPACE, [*ids, 10**6])) == ids
    assert api.task.highest_id(WORKSPACE) == ids[-1]
    assert [task.id for task in api.task.get_list(WORKSPACE)][-3:] == ids
    for task_id in ids:
        wait(api, task_id)


def test_outputs_are_published_and_replaced(api: Api, module: RegisteredModule) -> None:
    task_id = start(api, module, "well")
    wait(api, task_id)
    api.task.set_output_text(task_id, "done", "well")
    assert api.task.get_info_by_id(task_id).output["general"]["title"] == "done"
    api.task.set_output_error(task_id, "failed")
    assert api.task.get_info_by_id(task_id).output["general"]["isError"] is True
    api.task.set_output_report(task_id, 9, "report")
    api.task.set_output_directory(task_id, 9, "/models/")
    api.task.set_output_archive(task_id, 9, "a.tar", "/a.tar")
    api.task.set_output_file_download(task_id, 9, "m.pt", "/m.pt")
    api.task.set_output_project(task_id, 99, "Lemons")
    api.task.set_output_experiment(task_id, {"experiment_name": "lemons"})
    assert api.task.get_info_by_id(task_id).output == {"experiment": {"data": {"experiment_name": "lemons"}}}


def test_fields_are_kept(api: Api, module: RegisteredModule) -> None:
    task_id = start(api, module, "well")
    api.task.set_fields_from_dict(task_id, {"data.rows": [1], "state.on": True})
    api.task.set_field(task_id, "data.rows", [2], append=True)
    assert api.task.get_fields(task_id, ["data.rows", "state.on"]) == {"data.rows": [1, 2], "state.on": True}
    wait(api, task_id)


def test_an_app_without_an_address_is_neither_running_nor_ready(api: Api, module: RegisteredModule) -> None:
    task_id = start(api, module, "well")
    wait(api, task_id)
    assert not api.task.is_running(task_id)
    assert not api.task.is_ready(task_id)


def test_places_are_found_by_name(api: Api) -> None:
    assert api.agent.get_info_by_name(TEAM, "local").id == AGENT
    assert api.workspace.get_info_by_name(TEAM, "local").id == WORKSPACE
    assert api.team.get_info_by_name("local").id == TEAM
    assert [agent.id for agent in api.agent.get_list_available(TEAM)] == [AGENT]
    login = api.user.get_my_info().login
    assert api.user.get_member_info_by_login(TEAM, login).login == login
    with pytest.raises(NotFound) as missing:
        api.user.get_member_info_by_login(TEAM, "unknown")
    assert login in missing.value.remedy
    with pytest.raises(NotFound) as caught:
        api.agent.get_info_by_name(TEAM, "locl")
    assert caught.value.remedy == 'did you mean "local"?'


def test_what_the_server_refuses_is_refused(api: Api, module: RegisteredModule) -> None:
    with pytest.raises(Refused):
        api.task.start(AGENT, module_id=10**6, workspace_id=WORKSPACE)
    with pytest.raises(NotFound):
        api.task.get_info_by_id(10**6)
    with Api(api.server_address, "wrong-token") as client, pytest.raises(Unauthorized):
        client.user.get_my_info()


def test_the_server_tells_about_itself(api: Api) -> None:
    assert api.local.status()["address"] == api.server_address
