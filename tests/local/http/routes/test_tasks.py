"""Read and control launches over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from taskspec.api.wire import LaunchStatus
from tests.local.serving import RunningServer

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN_TASK = 999_999


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A new server, so that lists contain only the launches of this module."""
    server = RunningServer(tmp_path_factory.mktemp("tasks"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def seven(server: RunningServer) -> list[int]:
    """Seven ended launches: four finished, three failed."""
    good, bad = server.register("good", entrypoint="true"), server.register("bad", entrypoint="exit 3")
    ids = [server.start_app(bad if number % 2 else good, description=f"Run {number}") for number in range(7)]
    for task_id in ids:
        server.end_of(task_id)
    return ids


def listed(server: RunningServer, **fields: Any) -> list[int]:
    return [row["id"] for row in server.call("tasks.list", workspaceId=1, **fields)["entities"]]


def test_a_list_is_a_page_envelope_with_rows_that_carry_meta(server: RunningServer, seven: list[int]) -> None:
    page = server.call("tasks.list", workspaceId=1)
    assert set(page) == {"total", "perPage", "pagesCount", "entities"}
    assert (page["total"], page["perPage"], page["pagesCount"]) == (7, 500, 1)
    assert [row["id"] for row in page["entities"]] == seven
    assert page["entities"][0]["meta"]["output"] == {}


def test_pages_cover_everything_once(server: RunningServer, seven: list[int]) -> None:
    pages = [server.call("tasks.list", workspaceId=1, per_page=3, page=number) for number in (1, 2, 3, 4)]
    assert [row["id"] for page in pages for row in page["entities"]] == seven
    assert {page["pagesCount"] for page in pages} == {3}
    assert pages[3]["entities"] == []


def test_pages_by_token_cover_everything_once(server: RunningServer, seven: list[int]) -> None:
    found: list[int] = []
    after: str | None = None
    for _ in range(3):
        page = server.call("tasks.list", workspaceId=1, pagination_mode="token", per_page=3, after=after)
        found += [row["id"] for row in page["entities"]]
        after = page["after"]
    assert found == seven
    assert after is None


@pytest.mark.parametrize(
    ("field", "operator", "value", "numbers"),
    [
        ("id", "=", 3, [3]),
        ("id", "eq", 3, [3]),
        ("id", "!=", 3, [1, 2, 4, 5, 6, 7]),
        ("id", "not", 3, [1, 2, 4, 5, 6, 7]),
        ("id", "in", [2, 4, 99], [2, 4]),
        ("id", "in", [], []),
        ("id", "!in", [2, 4], [1, 3, 5, 6, 7]),
        ("id", ">", 5, [6, 7]),
        ("id", "gt", 5, [6, 7]),
        ("id", ">=", 5, [5, 6, 7]),
        ("id", "gte", 5, [5, 6, 7]),
        ("id", "<", 3, [1, 2]),
        ("id", "lt", 3, [1, 2]),
        ("id", "<=", 3, [1, 2, 3]),
        ("id", "lte", "3", [1, 2, 3]),
        ("status", "=", "error", [2, 4, 6]),
        ("status", "in", ["error", "queued"], [2, 4, 6]),
        ("status", "!=", None, [1, 2, 3, 4, 5, 6, 7]),
        ("type", "=", "app", [1, 2, 3, 4, 5, 6, 7]),
        ("description", "like", "%un 3", [4]),
        ("description", "like", "run%", []),
        ("description", "ilike", "run%", [1, 2, 3, 4, 5, 6, 7]),
        ("description", "!like", "Run _", []),
        ("description", "!ilike", "%3", [1, 2, 3, 5, 6, 7]),
        ("startedAt", ">", "2020-01-01T00:00:00Z", [1, 2, 3, 4, 5, 6, 7]),
        ("finishedAt", "<", "2020-01-01", []),
    ],
)
def test_filters(
    server: RunningServer, *, seven: list[int], field: str, operator: str, value: object, numbers: list[int]
) -> None:
    assert seven == [1, 2, 3, 4, 5, 6, 7]
    assert listed(server, filter=[{"field": field, "operator": operator, "value": value}]) == numbers


def test_clauses_are_joined_by_and(server: RunningServer, seven: list[int]) -> None:
    clauses = [
        {"field": "status", "operator": "=", "value": "error"},
        {"field": "id", "operator": ">", "value": seven[2]},
    ]
    assert listed(server, filter=clauses) == [seven[3], seven[5]]


def test_sorting(server: RunningServer, seven: list[int]) -> None:
    assert listed(server, sort="id", sort_order="desc") == seven[::-1]
    assert listed(server, sort="status", sort_order="asc")[:3] == [seven[1], seven[3], seven[5]]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"filter": [{"field": "colour", "operator": "=", "value": 1}]}, '"filter[0].field" must be one of'),
        ({"filter": [{"field": "id", "operator": "~", "value": 1}]}, '"filter[0].operator" must be one of'),
        ({"filter": [{"operator": "=", "value": 1}]}, '"filter[0].field" is required'),
        ({"filter": [{"field": "id", "operator": "in", "value": 1}]}, '"filter[0].value" must be an array'),
        ({"filter": [{"field": "id", "operator": "=", "value": "x"}]}, '"filter[0].value"'),
        ({"filter": [{"field": "id", "operator": "=", "value": True}]}, '"filter[0].value"'),
        ({"filter": [{"field": "id", "operator": ">", "value": None}]}, '"filter[0].value"'),
        ({"filter": [{"field": "status", "operator": "=", "value": 1}]}, '"filter[0].value"'),
        ({"filter": [{"field": "startedAt", "operator": ">", "value": "soon"}]}, '"filter[0].value"'),
        ({"filter": ["id"]}, '"filter[0]" must be an object'),
        ({"filter": "id"}, '"filter" must be an array'),
        ({"sort": "colour"}, '"sort" must be one of'),
        ({"sort_order": "up"}, '"sort_order" must be one of'),
        ({"page": 0}, '"page" must be'),
        ({"per_page": 501}, '"per_page" must be'),
    ],
    ids=str,
)
def test_a_wrong_list_request_names_its_field(server: RunningServer, fields: dict[str, Any], words: str) -> None:
    status, message = server.refusal("tasks.list", workspaceId=1, **fields)
    assert status == 400
    assert words in message


