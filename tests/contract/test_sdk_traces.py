"""The vendor's SDK writes to a launch of the local server and reads back: fields, outputs, logs, meta, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .sdk import PROGRESS, Sdk, SdkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.serving import RunningServer

GREEN = {"color": "#33c94c", "backgroundColor": "#d9f7e4"}


@pytest.fixture
def task(server: RunningServer) -> int:
    """A launch that has ended without any data."""
    task_id = server.run("quiet", "true")
    server.end_of(task_id)
    return task_id


def output_of(sdk: Sdk, task: int) -> Any:
    return sdk("task.get_info_by_id", task)["meta"]["output"]


class TestFields:
    def test_fields_are_read_back_by_their_texts(self, sdk: Sdk, task: int) -> None:
        fields = [{"field": "data.chart", "payload": {"series": [{"y": 1}]}}, {"field": "state.on", "payload": True}]
        assert sdk("task.set_fields", task, fields) == {}
        assert sdk("task.get_fields", task, ["data.chart.series[0].y", "state.on", "state"]) == {
            "data.chart.series[0].y": 1,
            "state.on": True,
            "state": {"on": True},
        }
        assert sdk("task.get_field", task, "data.chart.series[0]") == {"y": 1}

    def test_a_field_that_was_never_set_is_null(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.get_field", task, "data.nothing.at.all") is None

    def test_a_dict_sets_one_field_for_each_key(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.set_fields_from_dict", task, {"data.a": None, "data.b": [1], "data.ü": "ä"}) == {}
        assert sdk("task.get_field", task, "data") == {"a": None, "b": [1], "ü": "ä"}

    @pytest.mark.parametrize(
        ("append", "recursive", "left"),
        [
            (False, False, {"obj": {"new": 1}}),
            (True, False, {"val": 1, "obj": {"new": 1}}),
            (True, True, {"val": 1, "obj": {"val": 1, "res": 2, "new": 1}}),
        ],
        ids=["replaces", "merges one level", "merges deeply"],
    )
    def test_append_merges(self, sdk: Sdk, task: int, append: bool, recursive: bool, left: dict[str, Any]) -> None:
        """The example in the SDK's own source."""
        sdk("task.set_field", task, "data", {"val": 1, "obj": {"val": 1, "res": 2}})
        assert sdk("task.set_field", task, "data", {"obj": {"new": 1}}, append, recursive) == {}
        assert sdk("task.get_field", task, "data") == left

    def test_append_extends_a_list(self, sdk: Sdk, task: int) -> None:
        sdk("task.set_field", task, "data.rows", [1])
        sdk("task.set_field", task, "data.rows", [2, 3], append=True)
        assert sdk("task.get_field", task, "data.rows") == [1, 2, 3]

    def test_one_wrong_field_leaves_all_as_they_were(self, sdk: Sdk, task: int) -> None:
        fields = [{"field": "data.a", "payload": 1}, {"field": "data..b", "payload": 2}]
        with pytest.raises(SdkError, match="400 Client Error"):
            sdk("task.set_fields", task, fields)
        assert sdk("task.get_field", task, "data") is None

    def test_an_app_of_the_first_generation_sets_its_three_roots(self, sdk: Sdk, task: int) -> None:
        sdk("app.initialize", task, "<div></div>", {"a": 1}, {"b": 2})
        assert sdk("task.get_fields", task, ["template", "data", "state"]) == {
            "template": "<div></div>",
            "data": {"a": 1, "notifyDialog": None, "scrollIntoView": None},
            "state": {"b": 2},
        }

    def test_an_app_with_widgets_patches_its_content(self, sdk: Sdk, task: int) -> None:
        sdk("task._update_app_content", task, [{"op": "add", "path": "/a", "value": {"b": 1}}], {"on": True})
        sdk("task._update_app_content", task, [{"op": "replace", "path": "/a/b", "value": 2}], None)
        assert sdk("task.get_fields", task, ["data", "state"]) == {"data": {"a": {"b": 2}}, "state": {"on": True}}


