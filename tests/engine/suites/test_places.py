"""Where launches go and for whom, as the server gets it: agents by rule, workspaces and users by name, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskspec.errors import SpecError, UsageError

from .faultserver import FaultServer
from .workshop import Workshop

HEAD = "module: owner/app, version: v1"
GIGABYTE = 2**30


def agent(number: int, name: str, *, free: int | None = None, **more: Any) -> dict[str, Any]:
    gpu = {"device_count": 1, "device_memory": [{"available": free * GIGABYTE}]} if free is not None else None
    return {"id": number, "name": name, "status": "running", "gpuInfo": gpu, **more}


@dataclass(slots=True)
class Estate(FaultServer):
    """A server with two teams, some workspaces, members and agents."""

    agents: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)

    def answer(self, method: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        lists: dict[str, list[dict[str, Any]]] = {
            "teams.list": [{"id": 3, "name": "vision"}, {"id": 4, "name": "audio"}],
            "workspaces.list": [row for row in WORKSPACES if row["teamId"] == body.get("teamId")],
            "members.list": [{"id": 8, "login": "ann"}, {"id": 9, "login": "bob"}],
            "agents.list": self.agents if body.get("teamId") == 3 else [],
        }
        if method in lists:
            rows = [row for row in lists[method] if all(row[c["field"]] == c["value"] for c in body.get("filter", []))]
            return 200, {"total": len(rows), "perPage": 500, "pagesCount": 1, "entities": rows}
        if method == "workspaces.info":
            return 200, next(row for row in WORKSPACES if row["id"] == body["id"])
        if method == "tasks.run.app":
            self.bodies.append(dict(body))
        status, content = FaultServer.answer(self, method, body)
        if method == "ecosystem.info":
            content["config"] |= self.config
        return status, content


WORKSPACES: list[dict[str, Any]] = [
    {"id": 1, "name": "first", "teamId": 3},
    {"id": 11, "name": "research", "teamId": 3},
    {"id": 12, "name": "shared", "teamId": 3},
    {"id": 13, "name": "shared", "teamId": 4},
]


@pytest.fixture
def estate() -> Iterator[Estate]:
    with Estate() as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, estate: Estate) -> Iterator[Workshop]:
    with Workshop.on_a_server(tmp_path, estate.address) as workshop:
        yield workshop


def only(shop: Workshop, keys: str) -> None:
    shop.spec(f"tasks: {{only: {{{HEAD}, workspace: 1, {keys}}}}}")


def refusal(shop: Workshop) -> str:
    with pytest.raises(SpecError) as raised:
        shop.plan()
    return "\n".join(f"{p.summary} | {p.detail} | {p.remedy}" for p in raised.value.diagnostics)


def test_a_rule_takes_the_agent_with_the_most_free_memory_and_says_so(shop: Workshop, estate: Estate) -> None:
    estate.agents = [agent(21, "cpu-01"), agent(22, "gpu-01", free=4), agent(23, "gpu-02", free=9)]
    only(shop, "agent: {gpu: required}")
    assert shop.plan().agents == {"only": ("gpu-02", "gpu-01")}
    applied = shop.apply()
    assert estate.bodies[0]["agentId"] == 23
    assert any('on agent "gpu-02"' in notice for notice in applied.told.notices())


def test_the_rule_is_what_the_launch_is_and_the_agent_that_was_taken_is_not(shop: Workshop, estate: Estate) -> None:
    estate.agents = [agent(21, "cpu-01"), agent(22, "gpu-01", free=4)]
    only(shop, "agent: {gpu: required}")
    shop.apply()
    assert shop.record("only").inputs["agent"] == {"gpu": "required"}
    estate.agents = []
    assert shop.apply().outcomes == {"only": "kept"}


def test_where_no_agent_can_ever_fit_the_plan_says_why_for_each(shop: Workshop, estate: Estate) -> None:
    estate.agents = [agent(21, "cpu-01"), agent(22, "box", free=4)]
    only(shop, "agent: {gpu: required, name: gpu-*}")
    found = refusal(shop)
    assert "no agent fits now" in found
    assert 'cpu-01: not named "gpu-*"\nbox: not named "gpu-*"' in found


def test_an_agent_that_may_be_back_is_a_warning_and_at_its_turn_a_failure(shop: Workshop, estate: Estate) -> None:
    estate.agents = [
        agent(21, "cpu-01"),
        agent(22, "gpu-01", free=4) | {"status": "waiting"},
        agent(23, "gpu-02", free=9, disabled=True),
    ]
    only(shop, "agent: {gpu: required}")
    warning = shop.plan().warnings[-1]
    assert not warning.is_error
    assert warning.detail == "cpu-01: no GPU\ngpu-01: offline (waiting)\ngpu-02: disabled"
    applied = shop.apply()
    assert applied.outcomes == {"only": "failed"}
    assert "gpu-01: offline (waiting)" in applied.ended("only").summary
    assert estate.bodies == []


def test_an_app_that_needs_a_gpu_brings_that_into_a_rule(shop: Workshop, estate: Estate) -> None:
    estate.agents = [agent(21, "a-cpu"), agent(22, "b-gpu", free=4)]
    estate.config = {"gpu": "required"}
    only(shop, "agent: {prefer: first}")
    shop.apply()
    assert estate.bodies[0]["agentId"] == 22


def test_launches_of_one_moment_are_spread_over_agents_that_are_alike(shop: Workshop, estate: Estate) -> None:
    estate.agents = [agent(22, "gpu-01", free=4), agent(23, "gpu-02", free=4)]
    shop.spec(f"tasks: {{t: {{{HEAD}, workspace: 1, agent: {{gpu: required}}, for_each: [a, b, c, d]}}}}")
    shop.apply()
    assert sorted(body["agentId"] for body in estate.bodies) == [22, 22, 23, 23]


@pytest.mark.parametrize("written", ["agent: any", "agent: null", "log_level: info"])
def test_any_agent_leaves_the_choice_to_the_server(shop: Workshop, estate: Estate, written: str) -> None:
    only(shop, written)
    shop.apply()
    assert estate.bodies[0]["agentId"] is None
    only(shop, "agent: any")
    assert shop.apply().outcomes == {"only": "kept"}


def test_settings_reach_the_server_in_its_own_words(shop: Workshop, estate: Estate) -> None:
    only(
        shop,
        "settings: {users: [ann, 5], multi_user: true, limit_by_workspace: true,"
        " kubernetes: {limit_gpus: 1, limitCpus: 4, use_health_check: false, newLimit: 2}}",
    )
    shop.apply()
    body = estate.bodies[0]
    assert body["usersIds"] == [8, 5]
    assert body["singleSessionMode"] is True
    assert body["advancedSettings"] == {
        "limitByWorkspace": True,
        "limitGpus": 1,
        "limitCpus": 4,
        "useHealthCheck": False,
        "newLimit": 2,
    }


def test_settings_are_a_part_of_what_a_launch_is_only_where_they_say_something(shop: Workshop, estate: Estate) -> None:
    only(shop, "log_level: info")
    shop.apply()
    assert "settings" not in shop.record("only").inputs
    only(shop, "settings: {limit_by_workspace: false, users: [], kubernetes: {limit_gpus: null}}")
    assert shop.apply().outcomes == {"only": "kept"}
    only(shop, "settings: {kubernetes: {limitGpus: 1}}")
    assert shop.apply().outcomes == {"only": "succeeded"}
    only(shop, "settings: {kubernetes: {limit_gpus: 1}}")
    assert shop.apply().outcomes == {"only": "kept"}
    assert len(estate.bodies) == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{users: [ann, bob]}", "several launches"),
        ("{users: [carl]}", 'no member "carl"'),
        ("{kubernetes: {limit_gpu: 1}}", 'Did you mean "limit_gpus"?'),
        ("{kubernetes: {limit_gpus: two}}", '"limit_gpus" must be an integer'),
        ("{kubernetes: {use_health_check: 1}}", '"use_health_check" must be true or false'),
    ],
)
def test_settings_that_cannot_be_are_refused(shop: Workshop, settings: str, words: str) -> None:
    only(shop, f"settings: {settings}")
    assert words in refusal(shop)


def test_a_workspace_is_found_by_name_and_is_the_same_as_by_id(shop: Workshop, estate: Estate) -> None:
    shop.spec(f"tasks: {{only: {{{HEAD}, workspace: research}}}}")
    shop.apply()
    assert estate.bodies[0]["workspaceId"] == 11
    shop.spec(f"tasks: {{only: {{{HEAD}, workspace: 11}}}}")
    assert shop.apply().outcomes == {"only": "kept"}


def test_a_name_of_several_workspaces_is_refused_with_their_ids(shop: Workshop) -> None:
    shop.server.default_workspace = None
    shop.spec(f"tasks: {{only: {{{HEAD}, workspace: shared}}}}")
    assert "12 (team vision), 13 (team audio)" in refusal(shop)
    shop.server.default_workspace = 1
    assert shop.plan().tasks[0].request is not None


def test_a_name_that_was_not_looked_up_never_becomes_the_default(shop: Workshop) -> None:
    assert shop.server.workspace(None) == 1
    with pytest.raises(UsageError):
        shop.server.workspace("research")


def test_a_name_of_no_workspace_is_refused_with_a_near_one(shop: Workshop) -> None:
    shop.spec(f"tasks: {{only: {{{HEAD}, workspace: reserch}}}}")
    assert 'workspace "reserch" does not exist' in refusal(shop)
    assert '"research"' in refusal(shop)


def test_the_state_is_wrapped_once_however_params_are_written(shop: Workshop, estate: Estate) -> None:
    estate.config = {"modalTemplateState": {"lr": 0.1, "model": {"name": "small", "layers": [1, 2]}, "device": "cuda"}}
    given = "{lr: 0.2, device: null, model: {layers: [3]}, extra: {deep: {er: [{id: 1}]}}}"
    for params in (given, f"{{state: {given}}}"):
        only(shop, f"params: {params}")
        shop.apply()
    expected = {
        "state": {
            "lr": 0.2,
            "device": None,
            "model": {"name": "small", "layers": [3]},
            "extra": {"deep": {"er": [{"id": 1}]}},
        }
    }
    assert [body["params"] for body in estate.bodies] == [expected]


@pytest.mark.parametrize(
    ("defaults", "params"),
    [
        ("{lr: 0.5, extra: {a: 1}}", "{state: {lr: 0.2, extra: {b: 2}}}"),
        ("{}", "{state: {lr: 0.2, extra: {b: 2}}, extra: {a: 1}}"),
        ("{state: {lr: 0.5, extra: {a: 1}}}", "{state: {lr: 0.2, extra: {b: 2}}}"),
    ],
)
def test_a_wrapper_is_taken_off_beside_other_params_too(
    shop: Workshop, estate: Estate, defaults: str, params: str
) -> None:
    estate.config = {"modalTemplateState": {"lr": 0.1}}
    shop.spec(f"""
        defaults: {{params: {defaults}}}
        tasks:
          only: {{{HEAD}, workspace: 1, params: {params}}}
    """)
    shop.apply()
    assert estate.bodies[0]["params"] == {"state": {"lr": 0.2, "extra": {"a": 1, "b": 2}}}


def test_a_target_the_app_does_not_take_is_refused_with_those_it_takes(shop: Workshop, estate: Estate) -> None:
    estate.config = {"contextMenu": {"target": ["images_project", "meshes_project", "files_folder"]}}
    only(shop, "target: {videos_project: 1}")
    assert "it takes: files_folder, images_project, meshes_project" in refusal(shop)
    only(shop, "target: {mesh_project: 1, files_folder: /data}")
    shop.apply()
    assert estate.bodies[0]["params"]["state"] == {"lr": 0.1, "slyProjectId": 1, "slyFolder": "/data"}


def test_lists_are_built_from_what_upstream_gives(shop: Workshop, estate: Estate) -> None:
    shop.spec(f"""
        defaults: {{workspace: 1}}
        tasks:
          a: {{{HEAD}, for_each: [x, y], results: {{id: "{{{{ launch.id }}}}"}}}}
          b:
            module: owner/app
            version: v1
            params:
              all: "{{{{ tasks.a | map(attribute='results.id') | list }}}}"
              items: [{{id: "{{{{ tasks.a['x'].results.id }}}}", type: project}}, {{id: 7, type: project}}]
    """)
    shop.apply()
    state = estate.bodies[-1]["params"]["state"]
    first, second = (shop.record(f"a[{key}]").task_id for key in "xy")
    assert state["all"] == [first, second]
    assert state["items"] == [{"id": first, "type": "project"}, {"id": 7, "type": "project"}]
