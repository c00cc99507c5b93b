from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from taskspec.api import Api
from taskspec.api.records.records import AgentInfo
from taskspec.api.records.wire_record import WireRecord
from taskspec.errors import NotFound, OutcomeUnknown, Refused, Unauthorized
from tests.api.recorder import Answer, Handler, Recorder

SORT = {"sort": "id", "sort_order": "asc"}


def names(*all_names: str) -> Callable[[Handler], None]:
    """Script a list method with rows of these names."""

    def answer(handler: Handler) -> None:
        wanted = [clause["value"] for clause in handler.recorder.seen[-1].json["filter"]]
        rows = [{"id": n, "name": name} for n, name in enumerate(all_names, 1) if not wanted or name in wanted]
        page = {"total": len(rows), "perPage": 500, "pagesCount": 1, "entities": rows}
        Answer(content=page)(handler)

    return answer


def by_name(name: str) -> list[dict[str, str]]:
    return [{"field": "name", "operator": "=", "value": name}]


KINDS: dict[str, tuple[str, Callable[[Api, str], WireRecord], dict[str, Any]]] = {
    "agent": ("agents.list", lambda api, name: api.agent.get_info_by_name(3, name), {"teamId": 3}),
    "team": ("teams.list", lambda api, name: api.team.get_info_by_name(name), {}),
    "workspace": ("workspaces.list", lambda api, name: api.workspace.get_info_by_name(3, name), {"teamId": 3}),
    "project": ("projects.list", lambda api, name: api.project.get_info_by_name(7, name), {"workspaceId": 7}),
}


@pytest.mark.parametrize(("method", "find", "scope"), KINDS.values(), ids=KINDS.keys())
def test_a_thing_is_found_by_its_exact_name(
    server: Recorder, api: Api, method: str, find: Callable[[Api, str], WireRecord], scope: dict[str, Any]
) -> None:
    server.answer(method, names("cpu", "gpu-01"))
    assert find(api, "gpu-01").id == 2
    assert server.bodies(method) == [{**scope, "filter": by_name("gpu-01"), **SORT}]


@pytest.mark.parametrize(("method", "find", "scope"), KINDS.values(), ids=KINDS.keys())
def test_a_missing_name_is_answered_with_a_near_one(
    server: Recorder, api: Api, method: str, find: Callable[[Api, str], WireRecord], scope: dict[str, Any]
) -> None:
    server.answer(method, names("cpu", "gpu-01"))
    with pytest.raises(NotFound, match='"gpu-1"') as caught:
        find(api, "gpu-1")
    assert caught.value.remedy == 'did you mean "gpu-01"?'
    with pytest.raises(NotFound) as caught:
        find(api, "zzz")
    assert caught.value.remedy == 'there are: "cpu", "gpu-01"'


def test_two_of_one_name_are_refused_with_their_ids(server: Recorder, api: Api) -> None:
    server.answer("agents.list", names("a", "a"))
    with pytest.raises(Refused, match='2 agents are called "a": 1, 2'):
        api.agent.get_info_by_name(3, "a")


def test_an_empty_answer_is_reported(server: Recorder, api: Api) -> None:
    server.answer("teams.list", names())
    with pytest.raises(NotFound) as caught:
        api.team.get_info_by_name("a")
    assert caught.value.remedy == "there are no teams"


@pytest.mark.parametrize(
    ("method", "find"),
    [
        ("agents.info", lambda api: api.agent.get_info_by_id(4)),
        ("teams.info", lambda api: api.team.get_info_by_id(4)),
        ("workspaces.info", lambda api: api.workspace.get_info_by_id(4)),
        ("projects.info", lambda api: api.project.get_info_by_id(4)),
        ("users.info", lambda api: api.user.get_info_by_id(4)),
        ("file-storage.info", lambda api: api.file.get_info_by_id(4)),
    ],
)
def test_a_thing_is_found_by_id(server: Recorder, api: Api, method: str, find: Callable[[Api], WireRecord]) -> None:
    with pytest.raises(NotFound):
        find(api)
    server.answer(method, {"id": 4, "name": "x"})
    assert (find(api).id, find(api).name) == (4, "x")
    assert server.bodies(method)[-1] == {"id": 4}


def test_agents_that_would_take_a_launch(server: Recorder, api: Api) -> None:
    server.answer(
        "agents.available", [{"id": 1, "status": "running", "disabled": False, "capabilities": {"types": {}}}]
    )
    (agent,) = api.agent.get_list_available(3, has_gpu=True)
    assert (agent.status, agent.is_disabled, agent.capabilities) == ("running", False, {"types": {}})
    assert server.bodies("agents.available") == [
        {"teamId": 3, "withoutPublic": True, "anyStatus": False, "needGPU": True}
    ]
    server.answer("agents.available", {"entities": []})
    with pytest.raises(OutcomeUnknown):
        api.agent.get_list_available(3)


def test_agents_can_be_listed_with_their_gpus(server: Recorder, api: Api) -> None:
    server.answer("agents.list", names("a"))
    api.agent.get_list(3, with_gpu_info=True)
    assert server.bodies("agents.list")[0]["extraFields"] == ["gpuInfo"]


@pytest.mark.parametrize(
    ("reported", "has_gpu", "free"),
    [
        ({}, False, None),
        ({"gpuInfo": None}, False, None),
        ({"capabilities": {"types": {"app_gpu": {"enabled": True}}}}, True, None),
        ({"gpuInfo": {"device_count": 2, "device_memory": [{"available": 3}, {"available": 7}, 1]}}, True, 7),
        ({"gpuInfo": {"device_count": 1}}, True, None),
    ],
)
def test_an_agent_reports_its_gpus(reported: dict[str, Any], has_gpu: bool, free: int | None) -> None:
    agent = AgentInfo.parse({"id": 1, **reported})
    assert (agent.has_gpu, agent.free_memory) == (has_gpu, free)


def test_the_token_has_a_user(server: Recorder, api: Api) -> None:
    server.answer("users.me", {"id": 3, "login": "alice", "email": "a@x"}, Answer(401, {"error": "no"}))
    me = api.user.get_my_info()
    assert (me.id, me.login, me.email) == (3, "alice", "a@x")
    with pytest.raises(Unauthorized) as caught:
        api.user.get_my_info()
    assert "API_TOKEN" in caught.value.remedy
