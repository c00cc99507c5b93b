"""The vendor's SDK on the local server: apps, agents, teams, workspaces, users, Team Files, projects."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from .sdk import PROGRESS, Sdk, SdkError, status

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.serving import RunningServer

TEAM = WORKSPACE = AGENT = USER = 1
CONFIG = {
    "name": "Export to Lemons",
    "entrypoint": "true",
    "categories": ["export", "images"],
    "modal_template_state": {"download": "all", "nest": {"a": []}},
    "context_menu": {"target": ["images_project", "files_folder"]},
}


@pytest.fixture(scope="module")
def module(server: RunningServer) -> dict[str, Any]:
    """A registered app: its id, slug and version."""
    folder = server.apps / "export"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    registered: dict[str, Any] = server.control("modules.register", path=str(folder), slug="tests/export-lemons")
    return registered


class TestEcosystem:
    def test_a_slug_is_a_module(self, sdk: Sdk, module: dict[str, Any]) -> None:
        assert sdk("app.get_ecosystem_module_id", "tests/export-lemons") == module["moduleId"]
        with pytest.raises(SdkError) as missing:
            sdk("app.get_ecosystem_module_id", "tests/nothing")
        assert missing.value.kind == "KeyError"

    @pytest.mark.parametrize("by_slug", [True, False])
    def test_a_module_has_config_and_releases(self, sdk: Sdk, module: dict[str, Any], by_slug: bool) -> None:
        key = {"slug": module["slug"]} if by_slug else {"module_id": module["moduleId"]}
        info = sdk("app.get_ecosystem_module_info", **key)
        assert (info["id"], info["slug"], info["name"]) == (module["moduleId"], module["slug"], "Export to Lemons")
        assert info["config"]["modalTemplateState"] == CONFIG["modal_template_state"]
        latest = sdk.ask("app.get_ecosystem_module_info", kwargs=key, then=[["get_latest_release", [], {}]])
        assert latest["version"] == module["version"]
        named = sdk("app.get_ecosystem_module_info", version=module["version"], **key)
        assert named["config"] == info["config"]

    @pytest.mark.parametrize(
        ("target", "filled"),
        [({"images_project": 7}, {"slyProjectId": 7}), ({"files_folder": "/a/"}, {"slyFolder": "/a/"})],
        ids=["project", "folder"],
    )
    def test_a_target_fills_the_defaults(
        self, sdk: Sdk, module: dict[str, Any], target: dict[str, Any], filled: dict[str, Any]
    ) -> None:
        state = sdk.ask(
            "app.get_ecosystem_module_info", args=[module["moduleId"]], then=[["get_arguments", [], target]]
        )
        assert state == {"download": "all", "nest": {"a": []}, **filled}

    def test_an_unknown_module_or_version_is_refused(self, sdk: Sdk, module: dict[str, Any]) -> None:
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("app.get_ecosystem_module_info", 999999)
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("app.get_ecosystem_module_info", module["moduleId"], "v9.9.9")

    def test_modules_are_searched_by_words_and_categories(self, sdk: Sdk, module: dict[str, Any]) -> None:
        for search in (
            {"search": "lemons"},
            {"search": "export-LEM"},
            {"categories": ["export"]},
            {"categories": ["images", "export"], "categories_operation": "and"},
            {"categories": ["images", "video"], "categories_operation": "or"},
        ):
            assert module["moduleId"] in [row["id"] for row in sdk("app.get_list_ecosystem_modules", **search)], search
        assert sdk("app.find_module_id_by_app_name", "Export to Lemons") == module["moduleId"]
        with pytest.raises(SdkError):
            sdk("app.get_list_ecosystem_modules", categories=["export", "video"], categories_operation="and")


class TestSessions:
    def test_an_app_is_started_at_its_newest_release(
        self, server: RunningServer, sdk: Sdk, module: dict[str, Any]
    ) -> None:
        session = sdk("app.start", AGENT, workspace_id=WORKSPACE, module_id=module["moduleId"], params={"lr": 1})
        ids = (session["user_id"], session["module_id"], session["app_id"])
        assert ids == (USER, module["moduleId"], module["moduleId"])
        info = server.end_of(session["task_id"])
        assert (info["status"], info["description"], info["meta"]["name"]) == ("finished", "", "run-from-python")
        assert info["meta"]["params"] == {"state": {"lr": 1}}
        assert info["meta"]["app"]["version"] == module["version"]

    def test_params_with_a_state_are_not_wrapped_again(
        self, server: RunningServer, sdk: Sdk, module: dict[str, Any]
    ) -> None:
        session = sdk(
            "app.start", AGENT, workspace_id=WORKSPACE, module_id=module["moduleId"],
            params={"state": {"lr": 1}}, app_version=module["version"], users_id=USER, task_name="mine",
        )  # fmt: skip
        info = server.end_of(session["task_id"])
        assert (info["meta"]["params"], info["meta"]["name"]) == ({"state": {"lr": 1}}, "mine")

    def test_the_apps_of_a_team_are_its_modules(self, sdk: Sdk, module: dict[str, Any]) -> None:
        clause = {"field": "moduleId", "operator": "=", "value": module["moduleId"]}
        (app,) = sdk("app.get_list", TEAM, filter=[clause])
        assert (app["module_id"], app["name"], app["slug"]) == (module["moduleId"], CONFIG["name"], module["slug"])
        found = sdk("app.get_info_by_id", app["id"])
        assert (found["id"], found["module_id"], found["team_id"]) == (app["id"], module["moduleId"], TEAM)

    def test_the_sessions_of_an_app_are_its_launches(
        self, server: RunningServer, sdk: Sdk, module: dict[str, Any]
    ) -> None:
        made = []
        for name in ("one", "two"):
            task_id = server.start_app(module["moduleId"], taskName=name)
            server.end_of(task_id)
            made.append(task_id)
        sessions = sdk("app.get_sessions", TEAM, module["moduleId"])
        assert [session["task_id"] for session in sessions][:2] == made[::-1]
        named = sdk("app.get_sessions", TEAM, module["moduleId"], session_name="one")
        assert [session["task_id"] for session in named] == made[:1]
        finished = sdk("app.get_sessions", TEAM, module["moduleId"], statuses=[status("finished")])
        assert {session["task_id"] for session in finished} >= set(made)
        assert sdk("app.get_sessions", TEAM, module["moduleId"], statuses=[status("deployed")]) == []

    def test_a_session_has_an_address(self, sdk: Sdk) -> None:
        assert sdk("app.get_url", 7) == "/apps/sessions/7"


class TestPlaces:
    def test_the_agent(self, sdk: Sdk) -> None:
        (agent,) = sdk("agent.get_list", TEAM)
        assert (agent["id"], agent["name"], agent["status"], agent["team_id"]) == (AGENT, "local", "running", TEAM)
        assert agent["capabilities"]["types"]["app"]["enabled"] is True
        assert sdk("agent.get_info_by_id", AGENT) == agent
        assert sdk("agent.get_info_by_name", TEAM, "local")["id"] == AGENT
        assert sdk("agent.get_status", AGENT) == "running"
        assert sdk("agent.get_list", TEAM, [{"field": "name", "operator": "=", "value": "no"}]) == []
        assert sdk("agent.get_info_by_id", 999999) is None
        assert [row["id"] for row in sdk("agent.get_list_available", TEAM)] == [AGENT]
        assert [row["id"] for row in sdk("agent.get_list", TEAM, with_gpu_info=True)] == [AGENT]

    def test_the_team(self, sdk: Sdk) -> None:
        (team,) = sdk("team.get_list")
        assert (team["id"], team["name"], team["role"]) == (TEAM, "local", "admin")
        assert sdk("team.get_info_by_id", TEAM) == team
        assert sdk("team.get_info_by_name", "local")["id"] == TEAM
        assert sdk("team.get_info_by_name", "unknown") is None
        assert sdk("team.get_info_by_id", 999999) is None

    def test_the_workspace(self, sdk: Sdk) -> None:
        (workspace,) = sdk("workspace.get_list", TEAM)
        assert (workspace["id"], workspace["name"], workspace["team_id"]) == (WORKSPACE, "local", TEAM)
        assert sdk("workspace.get_info_by_id", WORKSPACE) == workspace
        assert sdk("workspace.get_info_by_name", TEAM, "local")["id"] == WORKSPACE
        assert sdk("workspace.get_info_by_name", TEAM, "nowhere") is None

    def test_the_user(self, sdk: Sdk) -> None:
        me = sdk("user.get_my_info")
        assert (me["id"], me["role"], me["disabled"]) == (USER, "admin", False)
        assert me["login"]
        assert sdk("user.get_info_by_id", USER)["login"] == me["login"]
        assert sdk("user.get_info_by_id", 999999) is None


class TestTeamFiles:
    @pytest.fixture
    def sources(self, tmp_path: Path) -> list[str]:
        for name in ("a.txt", "b.json"):
            (tmp_path / name).write_text(f"content of {name}")
        return [str(tmp_path / "a.txt"), str(tmp_path / "b.json")]

    def test_a_file_goes_up_and_comes_back(self, sdk: Sdk, sources: list[str], tmp_path: Path) -> None:
        sent = sdk("file.upload", TEAM, sources[0], "/one/a.txt")
        assert (sent["team_id"], sent["name"], sent["path"], sent["sizeb"]) == (TEAM, "a.txt", "/one/a.txt", 16)
        assert sdk("file.get_info_by_path", TEAM, "/one/a.txt")["id"] == sent["id"]
        assert sdk("file.get_info_by_id", sent["id"])["storage_path"] == sent["storage_path"]
        sdk("file.download", TEAM, "/one/a.txt", str(tmp_path / "back.txt"))
        assert (tmp_path / "back.txt").read_text() == "content of a.txt"
        assert sdk("file.exists", TEAM, "/one/a.txt") is True
        assert sdk("file.exists", TEAM, "/one/none.txt") is False
        assert sdk("file.get_info_by_path", TEAM, "/one/none.txt") is None
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("file.get_info_by_id", 10**9)

    def test_files_go_up_in_order_and_are_listed(self, sdk: Sdk, sources: list[str]) -> None:
        sent = sdk("file.upload_bulk", TEAM, sources, ["/many/x/a.txt", "/many/b.json"], PROGRESS)
        assert [row["path"] for row in sent] == ["/many/x/a.txt", "/many/b.json"]
        assert sum(sdk.progress) > sum(row["sizeb"] for row in sent)
        rows = sdk("file.list", TEAM, "/many/")
        assert sorted(row["path"] for row in rows) == ["/many/b.json", "/many/x/a.txt"]
        flat = sdk("file.list", TEAM, "/many/", recursive=False)
        assert sorted(row["name"] for row in flat) == ["b.json", "x"]
        assert sdk("file.dir_exists", TEAM, "/many/x/") is True
        assert sdk("file.dir_exists", TEAM, "/many/y/") is False
        assert sdk("file.get_free_name", TEAM, "/many/b.json") == "/many/b_000.json"

    def test_a_folder_comes_as_an_archive(self, sdk: Sdk, sources: list[str], tmp_path: Path) -> None:
        sdk("file.upload_bulk", TEAM, sources, ["/tree/x/a.txt", "/tree/b.json"])
        sdk("file.download", TEAM, "/tree/", str(tmp_path / "tree.tar"))
        with tarfile.open(tmp_path / "tree.tar") as archive:
            assert {name.rsplit("/", 1)[-1] for name in archive.getnames()} >= {"a.txt", "b.json"}
        sdk("file.download_directory", TEAM, "/tree/", str(tmp_path / "tree"))
        assert (tmp_path / "tree" / "x" / "a.txt").read_text() == "content of a.txt"

    def test_the_same_path_again_replaces_the_content(self, sdk: Sdk, sources: list[str], tmp_path: Path) -> None:
        sdk("file.upload", TEAM, sources[0], "/twice.txt")
        sdk("file.upload", TEAM, sources[1], "/twice.txt")
        sdk("file.download", TEAM, "/twice.txt", str(tmp_path / "back"))
        assert (tmp_path / "back").read_text() == "content of b.json"

    def test_what_is_removed_is_gone(self, sdk: Sdk, sources: list[str]) -> None:
        sdk("file.upload_bulk", TEAM, sources * 2, ["/gone/a", "/gone/b", "/gone/c/d", "/gone/e"])
        sdk("file.remove", TEAM, "/gone/a")
        sdk("file.remove_batch", TEAM, ["/gone/b"])
        sdk("file.remove_dir", TEAM, "/gone/c/")
        assert [row["path"] for row in sdk("file.list", TEAM, "/gone/")] == ["/gone/e"]

    def test_an_archive_output_points_at_the_file(self, server: RunningServer, sdk: Sdk, sources: list[str]) -> None:
        task_id = server.run("archiver", "true")
        sent = sdk("file.upload", TEAM, sources[0], "/export/a.tar")
        sdk("task.set_output_archive", task_id, sent["id"], "a.tar")
        general = sdk("task.get_info_by_id", task_id)["meta"]["output"]["general"]
        assert (general["titleUrl"], general["download"]) == (sent["storage_path"], True)


class TestProjects:
    def test_a_project_can_be_made_found_and_shown(self, server: RunningServer, sdk: Sdk) -> None:
        made = sdk("project.create", WORKSPACE, "Lemons", description="yellow")
        found = sdk("project.get_info_by_id", made["id"])
        assert (found["name"], found["description"], found["workspace_id"]) == ("Lemons", "yellow", WORKSPACE)
        assert sdk("project.get_info_by_name", WORKSPACE, "Lemons")["id"] == made["id"]
        assert made["id"] in [row["id"] for row in sdk("project.get_list", WORKSPACE)]
        task_id = server.run("projector", "true")
        sdk.ask("task.set_output_project", args=[task_id, made["id"]], environ={"ENV": "production"})
        shown = sdk("task.get_info_by_id", task_id)["meta"]["output"]["project"]
        assert (shown["id"], shown["title"]) == (made["id"], "Lemons")

    def test_an_unknown_project_is_none(self, sdk: Sdk) -> None:
        assert sdk("project.get_info_by_id", 10**9) is None
        assert sdk("project.get_info_by_name", WORKSPACE, "nothing") is None

    def test_an_import_app_writes_its_history(self, server: RunningServer, sdk: Sdk) -> None:
        project = sdk("project.create", WORKSPACE, "Imported")["id"]
        task_id = server.run("importer", "true", params={"state": {"from": "disk"}})
        sdk.ask(
            "task.set_output_project",
            args=[task_id, project],
            environ={"APP_CATEGORIES": '["import"]', "UPLOAD_COUNT": "{}", "UPLOADED_IDS": "{}"},
        )
        (entry,) = sdk("project.get_info_by_id", project)["custom_data"]["import_history"]["tasks"]
        assert (entry["task_id"], entry["source_state"]) == (task_id, {"from": "disk"})


def test_a_launch_takes_its_place_in_the_workflow(server: RunningServer, sdk: Sdk) -> None:
    task_id = server.run("node", "true")
    sdk("app.workflow.enable")
    for call, given in (
        ("app.workflow.add_input_project", {"project": 5}),
        ("app.workflow.add_input_task", {"input_task_id": 3}),
        ("app.workflow.add_output_app", {}),
    ):
        assert sdk(call, task_id=task_id, **given) == {}, call
