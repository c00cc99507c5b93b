"""Plans of specs that include others: addresses, scopes, what depends on what, and what stays unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from taskspec.errors import SpecError
from taskspec.operations.project import Request, open_project
from taskspec.plan.model import Action
from taskspec.state.model import State
from taskspec.values import Json, Unknown
from taskspec.view.json_documents import plan_document

from .planning import LINEAGE, Pipeline, actions, finished

PREPARE = """
taskspec: 1
variables:
  project: {type: integer}
  split: {type: number, default: 0.8}
locals: {doubled: "{{ var.project * 2 }}", note: "{{ file('note.txt') | trim }}"}
defaults: {params: {own: true}}
tasks:
  load:
    module: ./app
    for_each: [a, b]
    params: {note: "{{ local.note }}", key: "{{ each.key }}"}
    results: {x: "{{ launch.output.x }}"}
  clean:
    module: acme/clean
    version: v1.0.0
    params: {project: "{{ local.doubled }}", x: "{{ tasks.load['a'].results.x }}"}
    results: {y: "{{ launch.output.y }}"}
results:
  first: "{{ tasks.load['a'].results.x }}"
  all: "{{ tasks.load | map(attribute='results.x') | list }}"
  split: "{{ var.split }}"
  project: "{{ var.project }}"
"""
ROOT = """
taskspec: 1
variables: {project: {type: integer, default: 7}}
defaults: {agent: 3}
include:
  prepare: {spec: parts/prepare.yaml, inputs: {project: "{{ var.project }}"}}
tasks:
  train:
    module: acme/train
    version: v1.0.0
    params: {x: "{{ tasks.prepare.results.first }}", split: "{{ tasks.prepare.results.split }}"}
  after: {module: acme/after, version: v1.0.0, depends_on: [prepare]}
