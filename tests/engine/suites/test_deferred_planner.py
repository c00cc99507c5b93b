"""A for_each over a result, in real runs: expanded in the middle of a run, in one report, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, TaskEnded

from .spec_project import ApplyResult, SpecProject, interrupt_once_running

IMPORT = """
import pathlib
set_output({"experiment": {"data": {"folders": json.loads(pathlib.Path(%r).read_text())}}})
"""
TRAIN = "set_output({'experiment': {'data': {'map': os.environ['modal.state.data']}}})"
SPEC = """
tasks:
  import:
    module: ./import
    results: {folders: "{{ launch.output.experiment.data.folders }}"}
  train:
    module: ./train
    for_each: "{{ tasks.import.results.folders }}"
    at_most: 3
    params: {data: "{{ each.value }}"}
    results: {map: "{{ launch.output.experiment.data.map }}"}
  evaluate:
    module: ./train
    for_each: "{{ tasks.import.results.folders }}"
    params: {data: "{{ tasks.train[each.key].results.map }}"}
  compare:
    module: ./quick
    params: {scores: "{{ tasks.train | by_key('results.map') }}"}
results:
  best: "{{ tasks.train | by_key('results.map') }}"
"""


def folders(project: SpecProject, *names: object) -> None:
    """What the import will find."""
    (project.folder / "folders.json").write_text(json.dumps(names), encoding="utf-8")


def set_up(project: SpecProject, *names: object, spec: str = SPEC) -> None:
    folders(project, *names)
    project.app("import", IMPORT % str(project.folder / "folders.json"))
    project.app("train", TRAIN)
    project.app("quick", shell="true")
    project.spec(spec)


def leave_when(ended: str) -> Callable[[Apply, EngineEvent], None]:
    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == ended:
            run.interrupt()

    return react


def actions(applied: ApplyResult) -> dict[str, str]:
    return {task.address: str(task.action) for task in applied.plan.tasks}


def test_a_run_goes_on_with_the_instances_that_its_own_result_makes(project: SpecProject) -> None:
    set_up(project, "north", "south")
    applied = project.apply()
    assert actions(applied) == dict.fromkeys(("import", "train[*]", "evaluate[*]", "compare"), "start")
    cells = ["train[north]", "train[south]", "evaluate[north]", "evaluate[south]"]
    assert applied.outcomes == dict.fromkeys(["import", *cells, "compare"], "succeeded")
    assert applied.report.results == {"best": {"north": "north", "south": "south"}}
    assert "2 instances: north, south" in applied.log.notices()
    assert len(project.state.runs) == 1
    assert len(project.launches()) == 6
    assert project.record("compare").inputs["params"]["scores"] == {"north": "north", "south": "south"}


def test_the_next_plan_knows_the_instances_and_keeps_them(project: SpecProject) -> None:
    set_up(project, "north", "south")
    project.apply()
    again = project.apply()
    assert set(again.outcomes.values()) == {"kept"}
    assert "train[south]" in again.outcomes


def test_a_run_that_is_cut_off_between_the_two_is_taken_up_by_the_next(project: SpecProject) -> None:
    set_up(project, "north", "south")
    cut = project.apply(leave_when("import"))
    assert cut.outcomes == {
        "import": "succeeded",
        "train[*]": "pending",
        "evaluate[*]": "pending",
        "compare": "pending",
    }
    rest = project.apply()
    assert actions(rest)["train[north]"] == "start"
    assert rest.outcomes["import"] == "kept"
    assert rest.outcomes["evaluate[south]"] == "succeeded"
    assert len(project.launches()) == 6


def test_more_items_than_were_approved_fail_the_task_and_launch_nothing_of_it(project: SpecProject) -> None:
    set_up(project, "a", "b", "c", "d")
    applied = project.apply()
    outcomes = applied.outcomes
    assert outcomes["train[*]"] == "failed"
    assert "for_each gives 4 items, and at most 3 are allowed" in applied.ended("train[*]").summary
    assert (outcomes["evaluate[*]"], outcomes["compare"]) == ("skipped", "skipped")
    assert applied.ended("compare").because_of == "train[*]"
    assert applied.log.started() == ["import"]


def test_items_that_are_no_items_fail_the_task(project: SpecProject) -> None:
    set_up(project, {"a": 1})
    applied = project.apply()
    assert applied.outcomes["train[*]"] == "failed"
    assert "gives no addresses" in applied.ended("train[*]").summary


def test_one_task_with_wrong_items_does_not_fail_another(project: SpecProject) -> None:
    spec = SPEC.replace("tasks.train[each.key].results.map", "each.value")
    set_up(project, "a", "b", "c", "d", spec=spec)
    outcomes = project.apply().outcomes
    assert outcomes["train[*]"] == "failed"
    assert outcomes["evaluate[d]"] == "succeeded"


def test_a_task_with_too_many_items_does_not_tie_the_instances_of_others_together(project: SpecProject) -> None:
    project.app("picky", "import os; raise SystemExit(os.environ['modal.state.data'] == 'south')")
    spec = """