def test_a_list_of_an_unknown_workspace_is_refused(server: RunningServer) -> None:
    assert server.refusal("tasks.list", workspaceId=2)[0] == 404


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("tasks.info", {"id": UNKNOWN_TASK}),
        ("GetTaskContext", {"id": UNKNOWN_TASK}),
        ("tasks.stop", {"id": UNKNOWN_TASK}),
        ("tasks.status.update", {"id": UNKNOWN_TASK, "status": "started"}),
        ("tasks.meta.update", {"id": UNKNOWN_TASK}),
        ("tasks.output.set", {"taskId": UNKNOWN_TASK, "output": {"project": {"id": 1}}}),
        ("tasks.data.set", {"taskId": UNKNOWN_TASK, "fields": []}),
        ("tasks.data.get", {"taskId": UNKNOWN_TASK, "fields": []}),
        ("tasks.logs.add", {"logs": [{"task_id": UNKNOWN_TASK, "message": "m", "level": "info"}]}),
        ("tasks.log.download", {"id": UNKNOWN_TASK}),
    ],
)
def test_an_unknown_task_is_a_404(server: RunningServer, method: str, fields: dict[str, Any]) -> None:
    status, message = server.refusal(method, **fields)
    assert status == 404
    assert str(UNKNOWN_TASK) in message


def test_a_task_has_the_fields_the_sdk_reads(server: RunningServer, seven: list[int]) -> None:
    task = server.info(seven[0])
    assert task["type"] == "app"
    assert task["userId"] == task["createdBy"] == task["teamId"] == task["workspaceId"] == 1
    assert task["agentName"] == "local"
    assert task["startedAt"].endswith("Z")
    assert task["finishedAt"] >= task["startedAt"]


def test_the_context_of_a_task(server: RunningServer, seven: list[int]) -> None:
    context = server.call("GetTaskContext", id=seven[0])
    assert context["team"] == {"id": 1, "name": "local"}
    assert context["workspace"] == {"id": 1, "name": "local"}


def test_stopping_an_ended_task_changes_nothing(server: RunningServer, seven: list[int]) -> None:
    assert server.call("tasks.stop", id=seven[0]) == {"status": "finished"}
    assert server.info(seven[0])["status"] == "finished"


@pytest.mark.parametrize("status", list(LaunchStatus))
def test_a_client_may_set_every_status(server: RunningServer, seven: list[int], status: LaunchStatus) -> None:
    server.call("tasks.status.update", id=seven[6], status=status)
    assert server.info(seven[6])["status"] == status
    assert (server.info(seven[6])["finishedAt"] is not None) == status.is_terminal
    server.call("tasks.status.update", id=seven[6], status="finished")


def test_an_unknown_status_is_refused(server: RunningServer, seven: list[int]) -> None:
    assert server.refusal("tasks.status.update", id=seven[0], status="done")[0] == 400


def test_meta_is_merged_and_what_the_server_knows_stays(server: RunningServer, seven: list[int]) -> None:
    folder = {"hostDir": "/data", "folder": "x"}
    server.call("tasks.meta.update", id=seven[0], name="renamed", agentStorageFolder=folder, output={"stolen": 1})
    server.call("tasks.meta.update", id=seven[0], templateRootDirectory="/t")
    meta = server.info(seven[0])["meta"]
    assert meta["name"] == "renamed"
    assert meta["agentStorageFolder"] == folder
    assert meta["templateRootDirectory"] == "/t"
    assert meta["output"] == {}


ICON = {"className": "zmdi", "color": "#fff", "backgroundColor": "#000"}


