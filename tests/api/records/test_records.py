from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.api import LaunchStatus, TaskInfo
from taskspec.api.records.records import AgentInfo, FileInfo, ProjectInfo
from taskspec.api.records.wire_record import WireRecord

TASK: dict[str, Any] = {
    "id": 501,
    "type": "app",
    "status": "started",
    "description": "nightly export",
    "workspaceId": 11,
    "teamId": 7,
    "userId": 3,
    "agentId": 21,
    "agentName": "box-1",
    "startedAt": "2026-01-02T03:04:05.678Z",
    "finishedAt": None,
    "meta": {
        "name": "Nightly export",
        "app": {"id": 578, "moduleId": 83, "name": "Export to X", "version": "v1.2.3", "isBranch": False},
        "params": {"state": {"slyProjectId": 99}},
        "sessionToken": "AbC123",
        "output": {"project": {"id": 1}},
    },
}


def test_a_launch_is_read_by_properties() -> None:
    info = TaskInfo.parse(TASK)
    assert (info.id, info.status, info.type, info.description) == (501, LaunchStatus.STARTED, "app", "nightly export")
    assert (info.workspace_id, info.team_id, info.user_id, info.agent_id, info.agent_name) == (11, 7, 3, 21, "box-1")
    assert (info.started_at, info.finished_at) == ("2026-01-02T03:04:05.678Z", None)
    assert (info.name, info.app_name, info.app_version) == ("Nightly export", "Export to X", "v1.2.3")
    assert (info.app_id, info.module_id) == (578, 83)
    assert (info.params, info.output) == ({"state": {"slyProjectId": 99}}, {"project": {"id": 1}})
    assert info.session_token == "AbC123"


def test_a_launch_is_read_as_its_json_too() -> None:
    info = TaskInfo.parse(TASK)
    assert info["meta"]["app"]["id"] == 578
    assert info.get("nothing", 5) == 5
    assert set(info) == set(TASK)
    assert dict(info) == TASK
    assert info == TASK
    with pytest.raises(KeyError):
        info["nothing"]


def test_a_launch_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TaskInfo.parse(TASK).raw = {}  # type: ignore[misc] # the rule under test


def test_a_representation_holds_no_token() -> None:
    assert "AbC123" not in repr(TaskInfo.parse(TASK))
    assert "Nightly export" in repr(TaskInfo.parse(TASK))
    assert "secret" not in repr(AgentInfo.parse({"id": 1, "token": "secret", "list": [{"apiToken": "secret"}]}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from([*TASK, "name", "meta", "disabled", "capabilities", "path", "isDir", "size"])
META = st.dictionaries(st.sampled_from([*TASK["meta"], "size"]), JSON)


@pytest.mark.parametrize("kind", [TaskInfo, AgentInfo, FileInfo, ProjectInfo])
@given(content=st.dictionaries(KEYS, JSON | META))
def test_odd_fields_never_break_a_property(kind: type[WireRecord], content: dict[str, Any]) -> None:
    record = kind.parse({**content, "id": 1})
    for name in dir(kind):
        if isinstance(getattr(kind, name), property):
            getattr(record, name)
    repr(record)
