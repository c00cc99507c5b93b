from __future__ import annotations

from typing import Any

import pytest

from taskspec.api import Api
from taskspec.api.resources.module_info import ModuleInfo
from taskspec.errors import NotFound, Refused, UsageError
from tests.api.recorder import Answer, Recorder

SLUG = "supervisely-ecosystem/export-to-supervisely-format"


def listed(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"total": len(rows), "perPage": 500, "pagesCount": 1, "entities": list(rows)}


def module(targets: list[str] | None = None, **extra: Any) -> dict[str, Any]:
    return {
        "id": 83,
        "slug": SLUG,
        "name": "Export",
        "type": "app",
        "config": {
            "modalTemplateState": {"download": "all", "nest": {"a": []}},
            "contextMenu": {"target": targets or []},
        },
        "meta": {"releases": [{"version": "v1.2.3", "name": "new"}, {"version": "v1.2.2", "name": "old"}]},
        **extra,
    }


class TestSlug:
    def test_a_slug_has_an_id(self, server: Recorder, api: Api) -> None:
        server.answer("ecosystem.list", listed({"id": 83, "slug": SLUG}))
        assert api.app.get_ecosystem_module_id(SLUG) == 83
        assert server.bodies("ecosystem.list") == [
            {
                "filter": [{"field": "slug", "operator": "=", "value": SLUG}],
                "sort": "id",
                "sort_order": "asc",
            }
        ]

    def test_an_unknown_slug_is_not_found(self, server: Recorder, api: Api) -> None:
        server.answer("ecosystem.list", listed())
        with pytest.raises(NotFound, match="has no module"):
            api.app.get_ecosystem_module_id(SLUG)

    def test_a_server_that_ignores_the_filter_gives_no_wrong_module(self, server: Recorder, api: Api) -> None:
        server.answer("ecosystem.list", listed({"id": 1, "slug": "other"}, {"id": 83, "slug": SLUG}))
        assert api.app.get_ecosystem_module_id(SLUG) == 83

    def test_two_modules_of_one_slug_are_refused(self, server: Recorder, api: Api) -> None:
        server.answer("ecosystem.list", listed({"id": 1, "slug": SLUG}, {"id": 2, "slug": SLUG}))
        with pytest.raises(Refused, match="2 modules"):
            api.app.get_ecosystem_module_id(SLUG)

    @pytest.mark.parametrize(
        ("arguments", "body"),
        [
            ({"module_id": 83}, {"id": 83}),
            ({"slug": SLUG}, {"slug": SLUG}),
            ({"module_id": 83, "slug": SLUG, "version": "v1"}, {"id": 83, "version": "v1"}),
        ],
    )
    def test_module_info_is_found_by_id_or_slug(
        self, server: Recorder, api: Api, arguments: dict[str, Any], body: dict[str, Any]
    ) -> None:
        server.answer("ecosystem.info", module())
        info = api.app.get_ecosystem_module_info(**arguments)
        assert (info.id, info.slug, info.name, info.releases) == (83, SLUG, "Export", ("v1.2.3", "v1.2.2"))
        assert server.bodies("ecosystem.info") == [body]

    def test_neither_id_nor_slug_is_refused(self, api: Api) -> None:
        with pytest.raises(UsageError):
            api.app.get_ecosystem_module_info()

    def test_a_module_can_be_searched_by_name(self, server: Recorder, api: Api) -> None:
        server.answer("ecosystem.list", listed({"id": 1, "name": "Export all"}, {"id": 83, "name": "Export"}))
        assert api.app.find_module_id_by_app_name("Export") == 83
        with pytest.raises(Refused, match="2 modules match"):
            api.app.find_module_id_by_app_name("Exp")
        server.answer("ecosystem.list", listed())
        assert api.app.get_list_ecosystem_modules(search="x", categories=["a"], categories_operation="or") == []
        assert server.bodies("ecosystem.list")[-1] == {
            "search": "x",
            "categories": ["a"],
            "categoriesOperation": "or",
            "sort": "id",
            "sort_order": "asc",
        }