tasks:
  import:
    module: ./import
    results: {folders: "{{ launch.output.experiment.data.folders }}"}
  before: {module: ./quick, for_each: "{{ tasks.import.results.folders }}", at_most: 1}
  check: {module: ./picky, for_each: "{{ tasks.import.results.folders }}", params: {data: "{{ each.value }}"}}
  over: {module: ./quick, for_each: "{{ tasks.import.results.folders }}", at_most: 2}
  train:
    module: ./quick
    for_each: "{{ tasks.import.results.folders }}"
    params: {checked: "{{ tasks.check[each.key].id }}"}
"""
    set_up(project, "north", "south", "west", spec=spec)
    outcomes = project.apply().outcomes
    assert outcomes == {
        "import": "succeeded", "before[*]": "failed", "over[*]": "failed",
        "check[north]": "succeeded", "check[south]": "failed", "check[west]": "succeeded",
        "train[north]": "succeeded", "train[south]": "skipped", "train[west]": "succeeded",
    }  # fmt: skip


def test_where_the_upstream_fails_the_instances_are_skipped_because_of_it(project: SpecProject) -> None:
    set_up(project)
    project.app("import", shell="exit 3")
    applied = project.apply()
    expected = {"import": "failed", "train[*]": "skipped", "evaluate[*]": "skipped", "compare": "skipped"}
    assert applied.outcomes == expected
    assert applied.ended("train[*]").because_of == "import"


def test_instances_of_what_a_skipped_task_would_give_are_skipped_by_the_plan_too(project: SpecProject) -> None:
    set_up(project, "north", spec=SPEC.replace("module: ./import\n", "module: ./import\n    when: false\n"))
    applied = project.apply()
    assert set(actions(applied).values()) == {"skip"}
    expected = dict.fromkeys(["import", "train[*]", "evaluate[*]", "compare"], "skipped")
    assert applied.outcomes == expected
    assert project.apply().outcomes == expected


def test_no_items_make_an_empty_join(project: SpecProject) -> None:
    set_up(project)
    applied = project.apply()
    assert applied.outcomes == {"import": "succeeded", "compare": "succeeded"}
    assert applied.report.results == {"best": {}}


def test_what_runs_next_to_it_goes_on_and_is_launched_once(project: SpecProject) -> None:
    beside = """
  slow: {module: ./slow}
  after: {module: ./quick, depends_on: slow}
  flaky: {module: ./flaky, retry: {attempts: 2, backoff: 0.3s}}
  broken: {module: ./broken}
  never: {module: ./quick, depends_on: broken}
