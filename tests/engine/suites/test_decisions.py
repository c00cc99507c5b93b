"""Conditions, clean-up, joins that go on and runs that fail fast, on the real local server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, Noticed, SkipReason, StatusChanged, TaskEnded
from taskspec.engine.interrupt import OnInterrupt
from taskspec.plan.plan_inputs import Selection

from .spec_project import ApplyResult, SpecProject, interrupt_once_running
from .test_endurance import counting

SCORE = """
    import json, os
    set_output({"experiment": {"data": {"score": json.loads(os.environ["modal.state.score"])}}})
"""


@pytest.fixture
def project(project: SpecProject) -> SpecProject:
    """Apps that succeed, that fail, and that give the score of their params."""
    project.app("good", shell="true")
    project.app("bad", shell="exit 3")
    project.app("scoring", SCORE, defaults={"score": 0})
    project.app("telling", shell="true", defaults={"said": ""})
    return project


def reasons(applied: ApplyResult) -> dict[str, str]:
    return {task.address: str(task.skip) for task in applied.report.tasks if task.skip is not None}


def said(project: SpecProject, address: str) -> object:
    """The param that a `telling` launch was started with."""
    return project.info(project.record(address).task_id).params["state"]["said"]


SCORED = """
    tasks:
      train:
        module: ./scoring
        params: {score: SCORE}
        results: {score: "{{ launch.output.experiment.data.score }}"}
      deploy: {module: ./good, when: "{{ tasks.train.results.score > 0.5 }}"}
      announce: {module: ./good, depends_on: deploy}
"""


def test_a_condition_on_a_result_is_decided_in_the_run(project: SpecProject) -> None:
    project.spec(SCORED.replace("SCORE", "0.9"))
    assert project.apply().outcomes == dict.fromkeys(("train", "deploy", "announce"), "succeeded")


def test_a_false_condition_skips_the_task_and_what_needs_it_and_the_run_is_a_success(project: SpecProject) -> None:
    project.spec(SCORED.replace("SCORE", "0.1"))
    applied = project.apply()
    assert applied.outcomes == {"train": "succeeded", "deploy": "skipped", "announce": "skipped"}
    assert reasons(applied) == dict.fromkeys(("deploy", "announce"), "condition_false")
    assert applied.ended("deploy").summary.endswith("> 0.5 }} with tasks.train.results.score = 0.1")
    assert applied.ended("announce").because_of == "deploy"
    assert not applied.report.failed
    assert len(project.launches()) == 1
    again = project.plan()
    assert [str(task.action) for task in again.tasks] == ["keep", "skip", "skip"]
    assert not again.has_changes


def test_a_condition_that_is_no_truth_value_fails_the_task(project: SpecProject) -> None:
    project.spec(SCORED.replace("SCORE", "0.1").replace(" > 0.5", ""))
    applied = project.apply()
    assert applied.outcomes == {"train": "succeeded", "deploy": "failed", "announce": "skipped"}
    assert "must be true or false, and this one is 0.1" in applied.ended("deploy").summary


def test_a_launch_that_still_runs_is_stopped_once_its_condition_is_false(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("tasks: {only: {module: ./slow, when: true}}")
    project.apply(interrupt_once_running("only"))
    project.spec("tasks: {only: {module: ./slow, when: false}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "skipped"}
    assert applied.report.stopped == ("only",)
    assert not applied.report.failed
    assert [launch.raw_status for launch in project.launches()] == ["stopped"]
    assert not project.plan().has_changes


def test_the_results_of_a_skipped_task_have_a_default(project: SpecProject) -> None:
    project.spec("""
        tasks:
          extra: {module: ./scoring, when: false, results: {score: "{{ launch.output.experiment.data.score }}"}}
          report:
            module: ./telling
            run_on: always
            params: {said: "{{ tasks.extra.results.score | default(7) }} {{ tasks.extra.outcome }}"}
        results: {score: "{{ tasks.extra.results.score }}", other: 1}
    """)
    applied = project.apply()
    assert applied.outcomes == {"extra": "skipped", "report": "succeeded"}
    assert said(project, "report") == "7 skipped"
    assert applied.report.results == {"other": 1}


CLEANED = """
    tasks:
      train: {module: ./APP}
      use: {module: ./good, depends_on: train}
      undo: {module: ./good, depends_on: use, run_on: failure}
      tidy: {module: ./good, depends_on: use, run_on: always}