class TestArguments:
    @pytest.mark.parametrize(
        ("targets", "given", "expected"),
        [
            (["images_project"], {"images_project": 9}, {"slyProjectId": 9}),
            (["videos_dataset"], {"videos_dataset": 9}, {"slyDatasetId": 9}),
            (["meshes_project"], {"meshes_project": 9}, {"slyProjectId": 9}),
            (["files_folder"], {"files_folder": "/a/"}, {"slyFolder": "/a/"}),
            (["agent_file"], {"agent_file": "/a"}, {"slyFile": "/a"}),
            (["workspace", "team"], {"workspace": 7, "team": 1}, {"slyWorkspaceId": 7, "slyTeamId": 1}),
            (["ecosystem", "images_project"], {}, {}),
            ([], {}, {}),
            ([], {"labeling_job": 4}, {"slyJobId": 4}),
        ],
    )
    def test_targets_fill_their_keys(self, targets: list[str], given: dict[str, Any], expected: dict[str, Any]) -> None:
        info = ModuleInfo.parse(module(targets))
        assert info.get_arguments(**given) == {"download": "all", "nest": {"a": []}, **expected}

    @pytest.mark.parametrize(
        ("targets", "given", "words"),
        [
            (["images_project"], {}, "needs a target"),
            (["images_project"], {"videos_project": 1}, "cannot be started on"),
            (["images_project"], {"images_projct": 1}, "unknown launch place"),
            (["images_project"], {"images_project": "9"}, "takes int"),
            (["images_project"], {"images_project": True}, "takes int"),
            (["files_file"], {"files_file": 3}, "takes str"),
            (["images_project", "videos_project"], {"images_project": 1, "videos_project": 2}, "two targets"),
        ],
    )
    def test_wrong_targets_are_refused(self, targets: list[str], given: dict[str, Any], words: str) -> None:
        with pytest.raises(UsageError, match=words):
            ModuleInfo.parse(module(targets)).get_arguments(**given)

    def test_the_defaults_are_never_changed(self) -> None:
        info = ModuleInfo.parse(module(["images_project"]))
        first = info.get_arguments(images_project=1)
        first["nest"]["a"].append(1)
        assert info.get_arguments(images_project=2) == {"download": "all", "nest": {"a": []}, "slyProjectId": 2}
        assert info.defaults == {"download": "all", "nest": {"a": []}}

    def test_both_spellings_of_the_config_are_read(self) -> None:
        config = {"modal_template_state": {"x": 1}, "context_menu": {"target": ["images_project"]}}
        info = ModuleInfo.parse(module(config=config))
        assert (info.defaults, info.targets) == ({"x": 1}, ("images_project",))

    @pytest.mark.parametrize("meta", [None, {}, {"releases": []}, {"releases": None}])
    def test_no_release_is_reported(self, meta: Any) -> None:
        info = ModuleInfo.parse(module(meta=meta))
        assert info.releases == ()
        with pytest.raises(UsageError, match="has no release"):
            info.get_latest_release()


class TestStart:
    @pytest.fixture(autouse=True)
    def _answers(self, server: Recorder) -> None:
        server.answer("ecosystem.info", module())
        server.answer("tasks.run.app", [{"taskId": 501, "userId": 3, "moduleId": 83, "appId": 578}])

    def test_the_newest_release_is_looked_up_and_params_wrapped_once(self, server: Recorder, api: Api) -> None:
        session = api.app.start(21, module_id=83, workspace_id=7, params={"a": 1}, users_id=4)
        assert (session.task_id, session.user_id, session.module_id, session.app_id) == (501, 3, 83, 578)
        api.app.start(21, module_id=83, workspace_id=7, params={"state": {"a": 1}}, app_version="v1.0.0")
        first, second = server.bodies("tasks.run.app")
        assert first == {
            "agentId": 21,
            "workspaceId": 7,
            "description": "",
            "params": {"state": {"a": 1}},
            "logLevel": "info",
            "usersIds": [4],
            "appVersion": "v1.2.3",
            "isBranch": False,
            "taskName": "run-from-python",
            "restartPolicy": "never",
            "proxyKeepUrl": False,
            "advancedSettings": {"limitByWorkspace": False},
            "moduleId": 83,
        }
        assert (second["params"], second["appVersion"]) == ({"state": {"a": 1}}, "v1.0.0")
        assert len(server.sent("ecosystem.info")) == 1

    def test_without_a_module_the_version_must_be_given(self, server: Recorder, api: Api) -> None:
        with pytest.raises(UsageError, match="by module_id"):
            api.app.start(21, app_id=578)
        assert server.seen == []
        assert api.app.start(21, app_id=578, app_version="v1").task_id == 501

    def test_waiting_for_an_app_asks_until_it_says_that_it_runs(
        self, server: Recorder, api: Api, naps: list[float]
    ) -> None:
        server.answer("tasks.request.direct", Answer(502, b""), {}, {"running": True})
        assert api.app.wait_until_ready_for_api_calls(5, attempts=5, attempt_delay_sec=2)
        assert naps == [2, 2]
        server.answer("tasks.request.direct", {})
        assert not api.app.wait_until_ready_for_api_calls(5, attempts=2, attempt_delay_sec=2)

    def test_sessions_are_tasks(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.info", {"id": 5, "status": "finished"})
        server.answer("tasks.stop", {"status": "terminating"})
        assert api.app.wait(5, "finished") == api.app.get_status(5) == "finished"
        assert api.app.stop(5) == "terminating"
        assert api.app.get_session_info(5).id == 5
        assert api.app.get_url(5) == "/apps/sessions/5"