results: {all: "{{ tasks.prepare.results.all }}", whole: "{{ tasks.prepare.results }}"}
"""
FED = ROOT.replace("{{ var.project }}", "{{ tasks.upload.results.id }}").replace(
    "tasks:", "tasks:\n  upload: {module: acme/up, version: v1.0.0, results: {id: '{{ launch.output.id }}'}}", 1
)
RESULTS = {"prepare.load[a]": {"x": 11}, "prepare.load[b]": {"x": 12}, "prepare.clean": {"y": 1}, "upload": {"id": 5}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "parts/prepare.yaml", PREPARE)
    write(tmp_path, "parts/note.txt", "hello\n")
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def pipeline(folder: Path, text: str = ROOT) -> Pipeline:
    return Pipeline(write(folder, "spec.yaml", text))


def needs(pipeline: Pipeline) -> dict[str, set[str]]:
    expansion = pipeline.open().expansion
    names = [instance.address for instance in expansion.instances]
    return {name: {names[above] for above in expansion.graph.upstream(node)} for node, name in enumerate(names)}


def params(pipeline: Pipeline, address: str, **past: Any) -> Json:
    plan = pipeline.plan(**past)
    request = next(task for task in plan.tasks if task.address == address).request
    assert request is not None
    return request.params


def refused(pipeline: Pipeline) -> list[str]:
    with pytest.raises(SpecError) as error:
        pipeline.plan()
    return [problem.summary for problem in error.value.diagnostics]


def test_tasks_of_an_included_spec_have_addresses_of_their_own(folder: Path) -> None:
    addresses = {task.address for task in pipeline(folder).plan().tasks}
    assert addresses == {"prepare.load[a]", "prepare.load[b]", "prepare.clean", "train", "after"}


def test_a_result_leads_to_the_instances_it_is_read_from_and_depends_on_to_all(folder: Path) -> None:
    found = needs(pipeline(folder))
    assert found["train"] == {"prepare.load[a]"}
    assert found["prepare.clean"] == {"prepare.load[a]"}
    assert found["after"] == {"prepare.load[a]", "prepare.load[b]", "prepare.clean"}


def test_an_included_spec_has_its_own_names_defaults_and_paths(folder: Path) -> None:
    plan = pipeline(folder).plan()
    by_address = {task.address: task.request for task in plan.tasks}
    load, train = by_address["prepare.load[a]"], by_address["train"]
    assert load is not None
    assert train is not None
    assert (load.params["note"], load.params["key"], load.params["own"]) == ("hello", "a", True)
    assert (load.agent, train.agent) == (None, 3)
    assert load.facts.identity == "./parts/app"
    assert "own" not in train.params
    assert train.params["split"] == 0.8


def test_an_app_of_a_part_is_the_same_app_when_the_whole_names_it(folder: Path) -> None:
    write(folder, "parts/up.yaml", "taskspec: 1\ntasks: {a: {module: ../app}, b: {module: ../../app}}")
    plan = pipeline(folder, ROOT.replace("tasks:", "  up: parts/up.yaml\ntasks:", 1)).plan()
    apps = {task.address: task.request.facts.identity for task in plan.tasks if task.request is not None}
    assert (apps["up.a"], apps["up.b"]) == ("./app", "../app")


def test_what_was_launched_is_kept_and_its_results_reach_the_includer(folder: Path) -> None:
    state = pipeline(folder).applied(RESULTS)
    plan = pipeline(folder).plan(state, finished(state))
    assert {task.action for task in plan.tasks} == {Action.KEEP}
    whole = {"first": 11, "all": [11, 12], "split": 0.8, "project": 7}
    assert plan.results == {"all": [11, 12], "whole": whole}


def test_an_input_from_a_task_is_unknown_until_the_task_has_run(folder: Path) -> None:
    found = params(pipeline(folder, FED), "prepare.clean")
    assert isinstance(found["project"], Unknown)
    assert found["project"].producers == ("tasks.upload.results.id",)
    assert params(pipeline(folder, FED), "prepare.load[a]")["note"] == "hello"


def test_only_what_uses_an_input_waits_for_the_task_it_comes_from(folder: Path) -> None:
    found = needs(pipeline(folder, FED))
    assert found["prepare.clean"] == {"upload", "prepare.load[a]"}
    assert found["prepare.load[a]"] == set()


def test_an_input_from_a_task_that_is_kept_is_known(folder: Path) -> None:
    state = pipeline(folder, FED).applied(RESULTS)
    assert params(pipeline(folder, FED), "prepare.clean", state=state)["project"] == 10
    assert set(actions(pipeline(folder, FED).plan(state)).values()) == {"keep: unchanged"}


def test_an_input_that_turns_out_unfit_is_reported_where_it_is_used(folder: Path) -> None:
    unfit = {**RESULTS, "upload": {"id": "many"}}
    write(folder, "parts/prepare.yaml", PREPARE.replace("{type: integer}", "{type: any}").replace(" * 2", ""))
    state = pipeline(folder, FED).applied(unfit)
    write(folder, "parts/prepare.yaml", PREPARE)
    with pytest.raises(SpecError) as error:
        pipeline(folder, FED).plan(state)
    said = [problem.summary for problem in error.value.diagnostics]
    expected = 'include "prepare": "project" of "parts/prepare.yaml" must be of type integer, and is "many"'
    assert said == [f'task "prepare.clean": local "doubled": {expected}']


def test_a_part_may_be_included_twice_and_inside_a_part(folder: Path) -> None:
    write(folder, "parts/leaf.yaml", "taskspec: 1\ntasks: {one: {module: ./app}}")
    write(folder, "middle.yaml", "taskspec: 1\ninclude: {deep: parts/leaf.yaml}\ntasks: {two: {module: ./app}}")
    text = ROOT.replace("tasks:", "  left: middle.yaml\n  right: {spec: ./middle.yaml}\ntasks:", 1)
    plan = pipeline(folder, text.replace("[prepare]", "[left]")).plan()
    apps = {task.address: task.request.facts.identity for task in plan.tasks if task.request is not None}
    assert apps["left.deep.one"] == apps["right.deep.one"] == "./parts/app"
    assert apps["left.two"] == "./app"
    assert needs(pipeline(folder, text.replace("[prepare]", "[left]")))["after"] == {"left.two", "left.deep.one"}


def test_values_pass_through_parts_of_parts_in_both_directions(folder: Path) -> None:
    write(
        folder,
        "inner.yaml",
        """
        taskspec: 1
        variables: {v: {}}
        tasks: {one: {module: acme/one, version: v1, params: {v: "{{ var.v }}"}, results: {r: "{{ launch.output.r }}"}}}
        results: {r: "{{ tasks.one.results.r }}", v: "{{ var.v }}"}
        """,
    )
    write(
        folder,
        "outer.yaml",
        """
        taskspec: 1
        variables: {v: {}}
        locals: {l: "{{ var.v }}"}
        include: {inner: {spec: inner.yaml, inputs: {v: "{{ local.l }}"}}}
        tasks: {two: {module: acme/two, version: v1, params: {r: "{{ tasks.inner.results.r }}"}}}
        results: {r: "{{ tasks.inner.results.r }}", v: "{{ tasks.inner.results.v }}"}
        """,
    )
    text = """
    taskspec: 1
    include: {outer: {spec: outer.yaml, inputs: {v: "{{ tasks.first.results.x }}"}}}
    tasks:
      first: {module: acme/first, version: v1, results: {x: "{{ launch.output.x }}"}}
      last:
        module: acme/last
        version: v1
        params: {r: "{{ tasks.outer.results.r }}", v: "{{ tasks.outer.results.v }}"}
    """
    made = pipeline(folder, text)
    assert needs(made)["outer.inner.one"] == {"first"}
    assert needs(made)["outer.two"] == {"outer.inner.one"}
    assert needs(made)["last"] == {"outer.inner.one", "first"}
    state = made.applied({"first": {"x": [1]}, "outer.inner.one": {"r": 2}})
    assert params(made, "outer.inner.one", state=state)["v"] == [1]
    last = params(made, "last", state=state)
    assert (last["r"], last["v"]) == (2, [1])


def test_null_as_an_input_is_a_value_and_a_missing_one_is_the_default(folder: Path) -> None:
    write(
        folder,
        "part.yaml",
        "taskspec: 1\nvariables: {v: {default: 1}}\ntasks: {a: {module: x/y, version: v1, params: {v: '{{ var.v }}'}}}",
    )
    text = "taskspec: 1\ninclude: {p: part.yaml, q: {spec: part.yaml, inputs: {v: null}}}\ntasks: {t: {module: ./t}}"
    assert params(pipeline(folder, text), "p.a")["v"] == 1
    assert params(pipeline(folder, text), "q.a")["v"] is None


def test_the_environment_and_the_command_line_reach_only_the_spec_they_name(folder: Path) -> None:
    path = write(folder, "spec.yaml", ROOT)
    request = Request(path, "spec.yaml", {"TASKSPEC_VAR_split": "0.5", "TASKSPEC_VAR_project": "9"})
    evaluator = open_project(request).evaluator
    names = evaluator.units["prepare"].names()["var"]
    assert names == {"project": 9, "split": 0.8}


def test_a_change_of_a_file_is_a_change_of_the_task_that_reads_it(folder: Path) -> None:
    state = pipeline(folder).applied(RESULTS)
    write(folder, "parts/note.txt", "bye\n")
    said = actions(pipeline(folder).plan(state))
    assert said["prepare.load[a]"] == said["prepare.load[b]"] == "rerun: inputs_changed"
    assert said["train"] == "rerun: upstream_reruns"


def test_selections_reach_into_included_specs(folder: Path) -> None:
    only = pipeline(folder).plan(targets=("prepare.clean",))
    assert {task.address for task in only.tasks} == {"prepare.clean", "prepare.load[a]"}
    part = pipeline(folder).plan(targets=("prepare",))
    assert {task.address for task in part.tasks} == {"prepare.clean", "prepare.load[a]", "prepare.load[b]"}


def test_fingerprints_of_an_includer_are_those_of_a_spec_without_includes(folder: Path) -> None:
    def fingerprint(text: str) -> str | None:
        return next(t.fingerprint for t in pipeline(folder, text).plan().tasks if t.address == "after")

    alone = "taskspec: 1\ndefaults: {agent: 3}\ntasks: {after: {module: acme/after, version: v1.0.0}}"
    assert fingerprint(alone) == fingerprint(ROOT)


@pytest.mark.parametrize("count", [9, 3])
def test_includes_are_followed_to_a_bounded_depth(folder: Path, count: int) -> None:
    for n in range(count):
        below = f"include: {{n: s{n + 1}.yaml}}\n" if n < count - 1 else ""
        write(folder, f"s{n}.yaml", f"taskspec: 1\n{below}tasks: {{a: {{module: x/y, version: v1}}}}")
    made = pipeline(folder, "taskspec: 1\ninclude: {n: s0.yaml}\ntasks: {t: {module: x/y, version: v1}}")
    if count > 8:
        assert refused(made) == ["specs are included more than 8 deep"]
    else:
        assert len(made.plan().tasks) == count + 1


def test_includes_that_multiply_are_bounded(folder: Path) -> None:
    for n in range(5):
        below = json.dumps({f"i{m}": f"s{n + 1}.yaml" for m in range(6)}) if n < 4 else "{}"
        write(folder, f"s{n}.yaml", f"taskspec: 1\ninclude: {below}\ntasks: {{a: {{module: x/y, version: v1}}}}")
    made = pipeline(folder, "taskspec: 1\ninclude: {n: s0.yaml}\ntasks: {t: {module: x/y, version: v1}}")
    assert set(refused(made)) == {"more than 1,000 included specs"}


def test_a_profile_reaches_included_specs_that_have_it_and_replaces_modules_everywhere(folder: Path) -> None:
    profile = 'profiles: {prod: {modules: {"acme/clean": acme/other}, variables: {project: 8}}}\n'
    inner = "profiles: {prod: {variables: {split: 0.1}, defaults: {params: {own: false}}}}\n"
    path = write(folder, "spec.yaml", ROOT + profile)
    write(folder, "parts/prepare.yaml", PREPARE + inner)
    project = open_project(Request(path, "spec.yaml", {}, profile="prod"))
    clean = next(i for i in project.expansion.instances if i.address == "prepare.clean")
    assert project.evaluator.module_key(clean).module == "acme/other"
    assert clean.task.params["own"] is False
    assert project.evaluator.units["prepare"].names()["var"] == {"project": 8, "split": 0.1}


def test_a_plan_leaves_nothing_behind_in_the_names_of_an_included_spec(folder: Path) -> None:
    spec = pipeline(folder, FED)
    pasts = (spec.applied(RESULTS), State(LINEAGE, 0, {}, ()))
    expected = [plan_document(spec.plan(past)) for past in pasts]
    project = spec.open()
    assert [plan_document(spec.plan(past, project=project)) for past in pasts] == expected
