"""The server answers any request with a 2xx or 4xx in the form of the wire, and keeps running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskspec.api.wire import API_PREFIX
from taskspec.local.http.routes.table import TABLE

if TYPE_CHECKING:
    from .serving import RunningServer

METHODS = sorted(path.removeprefix(API_PREFIX) for path in TABLE if path.startswith(API_PREFIX))
FIELDS = (
    *("id", "taskId", "workspaceId", "teamId", "moduleId", "appId", "agentId", "usersIds", "params", "description"),
    *("filter", "sort", "sort_order", "page", "per_page", "pagination_mode", "after", "search", "categories", "slug"),
    *(
        "output",
        "fields",
        "logs",
        "status",
        "sinceTime",
        "limit",
        "version",
        "name",
        "type",
        "path",
        "paths",
        "recursive",
    ),
    *("command", "state", "context", "timeout", "skipResponse", "payload", "node", "customData", "settings", "files"),
    *(
        "isArchive",
        "filePath",
        "fileKey",
        "isBranch",
        "appVersion",
        "withProgress",
        "needGPU",
        "onlyRunning",
        "sessionTags",
    ),
)
INNER = (
    *("field", "operator", "value", "payload", "append", "recursive", "general", "title", "icon", "state"),
    *("task_id", "message", "level", "timestamp"),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-1, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["=", "in", "like", "id", "status", "a.b[0]", "started", "2026-01-01", "desc", "%", "token"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(METHODS), body=bodies)
def test_no_json_makes_the_server_fail(local_server: RunningServer, method: str, body: dict[str, Any]) -> None:
    answer = local_server.send(method, json=body)
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert answer.json()["details"]["message"]


@pytest.mark.parametrize("depth", [99, 101, 500, 900])
def test_deep_nesting_is_refused_before_it_hurts(local_server: RunningServer, depth: int) -> None:
    module = local_server.register("deep", entrypoint="true")
    state = '{"a":' * depth + "1" + "}" * depth
    body = f'{{"agentId": null, "workspaceId": 1, "moduleId": {module}, "params": {{"state": {state}}}}}'
    answer = local_server.send("tasks.run.app", data=body.encode())
    assert answer.status_code == (200 if depth <= 98 else 400)
