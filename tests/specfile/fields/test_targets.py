"""Targets: the key and the type each has in an app's state."""

from __future__ import annotations

import pytest

from taskspec.diagnostics import Code
from taskspec.specfile.fields.targets import TARGETS
from taskspec.specfile.target_check import target_state, type_problem
from tests.specfile.reading import problems, with_task

WIRE = {
    "images_project": "slyProjectId", "videos_project": "slyProjectId", "point_cloud_project": "slyProjectId",
    "point_cloud_episodes_project": "slyProjectId", "volumes_project": "slyProjectId", "mesh_project": "slyProjectId",
    "images_dataset": "slyDatasetId", "videos_dataset": "slyDatasetId", "point_cloud_dataset": "slyDatasetId",
    "point_cloud_episodes_dataset": "slyDatasetId", "volumes_dataset": "slyDatasetId", "mesh_dataset": "slyDatasetId",
    "files_folder": "slyFolder", "files_file": "slyFile", "team": "slyTeamId", "team_member": "slyMemberId",
    "labeling_job": "slyJobId",
}  # fmt: skip
"""Written out from the wire protocol, section 3.1."""


@pytest.mark.parametrize(("name", "key"), WIRE.items())
def test_a_target_becomes_the_key_of_the_wire_protocol(name: str, key: str) -> None:
    assert target_state({name: "value"}) == {key: "value"}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_type_or_a_template_and_nothing_else(name: str) -> None:
    good: dict[type, object] = {int: 42, str: "/folder"}
    kind = TARGETS[name].kind
    assert type_problem(name, good[kind]) == ""
    assert type_problem(name, "{{ var.x }}") == ""
    wrong = [value for k, value in good.items() if k is not kind]
    assert all(type_problem(name, value) for value in (*wrong, True, None, 4.0, [42], {}))


@pytest.mark.parametrize("first", TARGETS)
@pytest.mark.parametrize("second", ["images_project", "files_file", "team"])
def test_two_targets_for_one_key_are_refused_and_others_are_not(first: str, second: str) -> None:
    if first == second:
        return
    value = {int: "42", str: "/x"}
    text = with_task(f"target: {{{first}: {value[TARGETS[first].kind]}, {second}: {value[TARGETS[second].kind]}}}")
    clash = TARGETS[first].key == TARGETS[second].key
    assert [p.code for p in problems(text)] == ([Code.TARGET] if clash else [])