"""


def test_clean_up_runs_after_a_failure_and_the_run_stays_red(project: SpecProject) -> None:
    project.spec(CLEANED.replace("APP", "bad"))
    applied = project.apply()
    assert applied.outcomes == {"train": "failed", "use": "skipped", "undo": "succeeded", "tidy": "succeeded"}
    assert applied.report.failed


def test_without_a_failure_only_what_always_runs_does_and_the_next_plan_has_nothing_to_do(project: SpecProject) -> None:
    project.spec(CLEANED.replace("APP", "good"))
    applied = project.apply()
    assert applied.outcomes == {"train": "succeeded", "use": "succeeded", "undo": "skipped", "tidy": "succeeded"}
    assert reasons(applied) == {"undo": "nothing_failed"}
    assert not applied.report.failed
    plan = project.plan()
    assert {task.address: str(task.action) for task in plan.tasks} == {
        "train": "keep",
        "use": "keep",
        "undo": "skip",
        "tidy": "keep",
    }
    assert not plan.has_changes


def test_clean_up_that_fails_makes_a_green_run_red(project: SpecProject) -> None:
    project.spec("tasks: {train: {module: ./good}, tidy: {module: ./bad, depends_on: train, run_on: always}}")
    applied = project.apply()
    assert applied.outcomes == {"train": "succeeded", "tidy": "failed"}
    assert applied.report.failed


def test_clean_up_waits_until_all_has_ended_also_above_what_was_skipped(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("""
        tasks:
          fails: {module: ./bad}
          slow: {module: ./slow}
          both: {module: ./good, depends_on: [fails, slow]}
          tidy: {module: ./good, depends_on: both, run_on: always}
    """)
    log: list[tuple[str, str]] = []

    def let_go(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged):
            log.append((event.address, event.status))
        if isinstance(event, TaskEnded) and event.address == "both":
            project.open_gate()

    assert project.apply(let_go).outcomes["tidy"] == "succeeded"
    started = [address for address, _ in log]
    assert log.index(("slow", "finished")) < started.index("tidy")


def test_clean_up_sees_how_what_it_needs_has_ended(project: SpecProject) -> None:
    project.spec("""
        tasks:
          train: {module: ./bad, results: {score: "{{ launch.output.experiment.data.score }}"}}
          tell:
            module: ./telling
            run_on: failure
            params:
              said: "{{ tasks.train.outcome }} {{ tasks.train.id }} {{ tasks.train.results.score | default(0) }}"
    """)
    assert project.apply().outcomes == {"train": "failed", "tell": "succeeded"}
    assert said(project, "tell") == f"failed {project.record('train').task_id} 0"


def test_clean_up_that_reads_a_result_of_a_failed_task_says_what_is_missing(project: SpecProject) -> None:
    project.spec("""
        tasks:
          train: {module: ./bad, results: {score: "{{ launch.output.experiment.data.score }}"}}
          tell: {module: ./telling, run_on: always, params: {said: "{{ tasks.train.results.score }}"}}
    """)
    applied = project.apply()
    assert applied.outcomes == {"train": "failed", "tell": "failed"}
    assert 'no result "score": task "train" has not succeeded' in applied.ended("tell").summary


def test_clean_up_waits_for_the_last_try(project: SpecProject) -> None:
    project.spec(f"""
        tasks:
          flaky: {{{counting(project, 2)}, retry: {{attempts: 2, backoff: 0}}}}
          undo: {{module: ./good, depends_on: flaky, run_on: failure}}
    """)
    assert project.apply().outcomes == {"flaky": "succeeded", "undo": "skipped"}


def test_an_interrupt_begins_no_clean_up_and_the_next_apply_does(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("tasks: {train: {module: ./slow}, tidy: {module: ./good, depends_on: train, run_on: always}}")
    applied = project.apply(interrupt_once_running("train"), on_interrupt=OnInterrupt.STOP)
    assert applied.outcomes == {"train": "stopped", "tidy": "pending"}
    project.open_gate()
    assert project.apply().outcomes == {"train": "succeeded", "tidy": "succeeded"}


def test_clean_up_that_still_runs_is_awaited_although_nothing_fails_now(project: SpecProject) -> None:
    project.waiting_app("slow")
    spec = "tasks: {train: {module: ./APP}, undo: {module: ./slow, depends_on: train, run_on: failure}}"
    project.spec(spec.replace("APP", "bad"))
    assert project.apply(interrupt_once_running("undo")).outcomes == {"train": "failed", "undo": "running"}
    project.spec(spec.replace("APP", "good"))
    project.open_gate()
    applied = project.apply()
    assert applied.outcomes == {"train": "succeeded", "undo": "succeeded"}
    assert applied.log.attached() == ["undo"]


def test_clean_up_that_failed_is_tried_by_its_own_rule_also_in_a_run_that_fails_fast(project: SpecProject) -> None:
    project.spec(f"""
        fail_fast: true
        tasks:
          train: {{module: ./bad}}
          tidy:
            {counting(project, 2).replace(", ", chr(10) + " " * 12, 1)}
            depends_on: train
            run_on: always
            retry: {{attempts: 2, backoff: 0}}
    """)
    assert project.apply().outcomes == {"train": "failed", "tidy": "succeeded"}


def test_an_interrupt_is_no_failure_that_ends_a_run_fast(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("fail_fast: true\ntasks: {slow: {module: ./slow}, later: {module: ./good}}")
    applied = project.apply(interrupt_once_running("slow"), on_interrupt=OnInterrupt.STOP, parallelism=1)
    assert applied.outcomes == {"slow": "stopped", "later": "pending"}


def test_a_run_that_fails_fast_still_takes_over_what_runs(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("fail_fast: true\ntasks: {zz: {module: ./slow}}")
    project.apply(interrupt_once_running("zz"))
    project.spec("fail_fast: true\ntasks: {aa: {module: ./bad}, zz: {module: ./slow}}")
    applied = project.apply(open_the_gate_at_the_end_of(project, "aa"), parallelism=1)
    assert applied.outcomes == {"aa": "failed", "zz": "succeeded"}


def test_clean_up_is_not_part_of_a_plan_about_what_it_needs(project: SpecProject) -> None:
    project.spec(CLEANED.replace("APP", "bad"))
    assert project.apply(selection=Selection(targets=("use",))).outcomes == {"train": "failed", "use": "skipped"}
    applied = project.apply(selection=Selection(targets=("tidy",)))
    assert applied.outcomes == {"train": "failed", "use": "skipped", "tidy": "succeeded"}


FANNED = """
    tasks:
      train:
        module: ./scoring
        for_each: {a: 0.3, b: BROKEN, c: 0.7}
        params: {score: "{{ each.value }}"}
        results: {score: "{{ launch.output.experiment.data.score }}"}
        checks: [{assert: "{{ results.score < 1 }}"}]
      best:
        module: ./telling
        partial: continue
        params: {said: "{{ tasks.train | map(attribute='results.score') | list }}"}
      strict: {module: ./good, depends_on: train}
