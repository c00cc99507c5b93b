"""One row per rule, and one per question of which rule comes first."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from taskspec.plan.decide import Situation, decide
from taskspec.plan.model import Action, Observed
from taskspec.specfile.model import Rerun
from taskspec.state.model import Outcome, Phase, Record

INTENDED = Record("train", "k", 1, "same", {}, 40, 1, "", phase=Phase.INTENDED)
REFUSED = replace(INTENDED, phase=Phase.REFUSED, summary="no such agent")
STARTED = replace(INTENDED, phase=Phase.STARTED, task_id=41)
SUCCEEDED = replace(STARTED, phase=Phase.ENDED, outcome=Outcome.SUCCEEDED)
FAILED = replace(SUCCEEDED, outcome=Outcome.FAILED, summary="exit code 1")
STOPPED = replace(SUCCEEDED, outcome=Outcome.STOPPED)

RUNNING = Observed(41, "started", is_terminal=False, output={})
FINISHED = Observed(41, "finished", is_terminal=True, output={})
BROKEN = Observed(41, "error", is_terminal=True, output={})

UNCHANGED = Situation(
    rerun=Rerun.UPSTREAM_RERUNS,
    record=SUCCEEDED,
    observed=FINISHED,
    fingerprint="same",
    inputs_differ=False,
    upstream_launches=(),
    upstream_ran_since=None,
    outputs_differ=False,
    requested=False,
)
NEW = replace(UNCHANGED, record=None, observed=None)


def decided(now: Situation) -> str:
    decision = decide(now)
    return f"{decision.action}: {decision.reason}"


def but(now: Situation = UNCHANGED, **changes: object) -> Situation:
    return replace(now, **changes)  # type: ignore[arg-type]  # a row names the fields that matter to it


RULES = [
    pytest.param(NEW, "start: never_launched", id="never launched"),
    pytest.param(but(record=REFUSED, observed=None), "start: not_arrived", id="the server refused the start"),
    pytest.param(but(record=INTENDED, observed=None), "start: not_arrived", id="the start was cut off"),
    pytest.param(but(record=INTENDED, observed=RUNNING), "attach: still_running", id="cut off, but it arrived"),
    pytest.param(but(record=INTENDED, observed=FINISHED), "attach: ended_unseen", id="cut off, arrived and ended"),
    pytest.param(but(record=STARTED, observed=None), "start: forgotten_by_server", id="started, then forgotten"),
    pytest.param(but(record=STARTED, observed=RUNNING), "attach: still_running", id="still running"),
    pytest.param(but(record=STARTED, observed=FINISHED), "attach: ended_unseen", id="ended unseen, well"),
    pytest.param(but(record=STARTED, observed=BROKEN), "attach: ended_unseen", id="ended unseen, badly"),
    pytest.param(but(observed=None), "start: forgotten_by_server", id="succeeded, then forgotten"),
    pytest.param(but(observed=RUNNING), "attach: still_running", id="succeeded, but it runs again"),
    pytest.param(but(record=FAILED, observed=BROKEN), "rerun: last_launch_failed", id="failed"),
    pytest.param(but(record=STOPPED, observed=BROKEN), "rerun: last_launch_failed", id="stopped is not a success"),
    pytest.param(but(requested=True), "rerun: requested", id="requested"),
    pytest.param(but(inputs_differ=True, fingerprint="new"), "rerun: inputs_changed", id="inputs changed"),
    pytest.param(but(upstream_launches=("prepare",)), "rerun: upstream_reruns", id="upstream reruns"),
    pytest.param(but(upstream_ran_since="prepare"), "rerun: upstream_ran_since", id="upstream has run since"),
    pytest.param(but(fingerprint=None), "rerun: inputs_unknown", id="inputs unknown"),
    pytest.param(but(outputs_differ=True), "publish: outputs_changed", id="only outputs changed"),
    pytest.param(UNCHANGED, "keep: unchanged", id="unchanged"),
]

ALWAYS, NEVER, INPUTS = (but(rerun=rerun) for rerun in (Rerun.ALWAYS, Rerun.NEVER, Rerun.INPUTS_CHANGE))
POLICIES = [
    pytest.param(ALWAYS, "rerun: always_reruns", id="always reruns without a cause"),
    pytest.param(NEVER, "keep: never_reruns", id="never: kept"),
    pytest.param(but(NEVER, inputs_differ=True), "keep: never_reruns", id="never: not even for changed inputs"),
    pytest.param(but(NEVER, upstream_launches=("a",)), "keep: never_reruns", id="never: not even for upstream"),
    pytest.param(but(NEVER, fingerprint=None), "keep: never_reruns", id="never: not even for unknown inputs"),
    pytest.param(but(NEVER, outputs_differ=True), "publish: outputs_changed", id="never: outputs are no rerun"),
    pytest.param(but(NEVER, requested=True), "rerun: requested", id="never: but when it is asked for"),
    pytest.param(but(NEVER, record=FAILED), "rerun: last_launch_failed", id="never: a failed launch is not kept"),
    pytest.param(but(NEVER, record=None, observed=None), "start: never_launched", id="never: the first time it runs"),
    pytest.param(but(INPUTS, upstream_launches=("a",)), "keep: unchanged", id="inputs_change: not for upstream"),
    pytest.param(but(INPUTS, upstream_ran_since="a"), "keep: unchanged", id="inputs_change: nor that it ran since"),
    pytest.param(
        but(INPUTS, upstream_launches=("a",), fingerprint=None),
        "rerun: inputs_unknown",
        id="inputs_change: upstream that leaves inputs unknown",
    ),
    pytest.param(but(INPUTS, inputs_differ=True), "rerun: inputs_changed", id="inputs_change: changed inputs"),
]

EVERYTHING = {
    "inputs_differ": True,
    "upstream_launches": ("a",),
    "upstream_ran_since": "b",
    "outputs_differ": True,
    "requested": True,
}
ORDER = [
    pytest.param(but(NEW, **EVERYTHING), "start: never_launched", id="never launched, above all"),
    pytest.param(but(record=REFUSED, observed=None, **EVERYTHING), "start: not_arrived", id="refused before requested"),
    pytest.param(
        but(record=SUCCEEDED, observed=None, **EVERYTHING), "start: forgotten_by_server", id="forgotten before changed"
    ),
    pytest.param(
        but(record=FAILED, observed=None, **EVERYTHING), "start: forgotten_by_server", id="forgotten before failed"
    ),
    pytest.param(but(record=FAILED, **EVERYTHING), "rerun: last_launch_failed", id="failed before requested"),
    pytest.param(but(**EVERYTHING), "rerun: requested", id="requested before changed"),
    pytest.param(but(ALWAYS, inputs_differ=True), "rerun: always_reruns", id="always before changed"),
    pytest.param(but(**{**EVERYTHING, "requested": False}), "rerun: inputs_changed", id="changed before upstream"),
    pytest.param(
        but(upstream_launches=("a",), upstream_ran_since="b", outputs_differ=True),
        "rerun: upstream_reruns",
        id="upstream reruns before it has run",
    ),
    pytest.param(
        but(upstream_ran_since="b", fingerprint=None), "rerun: upstream_ran_since", id="upstream ran before unknown"
    ),
    pytest.param(but(fingerprint=None, outputs_differ=True), "rerun: inputs_unknown", id="unknown before publish"),
    pytest.param(
        but(record=STARTED, observed=RUNNING, inputs_differ=True),
        "rerun: inputs_changed",
        id="a launch with other inputs is not attached to",
    ),
    pytest.param(
        but(record=STARTED, observed=RUNNING, requested=True), "rerun: requested", id="requested while it runs"
    ),
    pytest.param(
        but(record=STARTED, observed=RUNNING, inputs_differ=True, requested=True),
        "rerun: inputs_changed",
        id="running: changed before requested",
    ),
    pytest.param(
        but(record=STARTED, observed=RUNNING, upstream_launches=("a",), upstream_ran_since="b", fingerprint=None),
        "attach: still_running",
        id="upstream does not replace what runs",
    ),
    pytest.param(
        but(ALWAYS, record=STARTED, observed=RUNNING), "attach: still_running", id="always does not replace it either"
    ),
    pytest.param(
        but(record=STARTED, observed=FINISHED, requested=True), "attach: ended_unseen", id="first take in what ended"
    ),
]


@pytest.mark.parametrize(("now", "expected"), [*RULES, *POLICIES, *ORDER])
def test_the_first_rule_that_holds_chooses(now: Situation, expected: str) -> None:
    assert decided(now) == expected


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (but(record=REFUSED, observed=None), "no such agent"),
        (but(record=FAILED), "exit code 1"),
        (but(observed=None), "launch 41"),
        (but(upstream_launches=("prepare", "clean")), "prepare, clean"),
        (but(upstream_ran_since="prepare"), "prepare"),
        (but(record=STARTED, observed=RUNNING, requested=True), "launch 41 is started and will be stopped first"),
        (but(record=STARTED, observed=RUNNING), "launch 41 is started"),
        (but(record=STARTED, observed=BROKEN), "launch 41 is error"),
    ],
)
def test_a_decision_tells_what_it_saw(now: Situation, words: str) -> None:
    assert words in decide(now).detail


RECORDS = (None, INTENDED, REFUSED, STARTED, SUCCEEDED, FAILED, STOPPED)
SPACE = [
    Situation(rerun, record, observed, fingerprint, differ, launches, ran, outputs, requested)
    for rerun, record, observed, fingerprint, differ, launches, ran, outputs, requested in product(
        Rerun,
        RECORDS,
        (None, RUNNING, FINISHED, BROKEN),
        ("same", None),
        (False, True),
        ("", "a"),
        ("", "a"),
        (False, True),
        (False, True),
    )
]


def test_in_every_situation_what_runs_is_attached_to_or_visibly_replaced() -> None:
    for now in SPACE:
        if now.record is not None and now.observed is RUNNING and now.record is not REFUSED:
            decision = decide(now)
            assert decision.action in (Action.ATTACH, Action.RERUN)
            assert decision.action is Action.ATTACH or "stopped first" in decision.detail


def test_in_every_situation_only_a_success_the_server_knows_is_kept() -> None:
    for now in SPACE:
        if decide(now).action in (Action.KEEP, Action.PUBLISH):
            assert now.record is SUCCEEDED
            assert now.observed in (FINISHED, BROKEN)
            assert not now.requested


def test_in_every_situation_a_changed_input_launches_unless_the_author_said_never() -> None:
    for now in SPACE:
        if now.inputs_differ and now.rerun is not Rerun.NEVER:
            assert decide(now).action.launches or decide(now).reason == "ended_unseen"
