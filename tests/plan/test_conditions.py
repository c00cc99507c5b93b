"""What a plan makes of conditions, clean-up and joins that go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from taskspec.diagnostics import Code
from taskspec.errors import SpecError
from taskspec.plan.model import Action, Plan, PlannedTask
from taskspec.values import Unknown

from .planning import Pipeline, actions, changed, world_with

Write = Callable[[str], Pipeline]

CLEANED = """
    tasks:
      train: {module: owner/train, version: v1, params: {lr: 0.2}, results: {map: "{{ launch.output.map }}"}}
      undo: {module: owner/undo, version: v1, depends_on: train, run_on: failure}
      tidy:
        module: owner/tidy
        version: v1
        run_on: always
        params: {ended: "{{ tasks.train.outcome }}"}
"""


def task(plan: Plan, address: str) -> PlannedTask:
    return next(task for task in plan.tasks if task.address == address)


def test_clean_up_is_planned_with_what_it_runs_on(write: Write) -> None:
    plan = write(CLEANED).plan()
    assert actions(plan) == {
        "train": "start: never_launched",
        "undo": "start: runs_on_failure",
        "tidy": "start: runs_always",
    }
    request = task(plan, "tidy").request
    assert request is not None
    assert isinstance(request.params["ended"], Unknown)


def test_after_a_green_run_there_is_nothing_to_do(write: Write) -> None:
    pipeline = write(CLEANED)
    state = pipeline.applied()
    plan = pipeline.plan(changed(state, "train", results={"map": 1}))
    assert actions(plan) == {"train": "keep: unchanged", "undo": "skip: runs_on_failure", "tidy": "keep: unchanged"}
    assert not plan.has_changes
    assert not plan.needs_approval


@pytest.mark.parametrize(
    ("address", "status", "expected"),
    [
        pytest.param("train", "started", ("attach", "rerun", "rerun"), id="what it needs still runs"),
        pytest.param("undo", "started", ("keep", "attach", "keep"), id="it still runs itself"),
        pytest.param("tidy", None, ("keep", "skip", "start"), id="the server has forgotten it"),
    ],
)
def test_clean_up_in_other_standings(
    write: Write, address: str, status: str | None, expected: tuple[str, str, str]
) -> None:
    pipeline = write(CLEANED)
    state = changed(pipeline.applied(), "train", results={"map": 1}, number=9 if address == "train" else 1)
    plan = pipeline.plan(state, world_with(state, **{address: status}))
    assert tuple(str(planned.action) for planned in plan.tasks) == expected


def test_clean_up_of_what_reruns_runs_again(write: Write) -> None:
    state = write(CLEANED).applied()
    plan = write(CLEANED.replace("0.2", "0.3")).plan(state)
    assert actions(plan) == {
        "train": "rerun: inputs_changed",
        "undo": "rerun: runs_on_failure",
        "tidy": "rerun: upstream_reruns",
    }


CONDITIONAL = """
    variables: {go: {type: boolean, default: GO}}
    tasks:
      train: {module: owner/a, version: v1, when: "{{ var.go }}", results: {map: "{{ launch.output.map }}"}}
      next: {module: owner/a, version: v1, params: {x: "{{ tasks.train.results.map }}"}}
      tell: {module: owner/a, version: v1, run_on: always, params: {x: "{{ tasks.train.results.map | default(0) }}"}}
      other: {module: owner/a, version: v1}
    results: {map: "{{ tasks.train.results.map }}", other: "{{ tasks.other.name }}"}
