"""Plans of small specs in every standing a task can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from taskspec.errors import SpecError
from taskspec.plan.model import Action, Change, Plan, PlannedTask
from taskspec.state.model import Outcome, Phase
from taskspec.values import ABSENT, Unknown, is_known

from .planning import LINEAGE, NOTHING, Pipeline, actions, changed, seen, world_with
from .test_selection import DIAMOND

Write = Callable[[str], Pipeline]

CHAIN = """
    tasks:
      prepare:
        module: owner/prepare
        version: v1
        results: {folder: "{{ launch.output.folder }}"}
      train:
        module: owner/train
        version: v1
        params: {data: "{{ tasks.prepare.results.folder }}", lr: 0.2}
        results: {map: "{{ launch.output.map }}"}
      report:
        module: owner/report
        version: v1
        depends_on: [train]
    results:
      best: "{{ tasks.train.results.map }}"
"""
DONE = {"prepare": {"folder": "/data"}, "train": {"map": 0.9}}


def task(plan: Plan, address: str) -> PlannedTask:
    return next(task for task in (*plan.tasks, *plan.stops) if task.address == address)


@pytest.fixture
def chain(write: Write) -> Pipeline:
    return write(CHAIN)


def test_a_first_plan_starts_everything(chain: Pipeline) -> None:
    plan = chain.plan()
    assert actions(plan) == dict.fromkeys(("prepare", "train", "report"), "start: never_launched")
    assert plan.has_changes
    assert plan.needs_approval


def test_what_upstream_will_produce_is_unknown_and_named(chain: Pipeline) -> None:
    train = task(chain.plan(), "train")
    assert train.request is not None
    assert train.fingerprint is None
    unknown = train.request.params["data"]
    assert isinstance(unknown, Unknown)
    assert unknown.producers == ("tasks.prepare.results.folder",)
    assert not is_known(chain.plan().results["best"])


def test_a_plan_right_after_an_apply_keeps_everything_and_knows_the_results(chain: Pipeline) -> None:
    plan = chain.plan(chain.applied(DONE))
    assert set(actions(plan).values()) == {"keep: unchanged"}
    assert not plan.has_changes
    assert not plan.needs_approval
    assert plan.results == {"best": 0.9}


def test_a_kept_task_hands_its_results_to_what_starts_below_it(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    more = write(
        CHAIN.replace(
            "    results:\n      best",
            """      serve:
        module: owner/serve
        version: v1
        params: {model: "{{ tasks.train.results.map }}", session: "{{ tasks.train.id }}"}
    results:
      best""",
        )
    )
    serve = task(more.plan(state), "serve")
    assert serve.request is not None
    assert (serve.request.params["model"], serve.request.params["session"]) == (0.9, 102)
    assert serve.fingerprint is not None


def test_a_changed_param_is_named_with_its_old_and_its_new_value(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    train = task(write(CHAIN.replace("lr: 0.2", "lr: 0.3")).plan(state), "train")
    assert f"{train.action}: {train.reason}" == "rerun: inputs_changed"
    assert train.changes == (Change(("params", "lr"), 0.2, 0.3),)


@pytest.mark.parametrize(
    ("before", "after", "path", "old", "new"),
    [
        ("lr: 0.2", "lr: 0.2, seed: 1", "params.seed", ABSENT, 1),
        ("lr: 0.2", "lr: 1", "params.lr", 0.2, 1),
        ("lr: 0.2", "lr: null", "params.lr", 0.2, None),
        ("lr: 0.2", "lr: '0.2'", "params.lr", 0.2, "0.2"),
        ("lr: 0.2", "lr: 0.2, model: {layers: [1, 3]}", "params.model.layers.1", 2, 3),
        ("module: owner/train\n        version: v1", "module: owner/train\n        version: v2", "version", "v1", "v2"),
        ("module: owner/train", "module: owner/train2", "module", "owner/train", "owner/train2"),
        ("params: {data", "agent: gpu\n        params: {data", "agent", None, "gpu"),
        ("params: {data", "workspace: 7\n        params: {data", "workspace", None, 7),
        ("params: {data", "log_level: debug\n        params: {data", "log_level", "info", "debug"),
        ("params: {data", "restart_policy: on_error\n        params: {data", "restart_policy", "never", "on_error"),
    ],
)
def test_each_part_of_the_identity_counts_as_an_input(
    chain: Pipeline, write: Write, before: str, after: str, path: str, old: object, new: object
) -> None:
    state = chain.applied(DONE)
    assert before in CHAIN
    train = task(write(CHAIN.replace(before, after)).plan(state), "train")
    assert f"{train.action}: {train.reason}" == "rerun: inputs_changed"
    changes = {".".join(map(str, change.path)): (change.before, change.after) for change in train.changes}
    assert changes == {path: (old, new)}


@pytest.mark.parametrize("cosmetic", ["title: Nice name", "description: For people"])
def test_cosmetic_fields_are_no_inputs(chain: Pipeline, write: Write, cosmetic: str) -> None:
    state = chain.applied(DONE)
    plan = write(CHAIN.replace("params: {data", f"{cosmetic}\n        params: {{data")).plan(state)
    assert not plan.has_changes


def test_everything_downstream_of_a_rerun_reruns_and_says_because_of_whom(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    plan = write(CHAIN.replace("owner/prepare", "owner/prepare2")).plan(state)
    assert actions(plan) == {
        "prepare": "rerun: inputs_changed",
        "train": "rerun: upstream_reruns",
        "report": "rerun: upstream_reruns",
    }
    assert (task(plan, "train").detail, task(plan, "report").detail) == ("prepare", "train")
    data = task(plan, "train").changes
    assert [change.path for change in data] == [("params", "data")]
    assert data[0].before == "/data"
    assert isinstance(data[0].after, Unknown)


def test_upstream_alone_is_no_cause_for_a_task_that_asks_for_changed_inputs(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    text = CHAIN.replace("depends_on: [train]", "depends_on: [train]\n        rerun: inputs_change")
    plan = write(text.replace("lr: 0.2", "lr: 0.3")).plan(state)
    assert actions(plan)["report"] == "keep: unchanged"


def test_a_task_whose_inputs_are_unknown_reruns_only_if_they_change(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    text = CHAIN.replace("lr: 0.2}", "lr: 0.2}\n        rerun: inputs_change")
    plan = write(text.replace("owner/prepare", "owner/prepare2")).plan(state)
    train = task(plan, "train")
    assert f"{train.action}: {train.reason}" == "rerun: inputs_unknown"
    assert train.only_if_changed
    assert not task(plan, "prepare").only_if_changed


@pytest.mark.parametrize(
    ("record", "status", "expected"),
    [
        ({"phase": Phase.STARTED, "outcome": None}, "started", "attach: still_running"),
        ({"phase": Phase.STARTED, "outcome": None}, "queued", "attach: still_running"),
        ({"phase": Phase.STARTED, "outcome": None}, "a word of tomorrow", "attach: still_running"),
        ({"phase": Phase.STARTED, "outcome": None}, "finished", "attach: ended_unseen"),
        ({"phase": Phase.STARTED, "outcome": None}, "error", "attach: ended_unseen"),
        ({"phase": Phase.STARTED, "outcome": None}, None, "start: forgotten_by_server"),
        ({}, None, "start: forgotten_by_server"),
        ({"outcome": Outcome.FAILED, "summary": "exit code 1"}, "error", "rerun: last_launch_failed"),
        ({"outcome": Outcome.STOPPED}, "stopped", "rerun: last_launch_failed"),
        ({"phase": Phase.REFUSED, "outcome": None, "task_id": None}, None, "start: not_arrived"),
        ({"phase": Phase.INTENDED, "outcome": None, "task_id": None}, None, "start: not_arrived"),
    ],
)
def test_the_standing_of_a_launch_decides(
    chain: Pipeline, record: dict[str, object], status: str | None, expected: str
) -> None:
    state = changed(chain.applied(DONE), "prepare", **record)
    world = world_with(state, prepare=status)
    assert actions(chain.plan(state, world))["prepare"] == expected


def test_an_intent_that_did_arrive_is_attached_to(chain: Pipeline) -> None:
    state = changed(chain.applied(DONE), "prepare", phase=Phase.INTENDED, outcome=None, task_id=None)
    world = {**world_with(state), "prepare": seen(replace(state.records["prepare"], task_id=77), "started")}
    planned = task(chain.plan(state, world), "prepare")
    assert f"{planned.action}: {planned.reason}" == "attach: still_running"
    assert planned.observed is not None
    assert planned.observed.task_id == 77


def test_the_id_of_a_running_launch_is_known_and_its_results_are_not(chain: Pipeline, write: Write) -> None:
    state = changed(chain.applied(DONE), "prepare", phase=Phase.STARTED, outcome=None)
    text = CHAIN.replace("lr: 0.2", 'session: "{{ tasks.prepare.id }}"')
    train = task(write(text).plan(state, world_with(state, prepare="started")), "train")
    assert train.request is not None
    assert train.request.params["session"] == 101
    assert isinstance(train.request.params["data"], Unknown)


def test_a_running_launch_with_other_inputs_is_stopped_first(chain: Pipeline, write: Write) -> None:
    state = changed(chain.applied(DONE), "train", phase=Phase.STARTED, outcome=None)
    plan = write(CHAIN.replace("lr: 0.2", "lr: 0.3")).plan(state, world_with(state, train="started"))
    train = task(plan, "train")
    assert f"{train.action}: {train.reason}" == "rerun: inputs_changed"
    assert train.replaces_running


def test_a_running_launch_whose_inputs_are_merely_unknown_is_not_stopped(chain: Pipeline, write: Write) -> None:
    state = changed(chain.applied(DONE), "train", phase=Phase.STARTED, outcome=None)
    plan = write(CHAIN.replace("owner/prepare", "owner/prepare2")).plan(state, world_with(state, train="started"))
    assert actions(plan)["train"] == "attach: still_running"


def test_what_left_the_spec_is_stopped_if_it_runs_and_left_alone_if_it_ended(chain: Pipeline, write: Write) -> None:
    state = changed(chain.applied(DONE), "report", phase=Phase.STARTED, outcome=None)
    shorter = write(CHAIN[: CHAIN.index("      report:")])
    running = shorter.plan(state, world_with(state, report="started"))
    assert actions(running)["report"] == "stop: not_in_spec"
    assert running.has_changes
    assert running.needs_approval
    assert running.counts[Action.STOP] == 1
    assert "report" not in actions(shorter.plan(state, world_with(state, report="finished")))
    assert "report" not in actions(shorter.plan(state, world_with(state, report=None)))


def test_changed_outputs_are_published_and_nothing_is_launched(chain: Pipeline, write: Write) -> None:
    with_text = CHAIN.replace("depends_on: [train]", "depends_on: [train]\n        outputs: {text: {title: Done}}")
    state = write(with_text).applied(DONE)
    assert not write(with_text).plan(state).has_changes
    plan = write(with_text.replace("Done", "Ready")).plan(state)
    assert actions(plan)["report"] == "publish: outputs_changed"
    assert plan.has_changes
    assert not plan.needs_approval


def test_outputs_that_were_never_published_are(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    with_text = CHAIN.replace("depends_on: [train]", "depends_on: [train]\n        outputs: {text: {title: Done}}")
    assert actions(write(with_text).plan(state))["report"] == "publish: outputs_changed"


def test_outputs_of_failures_only_are_nothing_to_publish_on_a_success(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    with_error = CHAIN.replace("depends_on: [train]", "depends_on: [train]\n        outputs: {error: {title: Oh}}")
    assert not write(with_error).plan(state).has_changes


def test_a_launch_younger_than_the_one_below_it_makes_that_one_rerun(chain: Pipeline) -> None:
    state = chain.applied(DONE)
    plan = chain.plan(changed(state, "prepare", number=9))
    assert actions(plan) == {
        "prepare": "keep: unchanged",
        "train": "rerun: upstream_ran_since",
        "report": "rerun: upstream_reruns",
    }
    assert task(plan, "train").detail == "prepare"


def test_values_pass_through_a_kept_task_above_a_rerun(chain: Pipeline, write: Write) -> None:
    state = chain.applied(DONE)
    train = task(write(CHAIN.replace("lr: 0.2", "lr: 0.3")).plan(state), "train")
    assert train.request is not None
    assert train.request.params["data"] == "/data"


def test_upstream_outside_the_selection_still_gives_its_results(chain: Pipeline) -> None:
    state = chain.applied(DONE)
    plan = chain.plan(state, excludes=("report",))
    assert plan.results == {"best": 0.9}
    assert set(actions(plan)) == {"prepare", "train"}


def test_every_instance_that_cannot_be_evaluated_is_reported_at_once(write: Write) -> None:
    pipeline = write("""
        tasks:
          a: {module: owner/a, version: v1, params: {x: "{{ 1 // 0 }}"}}
          b: {module: owner/a, version: v1, params: {x: "{{ {}.nope }}"}}
    """)
    with pytest.raises(SpecError) as wrong:
        pipeline.plan()
    assert len(wrong.value.diagnostics) == 2


def test_a_param_the_app_does_not_declare_is_a_warning_when_it_looks_like_a_slip(write: Write) -> None:
    plan = write("tasks: {a: {module: owner/a, version: v1, params: {modle: 1, own_invention: 2}}}").plan()
    assert [warning.severity for warning in plan.warnings] == ["warning"]
    assert 'no param "modle"' in plan.warnings[0].summary
    assert '"model"' in plan.warnings[0].remedy


def test_the_same_spec_and_state_give_the_same_plan(write: Write) -> None:
    assert actions(write(DIAMOND).plan()) == actions(write(DIAMOND).plan())
    assert list(actions(write(DIAMOND).plan())) == list(actions(write(DIAMOND).plan()))


def test_a_plan_names_the_state_it_was_made_from(chain: Pipeline) -> None:
    state = chain.applied(DONE)
    plan = chain.plan(state)
    assert (plan.lineage, plan.serial, NOTHING.serial) == (LINEAGE, 3, 0)