class TestOutputs:
    def test_a_text(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.set_output_text", task, "done", "in 3 s") == {"success": True}
        icon = {"className": "zmdi zmdi-comment-alt-text", **GREEN}
        said = {"title": "done", "showLogs": False, "isError": False, "description": "in 3 s"}
        assert output_of(sdk, task) == {"general": {"icon": icon, **said}}

    def test_an_error_says_so_and_leaves_the_status(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.set_output_error", task, "failed") == {"success": True}
        icon = {"className": "zmdi zmdi-alert-octagon", "color": "#ff83a6", "backgroundColor": "#ffeae9"}
        assert output_of(sdk, task) == {"general": {"icon": icon, "title": "failed", "showLogs": True, "isError": True}}
        assert sdk("task.get_status", task) == "finished"

    @pytest.mark.parametrize(
        ("method", "args", "icon", "shown"),
        [
            ("report", [9, "r.html"], "receipt", ["r.html", "/files/9", False, "Report"]),
            ("archive", [9, "a.tar", "/x/a.tar"], "archive", ["a.tar", "/x/a.tar", True, "Download archive"]),
            ("file_download", [9, "m.pt", "/x/m.pt"], "file", ["m.pt", "/x/m.pt", True, "Download file"]),
            ("file_download", [9, "m.pt", "/x/m.pt", False], "file", ["m.pt", "/x/m.pt", False, "Download file"]),
            ("directory", [9, "/models/"], "folder", ["/models/", "/files/9", False, "Directory"]),
        ],
        ids=["report", "archive", "file", "file without download", "directory"],
    )
    def test_a_file(self, sdk: Sdk, task: int, method: str, args: list[Any], icon: str, shown: list[Any]) -> None:
        assert sdk(f"task.set_output_{method}", task, *args) == {"success": True}
        content = dict(zip(("title", "titleUrl", "download", "description"), shown, strict=True))
        assert output_of(sdk, task) == {"general": {"icon": {"className": f"zmdi zmdi-{icon}", **GREEN}, **content}}

    def test_a_named_project_is_not_looked_up(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.set_output_project", task, 99, "Lemons", "/p.png") == {"success": True}
        assert output_of(sdk, task) == {"project": {"id": 99, "title": "Lemons", "preview": "/p.png"}}

    def test_an_experiment(self, sdk: Sdk, task: int) -> None:
        found = {"experiment_name": "247 Lemons", "checkpoints": ["best.pth"], "evaluation_metrics": {"mAP": 0.994}}
        assert sdk("task.set_output_experiment", task, found) == {"success": True}
        assert output_of(sdk, task) == {"experiment": {"data": found}}

    def test_the_last_output_stands(self, sdk: Sdk, task: int) -> None:
        sdk("task.set_output_report", task, 9, "report")
        sdk("task.set_output_project", task, 99, "Lemons")
        assert output_of(sdk, task) == {"project": {"id": 99, "title": "Lemons"}}

    def test_a_title_too_long_for_the_server_is_refused(self, sdk: Sdk, task: int) -> None:
        with pytest.raises(SdkError, match=r"400 Client Error.*output\.general\.title"):
            sdk("task.set_output_text", task, "x" * 256)
        assert output_of(sdk, task) == {}

    def test_an_unknown_launch_has_no_output(self, sdk: Sdk) -> None:
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("task.set_output_text", 10**9, "done")


class TestLogs:
    def entries(self, task: int) -> list[dict[str, Any]]:
        moments = [f"2026-01-02T03:04:0{second}.000Z" for second in range(5)]
        return [
            {"message": f"line {n}", "level": "info", "timestamp": moment, "task_id": task, "n": n}
            for n, moment in enumerate(moments)
        ]

    def test_submitted_entries_are_read_back_with_their_extras(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.submit_logs", self.entries(task)) is None
        assert sdk("task.get_logs", task) == self.entries(task)

    def test_since_and_limit_cut_the_list(self, sdk: Sdk, task: int) -> None:
        sdk("task.submit_logs", self.entries(task))
        assert [row["n"] for row in sdk("task.get_logs", task, limit=2)] == [0, 1]
        assert [row["n"] for row in sdk("task.get_logs", task, "2026-01-02T03:04:03.000Z")] == [3, 4]
        assert [row["n"] for row in sdk("task.get_logs", task, "2026-01-02T03:04:01.000Z", 2)] == [1, 2]
        assert sdk("task.get_logs", task, "2030-01-01T00:00:00.000Z") == []

    def test_what_the_app_prints_is_its_log(self, server: RunningServer, sdk: Sdk) -> None:
        line = '{"message": "epoch", "level": "warning", "timestamp": "2026-01-02T03:04:05.678Z", "loss": 0.5}'
        task_id = server.run("talker", f"echo plain; echo '{line}' >&2; echo broken >&2; exit 4")
        server.end_of(task_id)
        rows = sdk("task.get_logs", task_id)
        assert {row["task_id"] for row in rows} == {task_id}
        assert [(row["level"], row["message"]) for row in rows if row["level"] == "info"] == [
            ("info", "plain"),
            ("info", "broken"),
        ]
        (warning,) = [row for row in rows if row["level"] == "warn"]
        assert (warning["message"], warning["loss"], warning["timestamp"]) == ("epoch", 0.5, "2026-01-02T03:04:05.678Z")
        assert rows[-1]["level"] == "fatal"
        assert "exit code 4" in rows[-1]["message"]

    def test_an_unknown_launch_has_no_log(self, sdk: Sdk) -> None:
        """The SDK raises another error for a refused GET."""
        with pytest.raises(SdkError, match="404 Client Error"):
            sdk("task.get_logs", 10**9)


class TestMeta:
    def test_the_storage_folder_and_the_name_are_kept(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.update_meta", task, {"name": "renamed"}, "/data/agent", "app_data/x/1") is None
        meta = sdk("task.get_info_by_id", task)["meta"]
        assert meta["name"] == "renamed"
        assert meta["agentStorageFolder"] == {"hostDir": "/data/agent", "folder": "app_data/x/1"}

    def test_what_the_server_knows_itself_is_not_overwritten(self, sdk: Sdk, task: int) -> None:
        before = sdk("task.get_info_by_id", task)["meta"]
        sdk("task.update_meta", task, {"params": {}, "app": {}, "sessionToken": "x", "templateRootDirectory": "/a"})
        assert sdk("task.get_info_by_id", task)["meta"] == {**before, "templateRootDirectory": "/a"}

    def test_the_context_names_team_and_workspace(self, sdk: Sdk, task: int) -> None:
        context = sdk("task.get_context", task)
        assert context["team"] == {"id": 1, "name": "local"}
        assert context["workspace"] == {"id": 1, "name": "local"}


class TestFiles:
    """Files of a launch. Only a header names the launch, and the SDK sends it only inside an app."""

    @pytest.fixture
    def task(self, sdk: Sdk, task: int) -> Iterator[int]:
        sdk("add_header", "x-task-id", str(task))
        yield task
        sdk("pop_header", "x-task-id")

    @pytest.fixture
    def sources(self, tmp_path: Path, task: int) -> list[str]:
        paths = []
        for name in ("a", "b", "c"):
            path = tmp_path / name
            path.write_text(f"{name} of {task}" if name != "c" else f"a of {task}")
            paths.append(str(path))
        return paths

    def test_new_contents_are_sent_and_known_ones_are_linked(self, sdk: Sdk, task: int, sources: list[str]) -> None:
        sdk("task.upload_files", task, sources, ["x/a", "x/b", "x/c"], PROGRESS)
        assert sdk.progress == [0, 6]
        sdk("task.upload_files", task, sources, ["y/a", "y/b", "y/c"], PROGRESS)
        assert sdk.progress == [2]

    def test_nothing_is_sent_for_nothing(self, sdk: Sdk, task: int) -> None:
        assert sdk("task.upload_files", task, [], [], PROGRESS) is None
        assert sdk.progress == []
