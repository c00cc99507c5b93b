"""What holds for the plan of any graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskspec.plan.model import Plan
from taskspec.view.json_documents import plan_document

from .planning import Pipeline, actions, changed


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("specs") / "spec.yaml"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Tasks in any order of writing; each may need any that comes before it in a hidden order."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 7)))]
    tasks: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []
        task: dict[str, Any] = {"module": "owner/app", "version": "v1", "results": {"r": "{{ launch.output.r }}"}}
        for need in needs:
            if draw(st.booleans()):
                task.setdefault("params", {})[need] = f"{{{{ tasks.{need}.results.r }}}}" if need in plain(tasks) else 1
            task.setdefault("depends_on", []).append(need)
        if draw(st.booleans()):
            task["for_each"] = ["a", "b", "c"][: draw(st.integers(1, 3))]
        tasks[name] = task
    return {name: tasks[name] for name in draw(st.permutations(names))}


def plain(tasks: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, task in tasks.items() if "for_each" not in task}


def pipeline_of(path: Path, tasks: dict[str, dict[str, Any]]) -> Pipeline:
    path.write_text(json.dumps({"taskspec": 1, "name": "random", "tasks": tasks}), encoding="utf-8")
    return Pipeline(path)


def results_of(plan: Plan) -> dict[str, dict[str, int]]:
    return {task.address: {"r": number} for number, task in enumerate(plan.tasks)}


any_graph = given(graphs())
careful = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@careful
@any_graph
def test_a_plan_could_be_carried_out_from_the_top_one_by_one(path: Path, tasks: dict[str, dict[str, Any]]) -> None:
    pipeline = pipeline_of(path, tasks)
    document = plan_document(pipeline.plan())  # `plan` holds it against the schema
    place = {task["address"]: index for index, task in enumerate(document["tasks"])}
    assert len(place) == sum(len(task.get("for_each", [None])) for task in tasks.values())
    for task in document["tasks"]:
        assert all(place[before] < place[task["address"]] for before in task["depends_on"])
        declared = set(tasks[task["address"].split("[")[0]].get("depends_on", []))
        assert {before.split("[")[0] for before in task["depends_on"]} == declared


@careful
@any_graph
def test_a_plan_is_empty_right_after_an_apply(path: Path, tasks: dict[str, dict[str, Any]]) -> None:
    pipeline = pipeline_of(path, tasks)
    state = pipeline.applied(results_of(pipeline.plan()))
    assert not pipeline.plan(state).has_changes


@careful
@given(graphs(), st.data())
def test_a_requested_rerun_reaches_exactly_what_is_downstream(
    path: Path, tasks: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    pipeline = pipeline_of(path, tasks)
    first = pipeline.plan()
    state = pipeline.applied(results_of(first))
    chosen = data.draw(st.sampled_from([task.address for task in first.tasks]))
    plan = pipeline.plan(state, reruns=(chosen,))
    graph = plan.expansion.graph
    node = next(task.node for task in plan.tasks if task.address == chosen)
    below = graph.closure([node], downstream=True)
    for task in plan.tasks:
        assert task.action.launches == (task.node in below), actions(plan)


@careful
@given(graphs(), st.data())
def test_a_plan_is_the_same_whatever_order_the_records_were_written_in(
    path: Path, tasks: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    pipeline = pipeline_of(path, tasks)
    state = pipeline.applied(results_of(pipeline.plan()))
    chosen = data.draw(st.sampled_from(sorted(state.records)))
    state = changed(state, chosen, number=state.serial + 1)
    shuffled = changed(state, chosen)
    object.__setattr__(shuffled, "records", dict(reversed(state.records.items())))
    assert plan_document(pipeline.plan(state)) == plan_document(pipeline.plan(shuffled))