"""


def test_a_join_may_go_on_without_the_instances_that_failed(project: SpecProject) -> None:
    project.spec(FANNED.replace("BROKEN", "5"))
    applied = project.apply()
    assert applied.outcomes["best"] == "succeeded"
    assert applied.outcomes["strict"] == "skipped"
    assert said(project, "best") == [0.3, 0.7]
    assert applied.ended("best").summary == "went on without train[b]"
    assert applied.report.failed
    project.spec(FANNED.replace("BROKEN", "0.5"))
    assert set(project.apply().outcomes.values()) == {"kept", "succeeded"}
    assert said(project, "best") == [0.3, 0.5, 0.7]


def test_a_join_that_goes_on_needs_one_success(project: SpecProject) -> None:
    project.spec(FANNED.replace("BROKEN", "5").replace("0.3", "3").replace("0.7", "7"))
    applied = project.apply()
    assert applied.outcomes["best"] == "skipped"
    assert applied.ended("best").skip is SkipReason.UPSTREAM_FAILED


def test_a_join_goes_on_without_instances_whose_condition_is_false(project: SpecProject) -> None:
    spec = FANNED.replace("BROKEN", "0.5").replace("checks", "when: \"{{ each.key != 'b' }}\"\n        checks")
    project.spec(spec)
    applied = project.apply()
    assert applied.outcomes["best"] == "succeeded"
    assert said(project, "best") == [0.3, 0.7]
    assert not applied.report.failed
    assert not project.plan().has_changes


FAST = """
    fail_fast: true
    tasks:
      fails: {module: ./bad}
      after: {module: ./good, depends_on: fails}
      slow: {module: ./slow}
      later: {module: ./good, depends_on: slow}
      tidy: {module: ./good, depends_on: later, run_on: always}
"""


def open_the_gate_at_the_end_of(project: SpecProject, address: str) -> Callable[[Apply, EngineEvent], None]:
    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == address:
            project.open_gate()

    return react


def test_a_run_that_fails_fast_begins_nothing_new_but_clean_up_and_awaits_what_runs(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec(FAST)
    applied = project.apply(open_the_gate_at_the_end_of(project, "later"))
    assert applied.outcomes == {
        "fails": "failed",
        "after": "skipped",
        "slow": "succeeded",
        "later": "skipped",
        "tidy": "succeeded",
    }
    assert reasons(applied) == {"after": "upstream_failed", "later": "fail_fast"}
    assert applied.ended("later").because_of == "fails"


def test_the_command_line_may_ask_to_keep_going(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.open_gate()
    project.spec(FAST)
    assert project.apply(fail_fast=False).outcomes["later"] == "succeeded"


def test_a_run_that_fails_fast_tries_nothing_again(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("""
        fail_fast: true
        tasks:
          first: {module: ./bad, retry: {attempts: 2, backoff: 1h}}
          second: {module: ./slow, checks: [{assert: "{{ false }}"}]}
          below: {module: ./good, depends_on: first}
    """)

    def let_go(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, Noticed) and "; try 2 of 2" in event.message:
            project.open_gate()

    applied = project.apply(let_go)
    assert applied.outcomes == {"first": "failed", "second": "failed", "below": "skipped"}
    assert len(project.launches()) == 2
    first = applied.ended("first")
    assert [first.task_id] == [launch.id for launch in project.launches() if launch.name == "first"]
    assert first.summary.startswith("ended with status error: exit code ")
    assert first.summary.endswith('; not tried again: "second" failed, and the run fails fast')
    assert first.log_tail
