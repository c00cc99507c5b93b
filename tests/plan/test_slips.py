"""Slips in params, found at any depth; and what is none."""

from __future__ import annotations

from typing import Any

import pytest

from taskspec.api.tasks.start_request import KubernetesSettings
from taskspec.plan.agent_rules import AgentFacts, choose, describe
from taskspec.plan.request import misspelt_params
from taskspec.specfile.fields.launch_settings import KUBERNETES, normalize, read_agent, read_settings

DECLARED: dict[str, Any] = {
    "model": {"name": "small", "optimizer": {"momentum": 0.9}},
    "extra": {},
    "device": None,
    "layers": [1],
}


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"modle": {}}, {("modle",): "model"}),
        ({"model": {"nam": "x"}}, {("model", "nam"): "name"}),
        ({"model": {"optimizer": {"momentun": 1}}}, {("model", "optimizer", "momentun"): "momentum"}),
        ({"model": {"name": "x", "unheard_of": 1}}, {}),
        ({"extra": {"nmae": 1}}, {}),
        ({"device": {"nam": 1}}, {}),
        ({"layers": {"nam": 1}}, {}),
        ({"model": "{{ var.model }}"}, {}),
        ({"momentun": 1}, {}),
    ],
)
def test_a_slip_is_a_key_that_is_like_one_declared_at_the_same_place(
    params: dict[str, Any], found: dict[tuple[str, ...], str]
) -> None:
    assert dict(misspelt_params(params, DECLARED)) == {path: f'Did you mean "{name}"?' for path, name in found.items()}


def test_the_limits_we_know_are_those_of_the_client() -> None:
    assert set(KUBERNETES) == set(KubernetesSettings.__dataclass_fields__)


def test_settings_have_one_form_however_they_are_spelt() -> None:
    spelt = {"kubernetes": {"limitGpus": 1, "limit_cpus": 2, "newLimit": 3, "limit_shm_gb": None}, "users": []}
    one_form = {"kubernetes": {"limit_cpus": 2, "limit_gpus": 1, "newLimit": 3}}
    assert normalize(read_settings(spelt)).as_json() == one_form
    assert normalize(read_settings({"multi_user": False, "kubernetes": {"limit_gpus": None}})).as_json() == {}


AGENTS = (
    AgentFacts(1, "cpu"),
    AgentFacts(2, "small", has_gpu=True, free_memory=4),
    AgentFacts(3, "large", has_gpu=True, free_memory=9),
    AgentFacts(4, "away", problem_text="offline", has_gpu=True, free_memory=99),
)


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ({"gpu": "required"}, ["large", "small"]),
        ({"gpu": "required", "prefer": "first"}, ["small", "large"]),
        ({"gpu": "preferred", "prefer": "first"}, ["small", "large", "cpu"]),
        ({"gpu": "none"}, ["cpu"]),
        ({"name": "*a*"}, ["large", "small"]),
        ({"prefer": "first"}, ["cpu", "small", "large"]),
    ],
)
def test_a_rule_sorts_the_agents_that_fit(rule: dict[str, str], names: list[str]) -> None:
    choice = choose(read_agent(rule), AGENTS)
    assert [agent.name for agent in choice.candidates] == names
    assert {one.name for one in choice.rejected} == {agent.name for agent in AGENTS} - set(names)
    assert "away: offline" in choice.why_not or rule.get("gpu") == "none"


def test_a_rule_reads_as_words() -> None:
    rule = {"gpu": "required", "name": "gpu-*"}
    assert describe(read_agent(rule)) == 'any agent, with a GPU, named "gpu-*", the one with the most free memory'
