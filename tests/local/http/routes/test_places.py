"""Modules, agents, teams, workspaces and users, which a launch refers to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from taskspec.api.wire import LOCAL_PREFIX
from taskspec.files.app_folder import read_app_folder
from taskspec.local.db.modules import default_slug
from tests.local.serving import write_app

if TYPE_CHECKING:
    from tests.local.serving import RunningServer


def test_registering_answers_module_slug_and_the_folders_own_version(local_server: RunningServer) -> None:
    path = write_app(local_server.apps / "My App", main_script="main.py")
    (path / "main.py").write_text("print(1)")
    answer = local_server.control("modules.register", path=str(path))
    assert answer["slug"] == default_slug(path)
    assert answer["slug"].startswith("local/My-App-")
    assert answer["version"] == read_app_folder(path).version
    assert local_server.control("modules.register", path=str(path)) == answer


def test_a_changed_folder_is_a_new_release_and_the_newest_comes_first(local_server: RunningServer) -> None:
    def versions() -> list[str]:
        return [release["version"] for release in local_server.call("ecosystem.info", id=module)["meta"]["releases"]]

    module = local_server.register("changing", entrypoint="echo 1")
    [first] = versions()
    local_server.register("changing", entrypoint="echo 2")
    second = versions()[0]
    assert versions() == [second, first]
    local_server.register("changing", entrypoint="echo 1")
    assert versions() == [first, second]


def test_the_copy_has_the_apps_files_and_nothing_else(local_server: RunningServer) -> None:
    path = write_app(local_server.apps / "copied")
    (path / "sub").mkdir()
    (path / "sub" / "run.sh").write_text("true")
    (path / "sub" / "run.sh").chmod(0o755)
    (path / ".secret").write_text("s")
    (path / "outside").symlink_to("/etc/passwd")
    local_server.control("modules.register", path=str(path))
    copy = local_server.home.modules / read_app_folder(path).digest
    assert sorted(str(file.relative_to(copy)) for file in copy.rglob("*") if file.is_file()) == [
        "config.json",
        "sub/run.sh",
    ]
    assert (copy / "sub" / "run.sh").stat().st_mode & 0o100
    assert not list(local_server.home.modules.glob(".copy-*"))


def test_a_slug_may_be_chosen(local_server: RunningServer) -> None:
    path = write_app(local_server.apps / "named")
    answer = local_server.control("modules.register", path=str(path), slug="acme/apps/train")
    assert local_server.call("ecosystem.info", slug="acme/apps/train")["id"] == answer["moduleId"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, '"path" is required'),
        ({"path": "relative"}, "absolute"),
        ({"path": "/no/such/folder"}, "no folder"),
        ({"path": "/nul\0"}, "absolute"),
        ({"path": "/tmp"}, "config.json"),
        ({"path": "/x", "slug": "no-slash"}, '"slug"'),
        ({"path": "/x", "slug": "../up"}, '"path"'),
    ],
    ids=str,
)
def test_a_folder_that_is_no_app_is_refused(local_server: RunningServer, fields: dict[str, Any], words: str) -> None:
    status, message = local_server.refusal("modules.register", prefix=LOCAL_PREFIX, **fields)
    assert status == 400
    assert words in message


def test_a_module_is_described_in_both_spellings(local_server: RunningServer) -> None:
    menu = {"target": ["images_project"]}
    module = local_server.register(
        "described", modal_template_state={"a": 1}, context_menu=menu, need_gpu=True, type="app", categories=["x"]
    )
    info = local_server.call("ecosystem.info", id=module)
    assert {"id", "slug", "name", "type", "config", "createdAt", "updatedAt", "readme", "meta"} <= set(info)
    assert info["name"] == "described"
    assert info["config"]["modalTemplateState"] == info["config"]["modal_template_state"] == {"a": 1}
    assert info["config"]["contextMenu"] == info["config"]["context_menu"] == menu
    assert info["config"]["needGPU"] is info["config"]["need_gpu"] is True


def test_the_config_of_an_older_version_can_be_asked_for(local_server: RunningServer) -> None:
    module = local_server.register("older", modal_template_state={"n": 1})
    first = local_server.call("ecosystem.info", id=module)["meta"]["releases"][0]["version"]
    local_server.register("older", modal_template_state={"n": 2})
    assert local_server.call("ecosystem.info", id=module)["config"]["modalTemplateState"] == {"n": 2}
    assert local_server.call("ecosystem.info", id=module, version=first)["config"]["modalTemplateState"] == {"n": 1}
    assert local_server.refusal("ecosystem.info", id=module, version="v0")[0] == 404


def test_modules_are_found_by_slug_search_and_category(local_server: RunningServer) -> None:
    module = local_server.register("findable", categories=["train", "yolo"])
    slug = local_server.call("ecosystem.info", id=module)["slug"]

    def found(**fields: Any) -> list[int]:
        return [row["id"] for row in local_server.call("ecosystem.list", **fields)["entities"]]

    assert found(filter=[{"field": "slug", "operator": "=", "value": slug}]) == [module]
    assert found(filter=[{"field": "slug", "operator": "=", "value": "no/such"}]) == []
    assert found(search="FINDab") == [module]
    assert found(categories=["yolo", "other"]) == [module]
    assert found(categories=["yolo", "other"], categoriesOperation="and") == []
    assert found(categories=["yolo", "train"], categoriesOperation="and") == [module]


def test_unknown_modules_are_refused(local_server: RunningServer) -> None:
    assert local_server.refusal("ecosystem.info", id=999_999)[0] == 404
    assert local_server.refusal("ecosystem.info", slug="no/such")[0] == 404
    assert local_server.refusal("ecosystem.info")[0] == 400


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("teams.list", {}),
        ("workspaces.list", {"teamId": 1}),
        ("agents.list", {"teamId": 1, "extraFields": ["gpuInfo"]}),
    ],
)
def test_the_surroundings_are_one_each_and_called_local(
    local_server: RunningServer, method: str, fields: dict[str, Any]
) -> None:
    for clauses in ([], [{"field": "name", "operator": "=", "value": "local"}]):
        page = local_server.call(method, filter=clauses, **fields)
        assert (page["total"], page["pagesCount"]) == (1, 1)
        assert (page["entities"][0]["id"], page["entities"][0]["name"]) == (1, "local")
    none = local_server.call(method, filter=[{"field": "name", "operator": "=", "value": "x"}], **fields)
    assert none["entities"] == []


@pytest.mark.parametrize("noun", ["team", "workspace", "agent"])
def test_one_of_the_surroundings_by_id(local_server: RunningServer, noun: str) -> None:
    assert local_server.call(f"{noun}s.info", id=1)["name"] == "local"
    status, message = local_server.refusal(f"{noun}s.info", id=2)
    assert status == 404
    assert noun in message


def test_lists_of_another_team_are_refused(local_server: RunningServer) -> None:
    for method in ("workspaces.list", "agents.list", "agents.available"):
        assert local_server.refusal(method, teamId=2)[0] == 404
        assert local_server.refusal(method)[0] == 400


def test_available_agents_are_a_bare_array(local_server: RunningServer) -> None:
    [agent] = local_server.call("agents.available", teamId=1, withoutPublic=True, anyStatus=False, needGPU=False)
    assert agent["status"] == "running"
    assert agent["capabilities"]["types"]["app"]["enabled"] is True


def test_the_user_is_the_one_of_the_operating_system(local_server: RunningServer) -> None:
    me = local_server.call("users.me")
    assert me["id"] == 1
    assert me["login"]


def test_two_folders_of_one_name_have_two_slugs() -> None:
    assert default_slug(Path("/a/app")) != default_slug(Path("/b/app"))
