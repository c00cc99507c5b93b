"""Projects, apps, users, workflow, UI data: routes that are not about launches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from taskspec.local.http.routes.table import READS, TABLE
from tests.local.agent.test_agent import WAIT_FOR_GO
from tests.local.serving import RunningServer, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("neighbours"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def ended(server: RunningServer) -> int:
    task_id = server.run("ended", "true")
    server.end_of(task_id)
    return task_id


PROJECT_KEYS = {
    *("id", "name", "description", "size", "readme", "workspaceId", "imagesCount", "itemsCount", "datasetsCount"),
    *("createdAt", "updatedAt", "type", "referenceImageUrl", "customData", "backupArchive", "teamId", "settings"),
    *("importSettings", "version", "createdBy"),
}


def test_a_project_is_added_looked_up_and_changed(server: RunningServer) -> None:
    project = server.call("projects.add", workspaceId=1, name="Lemons", type="videos", description="d")
    assert set(project) == PROJECT_KEYS
    assert (project["name"], project["type"], project["workspaceId"], project["teamId"]) == ("Lemons", "videos", 1, 1)
    assert project["referenceImageUrl"] == "", "the SDK crashes on null when it sets an output"
    history = {"import_history": {"tasks": [{"task_id": 1}]}}
    changed = server.call("projects.editInfo", id=project["id"], customData=history, readme="r", name="Limes")
    assert changed == server.call("projects.info", id=project["id"])
    assert (changed["customData"], changed["readme"], changed["name"]) == (history, "r", "Limes")
    assert (changed["type"], changed["description"]) == ("videos", "d")


def test_projects_are_listed_by_workspace_team_and_name(server: RunningServer) -> None:
    for name in ("Listed A", "Listed B"):
        server.call("projects.add", workspaceId=1, name=name)
    wanted = [{"field": "name", "operator": "=", "value": "Listed B"}]
    for place in ({"workspaceId": 1}, {"teamId": 1}):
        page = server.call("projects.list", filter=wanted, fields=["name", "id"], **place)
        assert [row["name"] for row in page["entities"]] == ["Listed B"]
    assert server.call("projects.list", workspaceId=2)["total"] == 0
    assert server.refusal("projects.list")[0] == 400


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("projects.add", {"workspaceId": 2, "name": "x"}, 404),
        ("projects.add", {"workspaceId": 1}, 400),
        ("projects.add", {"workspaceId": 1, "name": " "}, 400),
        ("projects.add", {"workspaceId": 1, "name": "n" * 256}, 400),
        ("projects.add", {"workspaceId": 1, "name": "Taken"}, 400),
        ("projects.add", {"workspaceId": 1, "name": "x", "type": "songs"}, 400),
        ("projects.add", {"workspaceId": 1, "name": "x", "customData": 1}, 400),
        ("projects.info", {"id": 9999}, 404),
        ("projects.editInfo", {"id": 9999}, 404),
        ("projects.editInfo", {"id": 1, "type": "songs"}, 400),
        ("projects.editInfo", {"id": 1, "name": "Taken"}, 400),
    ],
    ids=str,
)
def test_a_wrong_project_is_refused(server: RunningServer, method: str, fields: dict[str, Any], status: int) -> None:
    if server.call("projects.list", workspaceId=1, filter=[{"field": "name", "value": "Taken"}])["total"] == 0:
        server.call("projects.add", workspaceId=1, name="Not taken")
        server.call("projects.add", workspaceId=1, name="Taken")
    assert server.refusal(method, **fields)[0] == status


def test_an_app_shows_its_sessions(server: RunningServer) -> None:
    module = server.register(
        "an-app", entrypoint=WAIT_FOR_GO, session_tags=["deployed_nn"], context_menu={"target": ["images_project"]}
    )
    task_id = server.start_app(module)
    server.wait_for_status(task_id, "started")

    def found(**fields: Any) -> list[int]:
        return [row["id"] for row in server.call("apps.list", teamId=1, **fields)["entities"]]

    assert module in found()
    assert found(filter=[{"field": "moduleId", "operator": "=", "value": module}]) == [module]
    assert found(onlyRunning=True, filter=[]) == [module]
    assert found(sessionTags=["deployed_nn", "other"]) == [module]
    assert found(sessionTags=["other"]) == []
    assert found(context=["images_project"]) == [module]
    app = server.call("apps.info", id=module)
    assert (app["moduleId"], app["name"], app["teamId"]) == (module, "an-app", 1)
    assert [task["id"] for task in app["tasks"]] == [task_id]
    sessions = {"teamId": 1, "appId": module, "sort": "startedAt", "sort_order": "desc", "withShared": False}
    [session] = server.call("apps.tasks.list", **sessions)["entities"]
    assert (session["id"], session["meta"]["app"]["id"], session["createdBy"]) == (task_id, module, 1)
    ended = [{"field": "status", "operator": "in", "value": ["finished"]}]
    assert server.call("apps.tasks.list", **sessions, filter=ended)["total"] == 0
    (server.data_dir(task_id) / "go").touch()
    server.end_of(task_id)
    assert found(onlyRunning=True) == []
    assert server.refusal("apps.info", id=9999)[0] == 404
    assert server.refusal("apps.tasks.list", teamId=1, appId=9999)[0] == 404
    assert server.refusal("apps.list", teamId=2)[0] == 404


def test_a_user_by_id(server: RunningServer) -> None:
    assert server.call("users.info", id=1) == server.call("users.me")
    assert server.refusal("users.info", id=2)[0] == 404


def test_an_agent_is_available_for_what_it_can_do(server: RunningServer) -> None:
    [agent] = server.call("agents.available", teamId=1, type="app")
    assert server.call("agents.available", teamId=1, type="train") == []
    has_gpu = "app_gpu" in agent["capabilities"]["types"]
    for fields in ({"needGPU": True}, {"type": "app_gpu"}, {"minNvidiaDriverVersion": "450"}):
        assert bool(server.call("agents.available", teamId=1, **fields)) == has_gpu


@pytest.mark.parametrize("method", ["workflow.node.add-input", "workflow.node.add-output"])
def test_the_workflow_of_a_launch_is_accepted(server: RunningServer, ended: int, method: str) -> None:
    node = {"type": "task", "id": str(ended)}
    assert server.call(method, teamId=1, node=node, type="project", id=7, meta={"x": 1}) == {}
    for wrong in ({"type": "project"}, {"node": 1, "type": "project"}, {"node": {"type": "task"}, "type": "x"}):
        assert server.refusal(method, **wrong)[0] == 400


def test_what_a_ui_app_shows_is_patched(server: RunningServer, ended: int) -> None:
    def push(**payload: Any) -> Any:
        return server.call("tasks.app-v2.data.set", taskId=ended, payload=payload)

    assert push(data=[{"op": "add", "path": "/rows", "value": [1]}], state={"tab": "a", "kept": 1}) == {}
    assert push(data=[{"op": "add", "path": "/rows/-", "value": 2}, {"op": "add", "path": "/x", "value": 1}]) == {}
    assert push(state={"tab": "b"}) == {}
    assert push() == {}
    fields = ["data", "state"]
    shown = {"data": {"rows": [1, 2], "x": 1}, "state": {"tab": "b", "kept": 1}}
    assert server.call("tasks.data.get", taskId=ended, fields=fields)["result"] == shown
    wrong = [{"op": "remove", "path": "/x"}, {"op": "remove", "path": "/x"}]
    status, message = server.refusal("tasks.app-v2.data.set", taskId=ended, payload={"data": wrong})
    assert status == 400
    assert "data[1].path" in message
    flag = [{"op": "add", "path": "/flag", "value": True}, {"op": "test", "path": "/flag", "value": 1}]
    status, message = server.refusal("tasks.app-v2.data.set", taskId=ended, payload={"data": flag})
    assert status == 400
    assert "data[1].path" in message
    assert server.call("tasks.data.get", taskId=ended, fields=fields)["result"] == shown


def test_an_ended_launch_can_be_run_once_more(server: RunningServer) -> None:
    task_id = server.run("resumed", 'echo x >>"$SLY_APP_DATA_DIR/runs"; test -e "$SLY_APP_DATA_DIR/go"')
    assert server.end_of(task_id)["status"] == "error"
    (server.data_dir(task_id) / "go").touch()
    assert server.call("tasks.resume", id=task_id) == {"success": True}
    task = server.end_of(task_id)
    assert (task["status"], task["meta"]["attempt"]) == ("finished", 2)
    assert "error" not in task["meta"]
    assert (server.data_dir(task_id) / "runs").read_text() == "x\nx\n"


def test_a_stopped_launch_that_is_resumed_runs_to_its_end(server: RunningServer) -> None:
    task_id = server.run("stopped-resumed", f"echo up; {WAIT_FOR_GO}")
    until(lambda: "up" in server.messages(task_id))
    assert server.refusal("tasks.resume", id=task_id)[0] == 409
    server.call("tasks.stop", id=task_id)
    assert server.end_of(task_id)["status"] == "stopped"
    (server.data_dir(task_id) / "go").touch()
    server.call("tasks.resume", id=task_id)
    assert server.end_of(task_id)["status"] == "finished"


def submit(server: RunningServer, task_id: int, event: str, **more: Any) -> None:
    entry = {"message": "TASK_END", "level": "info", "task_id": task_id, "event_type": event, **more}
    assert server.send("tasks.logs.add", json={"logs": [entry]}).status_code == 200


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("EventType.TASK_DEPLOYED", "deployed"),
        ("EventType.TASK_FINISHED", "finished"),
        ("TASK_STOPPED", "stopped"),
        ("EventType.TASK_STARTED", "started"),
        ("EventType.TASK_CRASHED", "started"),
        ("EventType.PROGRESS", "started"),
    ],
)
def test_a_submitted_event_moves_the_status(server: RunningServer, event: str, status: str) -> None:
    task_id = server.run("events", WAIT_FOR_GO)
    server.wait_for_status(task_id, "started")
    submit(server, task_id, event)
    assert server.info(task_id)["status"] == status
    (server.data_dir(task_id) / "go").touch()
    until(lambda: not server.app_processes())
    if status == "started":
        assert server.end_of(task_id)["status"] == "finished"


def test_an_event_of_a_launch_that_has_ended_moves_nothing(server: RunningServer, ended: int) -> None:
    submit(server, ended, "EventType.TASK_CRASHED", exc_str="late")
    submit(server, ended, "EventType.TASK_STARTED")
    assert server.info(ended)["status"] == "finished"


def test_an_app_that_writes_that_it_is_deployed_is(server: RunningServer) -> None:
    line = '{"message": "up", "level": "info", "event_type": "EventType.TASK_DEPLOYED"}'
    task_id = server.run("deploys", f"echo '{line}'; {WAIT_FOR_GO}")
    server.wait_for_status(task_id, "deployed")
    (server.data_dir(task_id) / "go").touch()
    assert server.end_of(task_id)["status"] == "finished"


def test_a_crash_of_a_launch_without_a_process_is_its_end(own_server: RunningServer) -> None:
    own_server.start("--capacity", "0")
    task_id = own_server.run("detached", "true")
    submit(own_server, task_id, "EventType.TASK_STARTED")
    assert own_server.info(task_id)["status"] == "queued", "a queued launch has not started"
    submit(own_server, task_id, "EventType.TASK_CRASHED", exc_str="out of memory")
    task = own_server.info(task_id)
    assert (task["status"], task["meta"]["error"]["message"]) == ("error", "out of memory")
    assert task["finishedAt"]


def test_a_status_set_from_outside_never_starts_a_running_app_twice(server: RunningServer) -> None:
    task_id = server.run("requeued", f'echo x >>"$SLY_APP_DATA_DIR/runs"; {WAIT_FOR_GO}')
    until((server.data_dir(task_id) / "runs").exists)
    server.call("tasks.status.update", id=task_id, status="queued")
    other = server.run("next-in-the-queue", "true")
    assert server.end_of(other)["status"] == "finished"
    assert server.info(task_id)["status"] == "queued", "the launch has left the queue"
    (server.data_dir(task_id) / "go").touch()
    assert server.end_of(task_id)["status"] == "finished"
    assert (server.data_dir(task_id) / "runs").read_text() == "x\n"


def test_progress_is_shown_on_request(server: RunningServer) -> None:
    lines = [
        f'{{"message": "progress", "level": "info", "event_type": "EventType.PROGRESS", "subtask": "Epochs",'
        f' "current": {number}, "total": 3}}'
        for number in (1, 2)
    ]
    task_id = server.run("progressing", f"printf '%s\\n' '{lines[0]}' '{lines[1]}'; {WAIT_FOR_GO}")
    expected = {"subtask": "Epochs", "current": 2, "total": 3}
    until(lambda: server.call("tasks.info", id=task_id, withProgress=True)["progress"] == expected)
    wanted = [{"field": "id", "value": task_id}]
    [row] = server.call("tasks.list", workspaceId=1, withProgress=True, filter=wanted)["entities"]
    assert row["progress"] == expected
    assert "progress" not in server.info(task_id)
    (server.data_dir(task_id) / "go").touch()
    server.end_of(task_id)


def test_only_what_reads_may_be_asked_by_get(server: RunningServer, ended: int) -> None:
    writing = {path.rpartition("/")[2] for path in set(TABLE) - READS}
    assert {"tasks.run.app", "tasks.stop", "tasks.resume", "projects.add", "modules.register", "shutdown"} <= writing
    assert server.send("tasks.stop", verb="GET", params={"id": ended}).status_code == 405
    assert server.send("tasks.info", verb="GET", params={"id": ended}).json()["id"] == ended


def test_a_clone_is_a_finished_task_whose_output_names_the_new_project(server: RunningServer) -> None:
    project = server.call("projects.add", workspaceId=1, name="Cherries", type="videos", description="d")
    for name in ("Cherries 2", "Cherries 3"):
        task_id = server.call("projects.clone", id=project["id"], workspaceId=1, name=name)["taskId"]
        task = server.call("tasks.info", id=task_id)
        assert (task["type"], task["status"]) == ("clone", "finished")
        copy = server.call("projects.info", id=task["meta"]["output"]["project"]["id"])
        assert {key for key in PROJECT_KEYS if copy[key] != project[key]} <= {"id", "name", "createdAt", "updatedAt"}
        assert copy["name"] == name
    assert server.refusal("projects.clone", id=project["id"], workspaceId=1, name="Cherries")[0] == 400
    server.call("projects.archive", id=copy["id"])
    assert server.refusal("projects.info", id=copy["id"])[0] == 404


@pytest.mark.parametrize("family", ["jobs", "labeling-queues"])
def test_work_for_people_has_a_status_that_people_move(server: RunningServer, family: str) -> None:
    answer = server.call(f"{family}.add", name="Lemons", userIds=[1])
    made = answer[0] if isinstance(answer, list) else answer
    assert (made["name"], made["status"]) == ("Lemons", "pending")
    server.call(f"{family}.set-status", id=made["id"], status="completed")
    assert server.call(f"{family}.info", id=made["id"])["status"] == "completed"
    assert server.refusal(f"{family}.set-status", id=made["id"], status="done")[0] == 400
    assert server.refusal(f"{family}.info", id=10_000)[0] == 404
