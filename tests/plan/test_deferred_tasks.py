"""Plans of a for_each over a result: one line while it is unknown, instances as soon as a kept launch gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from taskspec.errors import SpecError, UsageError
from taskspec.plan.deferred_tasks import addresses_in_spec, expand_from_record
from taskspec.state.model import State
from taskspec.values import Unknown
from taskspec.view.json_documents import plan_document

from .planning import Pipeline, actions, changed, seen

Write = Callable[[str], Pipeline]
SPEC = """
tasks:
  import:
    module: owner/import
    version: v1
    results: {folders: "{{ launch.output.folders }}"}
  train:
    module: owner/train
    version: v1
    for_each: "{{ tasks.import.results.folders }}"
    at_most: 3
    params: {data: "{{ each.value }}"}
    results: {map: "{{ launch.output.map }}"}
  evaluate:
    module: owner/evaluate
    version: v1
    for_each: "{{ tasks.import.results.folders }}"
    params: {model: "{{ tasks.train[each.key].results.map }}"}
  compare:
    module: owner/compare
    version: v1
    params: {scores: "{{ tasks.train | by_key('results.map') }}", first: "{{ (tasks.train | first).key }}"}
  other: {module: owner/other, version: v1}
"""


def state_of(pipeline: Pipeline, *folders: str, cells: bool = False) -> State:
    """The state after a run in which the import found these folders; with `cells`, of everything, else of no cell."""
    text = pipeline.path.read_text(encoding="utf-8")
    known = text.replace('"{{ tasks.import.results.folders }}"', json.dumps(folders))
    pipeline.path.write_text(known, encoding="utf-8")
    results = {"import": {"folders": list(folders)}, **{f"train[{name}]": {"map": name} for name in folders}}
    state = pipeline.applied(results)
    pipeline.path.write_text(text, encoding="utf-8")
    return replace(state, records={a: r for a, r in state.records.items() if cells or "[" not in a})


def test_while_the_result_is_to_come_there_is_one_line(write: Write) -> None:
    plan = write(SPEC).plan()
    assert actions(plan)["train[*]"] == "start: instances_unknown"
    assert [task.address for task in plan.tasks] == ["import", "train[*]", "evaluate[*]", "compare", "other"]
    assert plan.needs_approval


def test_a_kept_result_is_unrolled(write: Write) -> None:
    pipeline = write(SPEC)
    found = actions(pipeline.plan(state_of(pipeline, "a", "b")))
    assert found["import"] == "keep: unchanged"
    assert found["train[b]"] == found["evaluate[a]"] == "start: never_launched"
    assert "train[*]" not in found


def test_what_was_launched_for_an_item_is_kept_with_it(write: Write) -> None:
    pipeline = write(SPEC)
    plan = pipeline.plan(state_of(pipeline, "a", "b", cells=True))
    assert set(actions(plan).values()) == {"keep: unchanged"}
    assert not plan.has_changes


def test_a_result_that_will_be_made_again_is_unknown_again(write: Write) -> None:
    pipeline = write(SPEC)
    found = actions(pipeline.plan(state_of(pipeline, "a", "b", cells=True), reruns=("import",)))
    assert found["train[*]"] == "start: instances_unknown"
    assert found["other"] == "keep: unchanged"


def test_instances_that_run_while_their_items_are_unknown_are_not_stopped(write: Write) -> None:
    pipeline = write(SPEC)
    state = state_of(pipeline, "a", "b", cells=True)
    world = {a: seen(r, "started" if a.startswith("train") else "finished") for a, r in state.records.items()}
    assert pipeline.plan(state, world, reruns=("import",)).stops == ()
    fewer = changed(state, "import", results={"folders": ["b"]})
    assert [stop.address for stop in pipeline.plan(fewer, world).stops] == ["train[a]"]


def test_more_items_than_allowed_are_refused_in_the_plan(write: Write) -> None:
    pipeline = write(SPEC)
    state = changed(state_of(pipeline, "a"), "import", results={"folders": list("abcd")})
    with pytest.raises(SpecError) as refused:
        pipeline.plan(state)
    assert "gives 4 items, and at most 3 are allowed" in refused.value.diagnostics[0].summary


def test_a_selection_may_name_an_instance_that_is_not_known_yet(write: Write) -> None:
    pipeline = write(SPEC)
    assert list(actions(pipeline.plan(targets=("train[b]",)))) == ["import", "train[*]"]
    assert list(actions(pipeline.plan(state_of(pipeline, "a", "b"), targets=("train[b]",)))) == ["import", "train[b]"]
    assert list(actions(pipeline.plan(excludes=("train",)))) == ["import", "other"]
    with pytest.raises(UsageError):
        pipeline.plan(state_of(pipeline, "a", "b"), targets=("train[c]",))


def test_what_is_wrong_with_every_instance_is_wrong_before_there_is_one(write: Write) -> None:
    pipeline = write(SPEC.replace("owner/evaluate", '"{{ [1] }}"'))
    with pytest.raises(SpecError):
        pipeline.plan()


def test_a_module_that_the_item_names_is_looked_up_with_the_item(write: Write) -> None:
    pipeline = write(SPEC.replace("module: owner/train", 'module: "owner/{{ each.value }}"'))
    assert pipeline.plan().tasks[1].request is None
    plan = pipeline.plan(state_of(pipeline, "a", "b"))
    facts = {task.address: task.request.facts.identity for task in plan.tasks if task.request is not None}
    assert facts["train[b]"] == "owner/b"


def test_the_order_of_the_items_is_the_order_of_a_join(write: Write) -> None:
    pipeline = write(SPEC)
    plan = pipeline.plan(state_of(pipeline, "b", "a", cells=True))
    inputs = next(task.request.inputs for task in plan.tasks if task.address == "compare" and task.request)
    assert inputs["params"]["scores"] == {"b": "b", "a": "a"}
    assert inputs["params"]["first"] == "b"


def test_the_addresses_of_a_spec_are_those_that_past_results_give(write: Write) -> None:
    pipeline = write(SPEC)
    state = state_of(pipeline, "a", "b", cells=True)
    project = pipeline.open()
    addresses = addresses_in_spec(project.evaluator, project.expansion, state)
    assert {"train[a]", "evaluate[b]", "compare"} <= addresses
    assert "train[*]" not in addresses
    forgotten = replace(state, records={"train[x]": state.records["train[a]"]})
    project = pipeline.open()
    assert "train[x]" in addresses_in_spec(project.evaluator, project.expansion, forgotten)


def test_items_that_cannot_be_instances_leave_a_status_standing(write: Write) -> None:
    pipeline = write(SPEC)
    state = changed(state_of(pipeline, "a"), "import", results={"folders": [None]})
    project = pipeline.open()
    assert expand_from_record(project.evaluator, project.expansion, state)[0].has_folded


def test_by_key_makes_no_map_of_what_is_no_fan_out(write: Write) -> None:
    pipeline = write(SPEC.replace("tasks.train | by_key('results.map')", "tasks.other | by_key"))
    with pytest.raises(SpecError) as refused:
        pipeline.plan()
    assert "by_key makes a map of a whole task" in refused.value.diagnostics[0].summary


def test_an_unknown_item_of_a_known_task_is_unknown_as_one(write: Write) -> None:
    plan = write(SPEC).plan()
    request = next(task.request for task in plan.tasks if task.address == "compare")
    assert request is not None
    assert isinstance(request.params["scores"], Unknown)
    assert request.params["scores"].producers == ("tasks.train[*]",)


def test_a_plan_leaves_nothing_behind_for_the_next_one(write: Write) -> None:
    pipeline = write(SPEC)
    state = state_of(pipeline, "a", "b", cells=True)
    pasts = (State(state.lineage, 0, {}, ()), state)
    expected = [plan_document(pipeline.plan(past)) for past in pasts]
    project = pipeline.open()
    for order in (1, -1):
        found = [plan_document(pipeline.plan(past, project=project)) for past in pasts[::order]]
        assert found[::order] == expected