"""


def test_what_needs_a_skipped_task_is_skipped_because_of_it(write: Write) -> None:
    plan = write(CONDITIONAL.replace("GO", "false")).plan()
    assert actions(plan) == {
        "train": "skip: condition_false",
        "next": "skip: condition_false",
        "tell": "start: runs_always",
        "other": "start: never_launched",
    }
    assert [task(plan, address).root for address in ("train", "next")] == ["", "train"]
    assert task(plan, "tell").request.params["x"] == 0  # type: ignore[union-attr]  # a start has a request
    assert plan.results == {"other": "other"}


def test_a_condition_that_is_false_whatever_the_run_brings_says_what_it_read(write: Write) -> None:
    plan = write("""
        tasks:
          serve: {module: owner/app, version: v1, kind: service}
          train: {module: owner/app, version: v1, for_each: [a], results: {map: "{{ launch.output.map }}"}}
          use: {module: owner/app, version: v1, when: "{{ tasks.train | length > 1 }}", depends_on: serve}
    """).plan()
    (skipped,) = (task for task in plan.tasks if task.address == "use")
    assert skipped.action is Action.SKIP
    assert "tasks.train = " in skipped.detail
    assert "known after apply: tasks.train[a]" in skipped.detail


def test_a_true_condition_changes_nothing(write: Write) -> None:
    pipeline = write(CONDITIONAL.replace("GO", "true"))
    plain = write(CONDITIONAL.replace("GO", "true").replace('when: "{{ var.go }}", ', ""))
    assert actions(pipeline.plan()) == actions(plain.plan())


def test_a_past_success_is_no_result_of_a_skipped_task(write: Write) -> None:
    state = changed(
        write(CONDITIONAL.replace("GO", "true")).applied({"train": {"map": 3}}), "train", results={"map": 3}
    )
    plan = write(CONDITIONAL.replace("GO", "false")).plan(state)
    assert task(plan, "train").action is Action.SKIP
    assert task(plan, "tell").request.params["x"] == 0  # type: ignore[union-attr]  # a rerun has a request
    assert plan.stops == ()


def test_a_launch_whose_condition_is_false_now_is_stopped(write: Write) -> None:
    state = write(CONDITIONAL.replace("GO", "true")).applied({"train": {"map": 3}})
    plan = write(CONDITIONAL.replace("GO", "false")).plan(state, world_with(state, next="started"))
    assert [(stop.address, str(stop.action), str(stop.reason)) for stop in plan.stops] == [
        ("next", "stop", "condition_false")
    ]
    assert plan.has_changes
    assert plan.needs_approval


def test_the_condition_of_a_task_that_is_not_chosen_is_not_asked(write: Write) -> None:
    pipeline = write("""
        tasks:
          one: {module: owner/a, version: v1}
          wrong: {module: owner/a, version: v1, when: "{{ 1 }}"}
    """)
    assert actions(pipeline.plan(targets=("one",))) == {"one": "start: never_launched"}
    with pytest.raises(SpecError):
        pipeline.plan()


def test_every_condition_that_is_wrong_is_named(write: Write) -> None:
    pipeline = write(
        """
        tasks:
          a: {module: owner/a, version: v1, when: "{{ 1 }}"}
          b: {module: owner/a, version: v1, when: "{{ 1 / 0 > 1 }}"}
          c: {module: owner/a, version: v1, when: false}
          d: {module: owner/a, version: v1, run_on: always, params: {x: "{{ tasks.c.results.y }}"}, depends_on: c}
    """.replace("when: false", 'when: false, results: {y: "{{ launch.id }}"}')
    )
    with pytest.raises(SpecError) as caught:
        pipeline.plan()
    summaries = [problem.summary for problem in caught.value.diagnostics]
    assert len(summaries) == 3
    assert "must be true or false" in summaries[0]
    assert 'there is no result "y": task "c" has been skipped' in summaries[2]


def test_a_secret_decides_nothing_that_others_see(write: Write) -> None:
    pipeline = write("""
        variables: {token: {type: string, sensitive: true, default: "env:TOKEN"}}
        locals: {copy: "{{ var.token }}"}
        tasks:
          a: {module: owner/a, version: v1, when: "{{ var.token == 'x' }}"}
          b: {module: owner/a, version: v1, when: "{{ local.copy == 'x' }}"}
    """)
    with pytest.raises(SpecError) as caught:
        replace(pipeline, environment={"TOKEN": "hidden-5f"}).plan()
    assert {problem.code for problem in caught.value.diagnostics} == {Code.SECRET_SHOWN}


FANNED = """
    tasks:
      train:
        module: owner/a
        version: v1
        for_each: [a, b]
        when: "{{ each.key != 'SKIPPED' }}"
        results: {map: "{{ launch.output.map }}"}
      best:
        module: owner/a
        version: v1
        partial: continue
        params: {x: "{{ tasks.train | map(attribute='results.map') | list }}"}
"""
DONE = {"train[a]": {"map": 1}, "train[b]": {"map": 2}}


def test_what_a_join_that_goes_on_reads_is_unknown_until_all_have_ended(write: Write) -> None:
    pipeline = write(FANNED)
    state = pipeline.applied(DONE)
    assert set(actions(pipeline.plan(state)).values()) == {"keep: unchanged"}
    plan = pipeline.plan(state, world_with(state, **{"train[b]": None}))
    request = task(plan, "best").request
    assert request is not None
    assert request.params["x"].producers == ("tasks.train",)
    assert task(plan, "best").action is Action.RERUN


def test_a_join_that_goes_on_leaves_out_what_is_skipped(write: Write) -> None:
    state = write(FANNED).applied(DONE)
    plan = write(FANNED.replace("SKIPPED", "b")).plan(state)
    request = task(plan, "best").request
    assert request is not None
    assert request.params["x"] == [1]


@pytest.mark.parametrize(("partial", "action"), [("continue", "start"), ("fail", "skip")])
def test_a_join_of_which_one_instance_is_skipped(write: Write, partial: str, action: str) -> None:
    plan = write(FANNED.replace("SKIPPED", "b").replace("continue", partial)).plan()
    assert str(task(plan, "best").action) == action


def test_a_join_of_which_every_instance_is_skipped_is_skipped(write: Write) -> None:
    plan = write(FANNED.replace("each.key != 'SKIPPED'", "false")).plan()
    assert set(actions(plan).values()) == {"skip: condition_false"}


def test_many_joins_agree_with_one(write: Write) -> None:
    many = FANNED.replace("        partial: continue", "        for_each: [x, y]\n        partial: continue")
    for spec, expected in (
        (many.replace("SKIPPED", "b"), "start"),
        (many.replace("each.key != 'SKIPPED'", "false"), "skip"),
    ):
        plan = write(spec).plan()
        assert {str(task(plan, f"best[{key}]").action) for key in "xy"} == {expected}
    strict = write(many.replace("SKIPPED", "b").replace("continue", "fail")).plan()
    assert {str(task(strict, f"best[{key}]").action) for key in "xy"} == {"skip"}
