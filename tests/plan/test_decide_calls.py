"""One row per rule about calls, and what the planner makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from taskspec.errors import SpecError
from taskspec.plan.decide import Situation, decide_call
from taskspec.specfile.model import Rerun
from taskspec.state.model import Outcome, Phase, Record

from .planning import Pipeline, actions, changed

INTENDED = Record("ask", "k", 1, "same", {"kind": "request", "body": {}}, 0, 1, "", phase=Phase.INTENDED)
SUCCEEDED = replace(INTENDED, phase=Phase.ENDED, outcome=Outcome.SUCCEEDED)
FAILED = replace(SUCCEEDED, outcome=Outcome.FAILED, summary="no such model")
PENDING = replace(SUCCEEDED, outcome=Outcome.PENDING, summary="job 5 is in progress")
LAUNCH = replace(SUCCEEDED, inputs={"module": "acme/train"})
UNCHANGED = Situation(
    rerun=Rerun.UPSTREAM_RERUNS,
    record=SUCCEEDED,
    observed=None,
    fingerprint="same",
    inputs_differ=False,
    upstream_launches=(),
    upstream_ran_since=None,
    outputs_differ=False,
    requested=False,
)
ROWS = {
    "start: never_launched": {"record": None},
    "start: cut_off": {"record": INTENDED, "inputs_differ": True},
    "rerun: still_pending": {"record": PENDING},
    "rerun: last_launch_failed": {"record": FAILED, "rerun": Rerun.NEVER},
    "rerun: requested": {"requested": True},
    "rerun: inputs_changed": {"inputs_differ": True},
    "rerun: always_reruns": {"rerun": Rerun.ALWAYS},
    "rerun: upstream_reruns": {"upstream_launches": ("train",)},
    "rerun: upstream_ran_since": {"upstream_ran_since": "train"},
    "rerun: inputs_unknown": {"rerun": Rerun.INPUTS_CHANGE, "fingerprint": None},
    "keep: unchanged": {},
    "keep: never_reruns": {"rerun": Rerun.NEVER, "inputs_differ": True},
}


@pytest.mark.parametrize("expected", ROWS)
def test_a_row_for_every_rule(expected: str) -> None:
    decision = decide_call(replace(UNCHANGED, **ROWS[expected]))  # type: ignore[arg-type]  # a row names fields
    assert f"{decision.action}: {decision.reason}" == expected


def test_a_launch_that_became_a_call_is_made_again() -> None:
    assert decide_call(replace(UNCHANGED, record=LAUNCH)).reason == "inputs_changed"


SPEC = """
taskspec: 1
tasks:
  ask: {kind: request, service: 5, method: train, data: {lr: 0.1}, timeout: 10s}
  clean: {kind: api, call: remove_files, with: {path: /old}, destructive: true}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return Pipeline(tmp_path / "spec.yaml")


def test_calls_are_kept_although_the_server_knows_nothing_of_them(pipeline: Pipeline) -> None:
    assert actions(pipeline.plan(pipeline.applied(), {})) == {"ask": "keep: unchanged", "clean": "keep: unchanged"}


def test_time_is_no_part_of_what_a_call_is(pipeline: Pipeline) -> None:
    state = pipeline.applied()
    pipeline.path.write_text(SPEC.replace("10s", "3h"), encoding="utf-8")
    assert actions(pipeline.plan(state, {}))["ask"] == "keep: unchanged"
    pipeline.path.write_text(SPEC.replace("0.1", "0.2"), encoding="utf-8")
    (ask, _) = pipeline.plan(state, {}).tasks
    assert [(change.path, change.before, change.after) for change in ask.changes] == [
        (("body", "data", "lr"), 0.1, 0.2)
    ]


def test_a_destructive_call_that_was_cut_off_is_planned_only_when_a_person_asks(pipeline: Pipeline) -> None:
    state = changed(pipeline.applied(), "clean", phase=Phase.INTENDED, outcome=None)
    with pytest.raises(SpecError) as caught:
        pipeline.plan(state, {})
    assert [problem.code for problem in caught.value.diagnostics] == ["TS181"]
    assert actions(pipeline.plan(state, {}, reruns=("clean",)))["clean"] == "start: cut_off"
    assert actions(pipeline.plan(state, {}, excludes=("clean",))) == {"ask": "keep: unchanged"}


def test_a_call_leaves_a_launch_of_the_same_address_nothing_to_go_by(pipeline: Pipeline) -> None:
    state = pipeline.applied()
    pipeline.path.write_text("taskspec: 1\ntasks: {ask: {module: acme/train, version: v1}}", encoding="utf-8")
    assert actions(pipeline.plan(state, {})) == {"ask": "start: never_launched"}