@pytest.mark.parametrize(
    "output",
    [
        {"project": {"id": 99, "title": "Lemons", "preview": "p"}},
        {"general": {"icon": ICON, "title": "t", "titleUrl": "/files/1", "download": True, "description": "d"}},
        {"general": {"icon": ICON, "title": "t", "showLogs": True, "isError": True}},
        {"experiment": {"data": {"experiment_name": "e"}}},
        {"model": {"id": 1}},
        {"archive": {"name": "a", "path": "/a"}},
    ],
    ids=lambda output: next(iter(output)),
)
def test_each_output_replaces_the_one_before(server: RunningServer, seven: list[int], output: dict[str, Any]) -> None:
    assert server.call("tasks.output.set", taskId=seven[1], output=output) == {"success": True}
    assert server.info(seven[1])["meta"]["output"] == output
    [row] = server.call("tasks.list", workspaceId=1, filter=[{"field": "id", "value": seven[1]}])["entities"]
    assert row["meta"]["output"] == output


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({}, "exactly one"),
        ({"project": {}, "model": {}}, "exactly one"),
        ({"picture": {}}, "exactly one"),
        ({"project": 1}, '"output.project"'),
        ({"general": {}}, '"output.general.title"'),
        ({"general": {"title": ""}}, '"output.general.title"'),
        ({"general": {"title": "t" * 256}}, '"output.general.title"'),
        ({"general": {"title": "t", "description": "d" * 256}}, '"output.general.description"'),
        ({"general": {"title": "t", "icon": {"className": "c", "color": "#fff"}}}, "backgroundColor"),
    ],
    ids=str,
)
def test_a_wrong_output_is_refused(server: RunningServer, seven: list[int], output: dict[str, Any], words: str) -> None:
    status, message = server.refusal("tasks.output.set", taskId=seven[2], output=output)
    assert status == 400
    assert words in message
    assert server.info(seven[2])["meta"]["output"] == {}


def test_fields_are_kept_by_path(server: RunningServer, seven: list[int]) -> None:
    def put(field: str, payload: object, **how: bool) -> None:
        fields = [{"field": field, "payload": payload, **how}]
        assert server.call("tasks.data.set", taskId=seven[3], fields=fields) == {}

    put("state", {"a": {"x": 1}, "list": [1]})
    put("data.chart.series[0].y", [1, 2])
    put("state.a", {"y": 2}, append=True)
    put("state", {"a": {"z": {"deep": 1}}}, append=True, recursive=True)
    put("state.list", [2], append=True)
    asked = ["state.a", "state.list", "data.chart", "state.nothing"]
    assert server.call("tasks.data.get", taskId=seven[3], fields=asked)["result"] == {
        "state.a": {"x": 1, "y": 2, "z": {"deep": 1}},
        "state.list": [1, 2],
        "data.chart": {"series": [{"y": [1, 2]}]},
        "state.nothing": None,
    }


@pytest.mark.parametrize(
    "item", [{"payload": 1}, {"field": "a"}, {"field": "a..b", "payload": 1}, {"field": "", "payload": 1}, 7], ids=str
)
def test_one_wrong_field_writes_none(server: RunningServer, seven: list[int], item: object) -> None:
    fields = [{"field": "fresh", "payload": 1}, item]
    assert server.refusal("tasks.data.set", taskId=seven[4], fields=fields)[0] == 400
    assert server.call("tasks.data.get", taskId=seven[4], fields=["fresh"])["result"] == {"fresh": None}


def test_submitted_logs_come_back_in_order_and_by_time(server: RunningServer, seven: list[int]) -> None:
    def entry(second: int, **more: object) -> dict[str, object]:
        return {"message": f"m{second}", "level": "WARNING", "timestamp": f"2026-01-02T03:04:0{second}.000Z", **more}

    first = {"logs": [entry(1, task_id=seven[5], event_type="EventType.LOGJ")]}
    assert server.send("tasks.logs.add", json=first).status_code == 200
    by_header = server.send("tasks.logs.add", json={"logs": [entry(2)]}, headers={"x-task-id": str(seven[5])})
    assert by_header.status_code == 200
    assert server.logs(seven[5])[-2] == {
        "task_id": seven[5],
        "level": "warn",
        "message": "m1",
        "timestamp": "2026-01-02T03:04:01.000Z",
        "event_type": "EventType.LOGJ",
    }
    since = server.logs(seven[5], sinceTime="2026-01-02T05:04:02+02:00")
    assert "m1" not in [entry["message"] for entry in since]
    assert "m2" in [entry["message"] for entry in since]
    assert len(server.logs(seven[5], limit=1)) == 1


@pytest.mark.parametrize("logs", [None, {}, [1], [{"message": "no task"}], [{"task_id": "x", "message": "m"}]], ids=str)
def test_wrong_log_entries_are_refused(server: RunningServer, logs: object) -> None:
    assert server.refusal("tasks.logs.add", logs=logs)[0] == 400


def test_a_wrong_since_time_is_refused(server: RunningServer, seven: list[int]) -> None:
    assert server.refusal("tasks.log.download", id=seven[0], sinceTime="yesterday")[0] == 400
