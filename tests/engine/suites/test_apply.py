"""Applies on the real local server, with apps that are processes."""

from __future__ import annotations

import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, LaunchStarted, RunBegan, RunEnded, StatusChanged
from taskspec.errors import ExitCode, StalePlan
from taskspec.plan.model import Action
from taskspec.state.model import Outcome, Phase

from .spec_project import SpecProject, interrupt_once_running

NOTHING: list[str] = []


def test_a_success_is_launched_recorded_and_reported(project: SpecProject) -> None:
    project.app("good", "print('hello')")
    project.spec("tasks: {only: {module: ./good}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert not applied.report.failed
    assert project.kinds("only") == ["intent", "started", "ended"]
    assert [launch.raw_status for launch in project.launches()] == ["finished"]
    assert applied.ended("only").task_id == project.launches()[0].id


def test_a_run_is_reported_from_its_beginning_to_its_end(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("tasks: {only: {module: ./good}}")
    applied = project.apply()
    assert isinstance(applied.log.events[0], RunBegan)
    assert applied.log.events[-1] == RunEnded(applied.report)
    run = project.state.runs[0]
    assert (run.run, run.counts) == (applied.report.run, {"succeeded": 1})
    assert run.ended_at


def test_a_second_apply_starts_nothing(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("""
        tasks:
          a: {module: ./good}
          b: {module: ./good, depends_on: a}
          c: {module: ./good, for_each: [x, y]}
    """)
    first, second = project.apply(), project.apply()
    assert len(first.log.started()) == 4
    assert second.log.started() == NOTHING
    assert set(second.outcomes.values()) == {"kept"}
    assert len(project.launches()) == 4


def test_a_failure_is_reported_with_the_end_of_its_log(project: SpecProject) -> None:
    project.app("bad", "import sys; [print(f'line {n}') for n in range(20)]; sys.exit(3)")
    project.spec("tasks: {only: {module: ./bad}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "failed"}
    assert applied.report.failed
    assert "status error" in applied.ended("only").summary
    assert any("line 19" in line for line in applied.ended("only").log_tail)
    assert project.record("only").outcome is Outcome.FAILED


def test_a_failure_skips_what_is_downstream_and_names_the_cause_while_other_branches_go_on(
    project: SpecProject,
) -> None:
    project.app("bad", shell="exit 3")
    project.app("good", shell="true")
    project.spec("""
        tasks:
          root: {module: ./bad}
          child: {module: ./good, depends_on: root}
          grandchild: {module: ./good, depends_on: child}
          other: {module: ./good}
          below_other: {module: ./good, depends_on: other}
    """)
    applied = project.apply()
    assert applied.outcomes == {
        "root": "failed",
        "child": "skipped",
        "grandchild": "skipped",
        "other": "succeeded",
        "below_other": "succeeded",
    }
    assert {applied.ended(address).because_of for address in ("child", "grandchild")} == {"root"}
    assert project.kinds("child") == []


def test_a_failed_cell_blocks_only_its_own_followers(project: SpecProject) -> None:
    project.app("picky", "import os, sys; sys.exit(os.environ['modal.state.name'] == 'b')", defaults={"name": ""})
    project.app("good", shell="true")
    project.spec("""
        tasks:
          train: {module: ./picky, for_each: [a, b], params: {name: "{{ each.value }}"}}
          test: {module: ./good, for_each: [a, b], params: {of: "{{ tasks.train[each.key].id }}"}}
    """)
    assert project.apply().outcomes == {
        "train[a]": "succeeded",
        "train[b]": "failed",
        "test[a]": "succeeded",
        "test[b]": "skipped",
    }


def test_a_failed_task_is_launched_again_by_the_next_apply_and_a_good_one_is_not(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.app("flaky", shell=f"test -e '{project.gate}'")
    project.spec("tasks: {steady: {module: ./good}, flaky: {module: ./flaky}}")
    assert project.apply().outcomes == {"steady": "succeeded", "flaky": "failed"}
    project.open_gate()
    again = project.apply()
    assert again.log.started() == ["flaky"]
    assert again.outcomes == {"steady": "kept", "flaky": "succeeded"}
    assert project.record("flaky").attempt == 2


GIVER = "set_output({'experiment': {'data': {'number': 42, 'names': ['a', 'b']}}})"


def test_results_flow_downstream_with_their_types(project: SpecProject) -> None:
    project.app("giver", GIVER)
    project.app("taker", "import os; set_output({'experiment': {'data': {'seen': os.environ['modal.state.n']}}})")
    project.spec("""
        tasks:
          giver:
            module: ./giver
            results:
              number: "{{ launch.output.experiment.data.number }}"
              names: "{{ launch.output.experiment.data.names }}"
          taker:
            module: ./taker
            params:
              n: "{{ tasks.giver.results.number }}"
              id: "{{ tasks.giver.id }}"
              all: "{{ tasks.giver.results.names }}"
            results: {seen: "{{ launch.output.experiment.data.seen }}"}
        results: {number: "{{ tasks.giver.results.number }}", seen: "{{ tasks.taker.results.seen }}"}
    """)
    applied = project.apply()
    assert applied.report.results == {"number": 42, "seen": "42"}
    taker = project.record("taker")
    assert taker.inputs["params"] == {"n": 42, "id": project.record("giver").task_id, "all": ["a", "b"]}
    assert project.info(taker.task_id).params["state"] == taker.inputs["params"]
    assert not project.plan().has_changes


def test_a_missing_result_fails_the_task_and_shows_what_was_there(project: SpecProject) -> None:
    project.app("giver", GIVER)
    project.spec("tasks: {only: {module: ./giver, results: {map: '{{ launch.output.experiment.data.map }}'}}}")
    applied = project.apply(results_grace=0.0)
    assert applied.outcomes == {"only": "failed"}
    assert 'result "map"' in applied.ended("only").summary
    assert '"number":42' in applied.ended("only").summary


def test_an_output_that_comes_late_but_within_the_grace_counts(project: SpecProject) -> None:
    project.app("quick", shell="true")
    project.spec("tasks: {only: {module: ./quick, results: {map: '{{ launch.output.experiment.data.map }}'}}}")

    def set_it_when_finished(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted):
            project.end_of(event.task_id)
        if isinstance(event, StatusChanged) and event.status == "finished":
            project.server.api.transport.post(
                "tasks.output.set", {"taskId": event.task_id, "output": {"experiment": {"data": {"map": 0.5}}}}
            )

    applied = project.apply(set_it_when_finished, results_grace=30.0)
    assert applied.outcomes == {"only": "succeeded"}
    assert project.record("only").results == {"map": 0.5}


def test_an_error_output_is_a_failure_even_with_exit_code_0(project: SpecProject) -> None:
    project.app(
        "liar", "set_output({'general': {'title': 'No images', 'isError': True, 'description': 'folder is empty'}})"
    )
    project.spec("tasks: {only: {module: ./liar}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "failed"}
    assert "No images: folder is empty" in applied.ended("only").summary
    assert project.launches()[0].raw_status == "finished"


@pytest.mark.parametrize(("limit", "outcome"), [(41, "succeeded"), (42, "failed")])
def test_a_check_decides(project: SpecProject, limit: int, outcome: str) -> None:
    project.app("giver", GIVER)
    project.spec(f"""
        tasks:
          only:
            module: ./giver
            results: {{number: "{{{{ launch.output.experiment.data.number }}}}"}}
            checks: [{{assert: "{{{{ results.number > {limit} }}}}", message: "only {{{{ results.number }}}}"}}]
    """)
    applied = project.apply()
    assert applied.outcomes == {"only": outcome}
    assert outcome == "succeeded" or applied.ended("only").summary == "only 42"


def test_a_launch_stopped_from_outside_is_no_success_and_skips_what_is_downstream(project: SpecProject) -> None:
    project.waiting_app("waiting")
    project.spec("tasks: {only: {module: ./waiting}, below: {module: ./waiting, depends_on: only}}")

    def stop(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and event.status == "started":
            project.server.api.task.stop(event.task_id)

    applied = project.apply(stop)
    assert applied.outcomes == {"only": "stopped", "below": "skipped"}
    assert applied.report.failed
    assert project.record("only").outcome is Outcome.STOPPED


def test_tasks_that_are_free_run_side_by_side_up_to_the_limit(project: SpecProject) -> None:
    project.waiting_app("waiting")
    project.spec("tasks: {cell: {module: ./waiting, for_each: [a, b, c]}}")
    running: list[str] = []

    def open_when_two_run(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted):
            running.append(event.address)
            if len(running) == 2:
                assert len(project.launches()) == 2
                project.open_gate()

    assert project.apply(open_when_two_run, parallelism=2).outcomes.keys() == {"cell[a]", "cell[b]", "cell[c]"}
    assert sorted(running) == ["cell[a]", "cell[b]", "cell[c]"]


def test_an_interrupted_apply_leaves_launches_running_and_the_next_one_attaches(project: SpecProject) -> None:
    project.waiting_app("waiting")
    project.spec("tasks: {a: {module: ./waiting}, b: {module: ./waiting}, c: {module: ./waiting, depends_on: a}}")
    first = project.apply(interrupt_once_running("a", "b"))
    assert first.report.detached, "the apps wait for a gate that is shut, and apply has returned"
    assert first.outcomes == {"a": "running", "b": "running", "c": "pending"}
    assert {launch.raw_status for launch in project.launches()} == {"started"}
    project.open_gate()
    second = project.apply()
    assert second.outcomes == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}
    assert (sorted(second.log.attached()), second.log.started()) == (["a", "b"], ["c"])
    assert len(project.launches()) == 3


def test_what_ended_unwatched_is_taken_in_by_the_next_apply(project: SpecProject) -> None:
    project.waiting_app("waiting")
    project.spec("tasks: {a: {module: ./waiting}, b: {module: ./waiting, depends_on: a}}")
    project.apply(interrupt_once_running("a"))
    project.open_gate()
    project.end_of(project.launches()[0].id)
    second = project.apply()
    assert second.outcomes == {"a": "succeeded", "b": "succeeded"}
    assert second.log.started() == ["b"]


def test_a_running_launch_with_other_inputs_is_stopped_and_replaced(project: SpecProject) -> None:
    project.waiting_app("waiting")
    project.spec("tasks: {only: {module: ./waiting, params: {lr: 1}}}")
    project.apply(interrupt_once_running("only"))
    project.spec("tasks: {only: {module: ./waiting, params: {lr: 2}}}")

    def open_for_the_new_one(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted):
            assert project.launches()[0].raw_status == "stopped", "before the new one starts"
            project.open_gate()

    second = project.apply(open_for_the_new_one)
    assert second.outcomes == {"only": "succeeded"}
    assert [launch.raw_status for launch in project.launches()] == ["stopped", "finished"]
    assert project.record("only").inputs["params"] == {"lr": 2}


def test_a_running_task_that_left_the_spec_is_stopped_and_not_planned_again(project: SpecProject) -> None:
    project.waiting_app("waiting")
    project.app("good", shell="true")
    project.spec("tasks: {stays: {module: ./good}, leaves: {module: ./waiting}}")
    project.apply(interrupt_once_running("leaves"))
    project.spec("tasks: {stays: {module: ./good}}")
    second = project.apply()
    assert [task.address for task in second.plan.stops] == ["leaves"]
    assert not second.report.failed
    assert project.info(project.record("leaves").task_id).raw_status == "stopped"
    assert not project.plan().has_changes


def test_a_refused_start_is_journaled_reported_and_tried_again_by_the_next_apply(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("tasks: {only: {module: ./good, agent: 9999}, below: {module: ./good, depends_on: only}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "failed", "below": "skipped"}
    assert "9999" in applied.ended("only").summary
    assert project.kinds("only") == ["intent", "refused"]
    assert project.record("only").phase is Phase.REFUSED
    assert list(project.launches()) == []
    project.spec("tasks: {only: {module: ./good}, below: {module: ./good, depends_on: only}}")
    assert project.apply().outcomes == {"only": "succeeded", "below": "succeeded"}


CHAIN_AND_ONE = """
    tasks:
      a: {{module: ./good, params: {{lr: {lr}}}}}
      b: {{module: ./good, depends_on: a}}
      c: {{module: ./good}}
"""


def test_a_changed_param_reruns_the_task_and_what_is_downstream(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec(CHAIN_AND_ONE.format(lr=1))
    project.apply()
    project.spec(CHAIN_AND_ONE.format(lr=2))
    assert project.apply().log.started() == ["a", "b"]
    assert not project.plan().has_changes


def test_a_changed_app_folder_is_a_changed_input(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("tasks: {only: {module: ./good}}")
    project.apply()
    project.app("good", shell="true  # better")
    plan = project.plan()
    assert [(str(task.action), task.changes[0].path) for task in plan.tasks] == [("rerun", ("version",))]


ONLY_IF_CHANGED = """
    tasks:
      giver: {{module: ./giver, params: {{lr: {lr}}}, results: {{x: "{{{{ launch.output.experiment.data.x }}}}"}}}}
      taker: {{module: ./good, rerun: inputs_change, params: {{x: "{{{{ tasks.giver.results.x }}}}"}}}}
"""


@pytest.mark.parametrize(("program", "expected"), [("'same'", "kept"), ("os.environ['TASK_ID']", "succeeded")])
def test_a_task_that_reruns_only_for_changed_inputs_waits_for_them(
    project: SpecProject, program: str, expected: str
) -> None:
    project.app("giver", f"import os; set_output({{'experiment': {{'data': {{'x': {program}}}}}}})")
    project.app("good", shell="true")
    project.spec(ONLY_IF_CHANGED.format(lr=1))
    project.apply()
    project.spec(ONLY_IF_CHANGED.format(lr=2))
    second = project.apply()
    assert second.outcomes == {"giver": "succeeded", "taker": expected}
    assert not project.plan().has_changes


def test_a_folder_that_changed_after_the_plan_stops_everything(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("tasks: {only: {module: ./good}}")
    with pytest.raises(StalePlan) as stale:
        project.apply(between=lambda: project.app("good", shell="true # changed"))
    assert stale.value.exit_code == ExitCode.CONFLICT
    assert list(project.launches()) == []


def test_every_launch_carries_its_key_and_the_authors_words(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec(f"tasks: {{only: {{module: ./good, title: Nice name, description: {'long words ' * 40}}}}}")
    project.apply()
    launch = project.launches()[0]
    assert launch.description.startswith("long words")
    assert launch.description.endswith(f"[ts:{project.record('only').key}]")
    assert len(launch.description) <= 255
    assert launch.name == "Nice name"


def test_a_launch_with_a_restart_policy_is_restarted_by_the_server_and_is_one_launch(project: SpecProject) -> None:
    project.app("flaky", shell=f"test -e '{project.gate}' || {{ touch '{project.gate}'; exit 1; }}")
    project.spec("tasks: {only: {module: ./flaky, restart_policy: on_error}}")
    assert project.apply().outcomes == {"only": "succeeded"}
    assert len(project.launches()) == 1


def test_an_apply_of_a_kept_plan_touches_the_journal_only_to_say_so(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("tasks: {only: {module: ./good}}")
    project.apply()
    before = len(project.journal())
    assert project.apply().plan.counts[Action.KEEP] == 1
    assert [row.event.kind.value for row in project.journal()[before:]] == ["run_started", "run_ended"]
