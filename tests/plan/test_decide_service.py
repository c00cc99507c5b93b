"""The plan of a service: whether it is wanted, whether it is there, and whether it is still the one asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from taskspec.plan.model import Action, Observed
from taskspec.state.model import Outcome, Phase, State
from taskspec.values import Unknown, is_known

from .planning import Pipeline, actions, changed, finished, seen, world_with

Write = Callable[[str], Pipeline]

SPEC = """
    tasks:
      train: {{module: owner/train, version: v1, params: {{lr: {lr}}}}}
      serve: {{kind: service, module: owner/serve, version: v1, params: {{model: {model}}}{serve}}}
      score: {{module: owner/score, version: v1, params: {{session: "{{{{ tasks.serve.id }}}}", seed: {seed}}}}}
      report: {{module: owner/report, version: v1, depends_on: [score]}}
"""


def spec(write: Write, **values: object) -> Pipeline:
    return write(SPEC.format(**{"lr": 0.1, "model": "small", "serve": "", "seed": 1, **values}))


def applied(pipeline: Pipeline, **service: object) -> State:
    """Everything has run; the service was stopped after its last user, unless said otherwise."""
    pipeline.plan()
    state = pipeline.applied()
    plan = pipeline.plan(state, {})
    score = next(task for task in plan.tasks if task.address == "score")
    assert score.request is not None
    assert score.fingerprint is not None
    state = changed(state, "score", inputs=score.request.inputs, fingerprint=score.fingerprint)
    return changed(state, "serve", is_service=True, is_ready=True, **service)


def up(state: State) -> State:
    return changed(state, "serve", phase=Phase.STARTED, outcome=None)


def test_a_first_plan_starts_a_service_for_its_users(write: Write) -> None:
    plan = spec(write).plan()
    assert actions(plan)["serve"] == "start: service_needed"
    assert next(task for task in plan.tasks if task.address == "serve").detail == "by score"


def test_what_a_user_sends_names_the_service_and_not_its_launch(write: Write) -> None:
    score = next(task for task in spec(write).plan().tasks if task.address == "score")
    serve = next(task for task in spec(write).plan().tasks if task.address == "serve")
    assert score.request is not None
    assert score.request.inputs["params"]["session"] == f"tasks.serve.id@{(serve.fingerprint or '')[:12]}"
    assert score.fingerprint is not None


def test_a_finished_pipeline_needs_no_service(write: Write) -> None:
    pipeline = spec(write)
    plan = pipeline.plan(applied(pipeline))
    assert actions(plan)["serve"] == "keep: service_not_needed"
    assert not plan.has_changes


@pytest.mark.parametrize("task_id", [7, 4711])
def test_the_number_of_the_last_launch_is_no_input_of_a_user(write: Write, task_id: int) -> None:
    pipeline = spec(write)
    assert actions(pipeline.plan(applied(pipeline, task_id=task_id)))["score"] == "keep: unchanged"


def test_one_user_that_acts_brings_the_service_up_and_leaves_the_others_alone(write: Write) -> None:
    state = applied(spec(write))
    assert actions(spec(write, seed=2).plan(state)) == {
        "train": "keep: unchanged",
        "serve": "start: service_needed",
        "score": "rerun: inputs_changed",
        "report": "rerun: upstream_reruns",
    }


def test_a_task_below_the_users_needs_no_service(write: Write) -> None:
    pipeline = spec(write)
    state = applied(pipeline)
    assert actions(pipeline.plan(state, world_with(state, report=None)))["serve"] == "keep: service_not_needed"


def test_a_changed_service_reruns_its_users(write: Write) -> None:
    state = applied(spec(write))
    plan = spec(write, model="large").plan(state)
    assert actions(plan)["serve"] == "start: service_needed"
    assert actions(plan)["score"] == "rerun: inputs_changed"


def with_service(state: State, status: str) -> dict[str, Observed]:
    return {**finished(state), "serve": seen(state.records["serve"], status)}


@pytest.mark.parametrize("status", ["queued", "started", "deployed"])
def test_a_service_that_runs_and_is_wanted_is_taken_over(write: Write, status: str) -> None:
    state = up(applied(spec(write)))
    plan = spec(write, seed=2).plan(state, with_service(state, status))
    assert actions(plan)["serve"] == "attach: still_running"


@pytest.mark.parametrize("status", ["terminating", "error", "stopped", "finished"])
def test_a_service_that_has_gone_or_is_going_is_started_again(write: Write, status: str) -> None:
    state = up(applied(spec(write)))
    assert actions(spec(write, seed=2).plan(state, with_service(state, status)))["serve"] == "start: service_needed"


def test_a_service_that_runs_with_other_inputs_is_replaced(write: Write) -> None:
    state = up(applied(spec(write)))
    plan = spec(write, model="large").plan(state, with_service(state, "started"))
    assert actions(plan)["serve"] == "rerun: inputs_changed"
    assert actions(plan)["score"] == "rerun: inputs_changed"


def test_a_service_that_was_left_running_and_is_not_needed_is_stopped(write: Write) -> None:
    pipeline = spec(write)
    state = up(applied(pipeline))
    plan = pipeline.plan(state, with_service(state, "started"))
    assert actions(plan)["serve"] == "stop: service_not_needed"
    assert plan.needs_approval
    assert plan.counts[Action.STOP] == 1


def test_a_service_of_another_user_is_never_stopped(write: Write) -> None:
    pipeline = spec(write)
    state = up(applied(pipeline, reused=True))
    world = with_service(state, "started")
    assert actions(pipeline.plan(state, world))["serve"] == "keep: service_not_needed"
    assert actions(write("tasks: {other: {module: owner/a, version: v1}}").plan(state, world)) == {
        "other": "start: never_launched"
    }


def test_a_launch_that_was_to_be_replaced_is_stopped_with_it(write: Write) -> None:
    pipeline = spec(write)
    assert actions(pipeline.plan(applied(pipeline, replaces=(9,))))["serve"] == "stop: service_not_needed"


@pytest.mark.parametrize(("status", "expected"), [("started", "keep: still_running"), (None, "start: service_needed")])
def test_a_service_to_be_kept_is_wanted_without_users(write: Write, status: str, expected: str) -> None:
    pipeline = spec(write, serve=", keep: true")
    state = up(applied(pipeline))
    world = with_service(state, status) if status else world_with(state, serve=None)
    assert actions(pipeline.plan(state, world))["serve"] == expected


def test_a_user_that_still_runs_holds_its_service_and_one_that_has_ended_does_not(write: Write) -> None:
    pipeline = spec(write)
    state = changed(up(applied(pipeline)), "score", phase=Phase.STARTED, outcome=None)
    runs = {**with_service(state, "started"), "score": seen(state.records["score"], "started")}
    assert actions(pipeline.plan(state, runs))["serve"] == "attach: still_running"
    assert actions(pipeline.plan(state, with_service(state, "started")))["serve"] == "stop: service_not_needed"


def test_what_a_service_is_made_from_reruns_its_users_through_it(write: Write) -> None:
    text = """
        tasks:
          train: {{module: owner/train, version: v1, params: {{lr: {lr}}}}}
          serve: {{kind: service, module: owner/serve, version: v1, depends_on: [train]}}
          score: {{module: owner/score, version: v1, params: {{session: "{{{{ tasks.serve.id }}}}"}}}}
    """
    state = applied(write(text.format(lr=1)))
    plan = write(text.format(lr=2)).plan(up(state), with_service(up(state), "started"))
    assert actions(plan) == {
        "train": "rerun: inputs_changed",
        "serve": "rerun: upstream_reruns",
        "score": "rerun: upstream_reruns",
    }


def test_results_of_a_service_that_is_launched_again_are_not_known_to_those_who_run(write: Write) -> None:
    text = """
        tasks:
          serve: {{kind: service, module: owner/serve, version: v1, results: {{url: "{{{{ launch.name }}}}"}}}}
          one: {{module: owner/a, version: v1, params: {{url: "{{{{ tasks.serve.results.url }}}}", seed: {seed}}}}}
          two: {{module: owner/a, version: v1, params: {{url: "{{{{ tasks.serve.results.url }}}}"}}}}
    """
    state = write(text.format(seed=1)).applied({"serve": {"url": "http://x"}})
    plan = write(text.format(seed=2)).plan(state)
    assert actions(plan) == {"serve": "start: service_needed", "one": "rerun: inputs_changed", "two": "keep: unchanged"}
    one = next(task for task in plan.tasks if task.address == "one")
    assert one.request is not None
    assert isinstance(one.request.params["url"], Unknown)
    assert one.fingerprint is None


def test_an_id_inside_text_is_not_known_before_the_service_is_up(write: Write) -> None:
    text = """
        tasks:
          serve: {kind: service, module: owner/serve, version: v1}
          score:
            module: owner/score
            version: v1
            params:
              url: "/net/{{ tasks.serve.id }}"
              all: "{{ [tasks.serve.id] | tojson }}"
              sum: "{{ tasks.serve.id + 1 }}"
    """
    score = next(task for task in write(text).plan().tasks if task.address == "score")
    assert score.request is not None
    assert not any(is_known(score.request.params[name]) for name in ("url", "all", "sum"))


def test_a_target_brings_the_service_it_needs(write: Write) -> None:
    assert actions(spec(write).plan(targets=("score",))) == {
        "serve": "start: service_needed",
        "score": "start: never_launched",
    }


def test_a_rerun_asked_for_by_name_replaces_a_service_that_runs(write: Write) -> None:
    pipeline = spec(write)
    state = up(applied(pipeline))
    plan = pipeline.plan(state, with_service(state, "started"), reruns=("serve",))
    assert actions(plan)["serve"] == "rerun: requested"


def test_the_past_of_a_failed_service_is_no_obstacle(write: Write) -> None:
    state = applied(spec(write), outcome=Outcome.FAILED)
    assert actions(spec(write, seed=2).plan(state))["serve"] == "start: service_needed"


def test_a_service_of_a_service_is_wanted_with_it(write: Write) -> None:
    pipeline = write("""
        tasks:
          model: {kind: service, module: owner/model, version: v1}
          front: {kind: service, module: owner/front, version: v1, params: {model: "{{ tasks.model.id }}"}}
          score: {module: owner/score, version: v1, params: {session: "{{ tasks.front.id }}"}}
    """)
    assert actions(pipeline.plan()) == {
        "model": "start: service_needed",
        "front": "start: service_needed",
        "score": "start: never_launched",
    }


def test_without_a_service_a_number_is_a_number(write: Write) -> None:
    pipeline = write("""
        tasks:
          a: {module: owner/a, version: v1}
          b: {module: owner/b, version: v1, params: {of: "{{ tasks.a.id }}"}}
    """)
    state = pipeline.applied()
    assert state.records["b"].inputs["params"]["of"] == state.records["a"].task_id
    assert not pipeline.plan(state).has_changes
