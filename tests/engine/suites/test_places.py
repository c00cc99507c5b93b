"""Where launches go and for whom, as the server gets it: agents by rule, workspaces and users by name, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskspec.errors import SpecError, UsageError

from .faultserver import FaultServer
from .spec_project import SpecProject

HEAD = "module: owner/app, version: v1"
GIGABYTE = 2**30


def agent(number: int, name: str, *, free: int | None = None, **more: Any) -> dict[str, Any]:
    gpu = {"device_count": 1, "device_memory": [{"available": free * GIGABYTE}]} if free is not None else None
    return {"id": number, "name": name, "status": "running", "gpuInfo": gpu, **more}


@dataclass(slots=True)
class TeamServer(FaultServer):
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
def teams() -> Iterator[TeamServer]:
    with TeamServer() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, teams: TeamServer) -> Iterator[SpecProject]:
    with SpecProject.on_a_server(tmp_path, teams.address) as project:
        yield project


def only(project: SpecProject, keys: str) -> None:
    project.spec(f"tasks: {{only: {{{HEAD}, workspace: 1, {keys}}}}}")


def refusal(project: SpecProject) -> str:
    with pytest.raises(SpecError) as raised:
        project.plan()
    return "\n".join(f"{p.summary} | {p.detail} | {p.remedy}" for p in raised.value.diagnostics)


def test_a_rule_takes_the_agent_with_the_most_free_memory_and_says_so(project: SpecProject, teams: TeamServer) -> None:
    teams.agents = [agent(21, "cpu-01"), agent(22, "gpu-01", free=4), agent(23, "gpu-02", free=9)]
    only(project, "agent: {gpu: required}")
    assert project.plan().agents == {"only": ("gpu-02", "gpu-01")}
    applied = project.apply()
    assert teams.bodies[0]["agentId"] == 23
    assert any('on agent "gpu-02"' in notice for notice in applied.log.notices())


def test_the_rule_is_what_the_launch_is_and_the_agent_that_was_taken_is_not(
    project: SpecProject, teams: TeamServer
) -> None:
    teams.agents = [agent(21, "cpu-01"), agent(22, "gpu-01", free=4)]
    only(project, "agent: {gpu: required}")
    project.apply()
    assert project.record("only").inputs["agent"] == {"gpu": "required"}
    teams.agents = []
    assert project.apply().outcomes == {"only": "kept"}


def test_where_no_agent_can_ever_fit_the_plan_says_why_for_each(project: SpecProject, teams: TeamServer) -> None:
    teams.agents = [agent(21, "cpu-01"), agent(22, "box", free=4)]
    only(project, "agent: {gpu: required, name: gpu-*}")
    found = refusal(project)
    assert "no agent fits now" in found
    assert 'cpu-01: not named "gpu-*"\nbox: not named "gpu-*"' in found


def test_an_agent_that_may_be_back_is_a_warning_and_at_its_turn_a_failure(
    project: SpecProject, teams: TeamServer
) -> None:
    teams.agents = [
        agent(21, "cpu-01"),
        agent(22, "gpu-01", free=4) | {"status": "waiting"},
        agent(23, "gpu-02", free=9, disabled=True),
    ]
    only(project, "agent: {gpu: required}")
    warning = project.plan().warnings[-1]
    assert not warning.is_error
    assert warning.detail == "cpu-01: no GPU\ngpu-01: offline (waiting)\ngpu-02: disabled"
    applied = project.apply()
    assert applied.outcomes == {"only": "failed"}
    assert "gpu-01: offline (waiting)" in applied.ended("only").summary
    assert teams.bodies == []


def test_an_app_that_needs_a_gpu_brings_that_into_a_rule(project: SpecProject, teams: TeamServer) -> None:
    teams.agents = [agent(21, "a-cpu"), agent(22, "b-gpu", free=4)]
    teams.config = {"gpu": "required"}
    only(project, "agent: {prefer: first}")
    project.apply()
    assert teams.bodies[0]["agentId"] == 22


def test_launches_of_one_moment_are_spread_over_agents_that_are_alike(project: SpecProject, teams: TeamServer) -> None:
    teams.agents = [agent(22, "gpu-01", free=4), agent(23, "gpu-02", free=4)]
    project.spec(f"tasks: {{t: {{{HEAD}, workspace: 1, agent: {{gpu: required}}, for_each: [a, b, c, d]}}}}")
    project.apply()
    assert sorted(body["agentId"] for body in teams.bodies) == [22, 22, 23, 23]


@pytest.mark.parametrize("written", ["agent: any", "agent: null", "log_level: info"])
def test_any_agent_leaves_the_choice_to_the_server(project: SpecProject, teams: TeamServer, written: str) -> None:
    only(project, written)
    project.apply()
    assert teams.bodies[0]["agentId"] is None
    only(project, "agent: any")
    assert project.apply().outcomes == {"only": "kept"}


def test_settings_reach_the_server_in_its_own_words(project: SpecProject, teams: TeamServer) -> None:
    only(
        project,
        "settings: {users: [ann, 5], multi_user: true, limit_by_workspace: true,"
        " kubernetes: {limit_gpus: 1, limitCpus: 4, use_health_check: false, newLimit: 2}}",
    )
    project.apply()
    body = teams.bodies[0]
    assert body["usersIds"] == [8, 5]
    assert body["singleSessionMode"] is True
    assert body["advancedSettings"] == {
        "limitByWorkspace": True,
        "limitGpus": 1,
        "limitCpus": 4,
        "useHealthCheck": False,
        "newLimit": 2,
    }


def test_settings_are_a_part_of_what_a_launch_is_only_where_they_say_something(
    project: SpecProject, teams: TeamServer
) -> None:
    only(project, "log_level: info")
    project.apply()
    assert "settings" not in project.record("only").inputs
    only(project, "settings: {limit_by_workspace: false, users: [], kubernetes: {limit_gpus: null}}")
    assert project.apply().outcomes == {"only": "kept"}
    only(project, "settings: {kubernetes: {limitGpus: 1}}")
    assert project.apply().outcomes == {"only": "succeeded"}
    only(project, "settings: {kubernetes: {limit_gpus: 1}}")
    assert project.apply().outcomes == {"only": "kept"}
    assert len(teams.bodies) == 2


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
def test_settings_that_cannot_be_are_refused(project: SpecProject, settings: str, words: str) -> None:
    only(project, f"settings: {settings}")
    assert words in refusal(project)


def test_a_workspace_is_found_by_name_and_is_the_same_as_by_id(project: SpecProject, teams: TeamServer) -> None:
    project.spec(f"tasks: {{only: {{{HEAD}, workspace: research}}}}")
    project.apply()
    assert teams.bodies[0]["workspaceId"] == 11
    project.spec(f"tasks: {{only: {{{HEAD}, workspace: 11}}}}")
    assert project.apply().outcomes == {"only": "kept"}


def test_a_name_of_several_workspaces_is_refused_with_their_ids(project: SpecProject) -> None:
    project.server.default_workspace = None
    project.spec(f"tasks: {{only: {{{HEAD}, workspace: shared}}}}")
    assert "12 (team vision), 13 (team audio)" in refusal(project)
    project.server.default_workspace = 1
    assert project.plan().tasks[0].request is not None


def test_a_name_that_was_not_looked_up_never_becomes_the_default(project: SpecProject) -> None:
    assert project.server.workspace(None) == 1
    with pytest.raises(UsageError):
        project.server.workspace("research")


def test_a_name_of_no_workspace_is_refused_with_a_near_one(project: SpecProject) -> None:
    project.spec(f"tasks: {{only: {{{HEAD}, workspace: reserch}}}}")
    assert 'workspace "reserch" does not exist' in refusal(project)
    assert '"research"' in refusal(project)


def test_the_state_is_wrapped_once_however_params_are_written(project: SpecProject, teams: TeamServer) -> None:
    teams.config = {"modalTemplateState": {"lr": 0.1, "model": {"name": "small", "layers": [1, 2]}, "device": "cuda"}}
    given = "{lr: 0.2, device: null, model: {layers: [3]}, extra: {deep: {er: [{id: 1}]}}}"
    for params in (given, f"{{state: {given}}}"):
        only(project, f"params: {params}")
        project.apply()
    expected = {
        "state": {
            "lr": 0.2,
            "device": None,
            "model": {"name": "small", "layers": [3]},
            "extra": {"deep": {"er": [{"id": 1}]}},
        }
    }
    assert [body["params"] for body in teams.bodies] == [expected]


@pytest.mark.parametrize(
    ("defaults", "params"),
    [
        ("{lr: 0.5, extra: {a: 1}}", "{state: {lr: 0.2, extra: {b: 2}}}"),
        ("{}", "{state: {lr: 0.2, extra: {b: 2}}, extra: {a: 1}}"),
        ("{state: {lr: 0.5, extra: {a: 1}}}", "{state: {lr: 0.2, extra: {b: 2}}}"),
    ],
)
def test_a_wrapper_is_taken_off_next_to_other_params_too(
    project: SpecProject, teams: TeamServer, defaults: str, params: str
) -> None:
    teams.config = {"modalTemplateState": {"lr": 0.1}}
    project.spec(f"""
        defaults: {{params: {defaults}}}
        tasks:
          only: {{{HEAD}, workspace: 1, params: {params}}}
    """)
    project.apply()
    assert teams.bodies[0]["params"] == {"state": {"lr": 0.2, "extra": {"a": 1, "b": 2}}}


def test_a_target_the_app_does_not_take_is_refused_with_those_it_takes(project: SpecProject, teams: TeamServer) -> None:
    teams.config = {"contextMenu": {"target": ["images_project", "meshes_project", "files_folder"]}}
    only(project, "target: {videos_project: 1}")
    assert "it takes: files_folder, images_project, meshes_project" in refusal(project)
    only(project, "target: {mesh_project: 1, files_folder: /data}")
    project.apply()
    assert teams.bodies[0]["params"]["state"] == {"lr": 0.1, "slyProjectId": 1, "slyFolder": "/data"}


def test_lists_are_built_from_what_upstream_gives(project: SpecProject, teams: TeamServer) -> None:
    project.spec(f"""
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
    project.apply()
    state = teams.bodies[-1]["params"]["state"]
    first, second = (project.record(f"a[{key}]").task_id for key in "xy")
    assert state["all"] == [first, second]
    assert state["items"] == [{"id": first, "type": "project"}, {"id": 7, "type": "project"}]