"""
    set_up(project, "north", "south", spec=SPEC.replace("\nresults:", beside + "\nresults:"))
    project.waiting_app("slow")
    project.app("broken", shell="exit 4")
    mark = project.folder / "mark"
    project.app("flaky", shell=f"[ -e '{mark}' ] || {{ touch '{mark}'; exit 3; }}")

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == "compare":
            project.open_gate()

    applied = project.apply(react)
    assert applied.outcomes == {
        "import": "succeeded",
        **dict.fromkeys(["train[north]", "train[south]", "evaluate[north]", "evaluate[south]"], "succeeded"),
        **dict.fromkeys(["compare", "slow", "after", "flaky"], "succeeded"),
        "broken": "failed",
        "never": "skipped",
    }
    started = applied.log.started()
    assert sorted(set(started)) == sorted([*(a for a in applied.outcomes if a != "never")])
    assert started.count("flaky") == 2
    assert len(started) == len(set(started)) + 1


def test_instances_that_were_launched_before_are_judged_as_ever(project: SpecProject) -> None:
    set_up(project, "north", "south", spec=SPEC.replace("at_most: 3", "rerun: inputs_change"))
    project.apply()
    folders(project, "south", "west")
    program = project.folder / "import" / "program.py"
    program.write_text(program.read_text() + "\n")
    applied = project.apply()
    assert actions(applied)["import"] == "rerun"
    assert applied.outcomes["train[south]"] == "kept"
    assert applied.outcomes["train[west]"] == "succeeded"
    assert "train[north]" not in applied.outcomes
    assert [a for a in applied.log.started() if a.startswith("train")] == ["train[west]"]


def test_instances_that_still_run_are_attached_to(project: SpecProject) -> None:
    set_up(
        project,
        "north",
        "south",
        spec=SPEC.replace("module: ./train\n    for_each", "module: ./slow\n    for_each", 1),
    )
    project.app("slow", shell=f"while [ ! -e '{project.gate}' ]; do sleep 0.02; done; python3 program.py")
    (project.folder / "slow" / "program.py").write_text((project.folder / "train" / "program.py").read_text())
    project.apply(interrupt_once_running("train[north]", "train[south]"))
    project.open_gate()
    applied = project.apply()
    assert sorted(applied.log.attached()) == ["train[north]", "train[south]"]
    assert applied.outcomes["compare"] == "succeeded"


def test_limits_hold_for_instances_that_the_run_has_made(project: SpecProject) -> None:
    set_up(project, "a", "b", "c", spec=SPEC.replace("at_most: 3", "max_parallel: 1\n    priority: 3"))
    applied = project.apply()
    running = most = 0
    for event in applied.log.events:
        address = getattr(event, "address", "")
        if address.startswith("train[") and type(event).__name__ in ("LaunchStarted", "TaskEnded"):
            running += 1 if type(event).__name__ == "LaunchStarted" else -1
            most = max(most, running)
    assert most == 1
    assert set(applied.outcomes.values()) == {"succeeded"}


def test_a_chain_of_unknowns_unfolds_link_by_link(project: SpecProject) -> None:
    chain = """
tasks:
  import:
    module: ./import
    results: {folders: "{{ launch.output.experiment.data.folders }}"}
  split:
    module: ./import
    for_each: "{{ tasks.import.results.folders }}"
    results: {folders: "{{ launch.output.experiment.data.folders }}"}
  train:
    module: ./train
    for_each: "{{ (tasks.split | list)[0].results.folders }}"
    params: {data: "{{ each.value }}"}
"""
    set_up(project, "north", "south", spec=chain)
    applied = project.apply()
    assert applied.outcomes == dict.fromkeys(
        ["import", "split[north]", "split[south]", "train[north]", "train[south]"], "succeeded"
    )


def test_calls_go_on_while_a_run_unfolds(project: SpecProject) -> None:
    beside = """
  user: {module: ./slow}
  poke: {kind: local, command: [sh, -c, "while [ ! -e GATE ]; do sleep 0.02; done"]}
  after: {module: ./quick, depends_on: [poke, user]}
""".replace("GATE", str(project.gate))
    spec = SPEC.replace("\nresults:", beside + "\nresults:")
    set_up(project, "north", "south", spec=spec)
    project.waiting_app("slow")

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == "compare":
            project.open_gate()

    applied = project.apply(react, allow_local=True)
    assert {a: o for a, o in applied.outcomes.items() if o != "succeeded"} == {}
    started = applied.log.started()
    assert len(started) == len(set(started))
    assert started.count("user") == 1
