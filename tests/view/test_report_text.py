"""Reports, results and status as text; tests/cases/plan has the plans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from taskspec.engine.events import RunReport, TaskEnded
from taskspec.operations.status import RecordedLaunch
from taskspec.plan.model import Action, Observed, Reason
from taskspec.state.model import Outcome, Phase, Record
from taskspec.view.labels import COLOURS, OUTCOME_COLOURS, REASONS, duration, show
from taskspec.view.report_text import draw_report, draw_results
from taskspec.view.status_text import draw_status
from taskspec.view.summaries import report_summary
from taskspec.view.terminal_text import Paint

PLAIN = Paint()
FAILED = TaskEnded("train", Outcome.FAILED, 41, "exit code 3", 5.0, ("loading", "no GPU"))
SKIPPED = TaskEnded("test", Outcome.SKIPPED, summary='needs "train", which failed', because_of="train")
GOOD = TaskEnded("prepare", Outcome.SUCCEEDED, 40, seconds=1.0)


def report(*tasks: TaskEnded, **fields: object) -> RunReport:
    return replace(RunReport("r1", tasks, {}, 61.0), **fields)  # type: ignore[arg-type]  # a row names its fields


def test_a_failure_comes_with_its_cause_its_log_and_what_was_skipped_because_of_it() -> None:
    drawn = draw_report(report(GOOD, FAILED, SKIPPED), PLAIN)
    assert "train (launch 41): exit code 3" in drawn
    assert "  │ loading\n  │ no GPU\n" in drawn
    assert "taskspec logs train" in drawn
    assert 'test  needs "train", which failed' in drawn
    assert drawn.index("no GPU") < drawn.index("Skipped")


def test_the_summary_counts_every_outcome_once() -> None:
    assert report_summary(report(GOOD, FAILED, SKIPPED)) == "Applied: 1 succeeded, 1 failed, 1 skipped in 1m 01s."
    assert report_summary(report()) == "Applied: nothing in 1m 01s."


def test_results_are_shown_only_when_all_went_well() -> None:
    results = {"map": 0.9}
    assert "map = 0.9" in draw_report(report(GOOD, results=results), PLAIN)
    assert "map = 0.9" not in draw_report(report(FAILED, results=results), PLAIN)
    assert "map = 0.9" not in draw_report(report(GOOD, results=results, detached=True), PLAIN)


def test_a_detached_run_tells_how_to_go_on() -> None:
    running = TaskEnded("train", Outcome.RUNNING, 41)
    drawn = draw_report(report(running, detached=True), PLAIN)
    assert "taskspec apply" in drawn
    assert "taskspec stop" in drawn


def test_an_interrupted_run_that_left_nothing_behind_says_so() -> None:
    drawn = draw_report(report(GOOD, detached=True), PLAIN)
    assert "Interrupted: no launch is running." in drawn
    assert "Detached" not in drawn


@pytest.mark.parametrize(
    ("tasks", "unstopped", "failed"),
    [
        ([Outcome.SUCCEEDED, Outcome.KEPT], (), False),
        ([Outcome.RUNNING, Outcome.PENDING], (), False),
        ([Outcome.SUCCEEDED, Outcome.FAILED], (), True),
        ([Outcome.STOPPED], (), True),
        ([Outcome.SKIPPED], (), True),
        ([Outcome.SUCCEEDED], ("gone",), True),
    ],
)
def test_a_run_has_failed_when_anything_has(tasks: list[Outcome], unstopped: tuple[str, ...], failed: bool) -> None:
    ended = tuple(TaskEnded(str(n), outcome) for n, outcome in enumerate(tasks))
    assert report(*ended, unstopped=unstopped).failed is failed


RECORD = Record("train", "k", 1, "f", {}, 0, 1, "", phase=Phase.ENDED, task_id=41, outcome=Outcome.SUCCEEDED)
RUNNING = Observed(41, "started", is_terminal=False, output={})
FINISHED = Observed(41, "finished", is_terminal=True, output={})


@pytest.mark.parametrize(
    ("record", "observed", "in_spec", "words"),
    [
        (RECORD, FINISHED, True, ["succeeded", "launch 41"]),
        (RECORD, None, True, ["succeeded", "the server has forgotten it"]),
        (RECORD, RUNNING, True, ["started", "restarted outside of taskspec"]),
        (RECORD, FINISHED, False, ["succeeded", "no longer in the spec"]),
        (replace(RECORD, phase=Phase.STARTED, outcome=None), RUNNING, True, ["started", "launch 41"]),
        (replace(RECORD, phase=Phase.STARTED, outcome=None), RUNNING, False, ["the next apply stops it"]),
        (replace(RECORD, phase=Phase.STARTED, outcome=None), FINISHED, True, ["finished"]),
        (replace(RECORD, outcome=Outcome.FAILED, summary="exit code 3"), FINISHED, True, ["failed", "exit code 3"]),
        (replace(RECORD, phase=Phase.REFUSED, task_id=None, outcome=None), None, True, ["refused", "no launch"]),
        (replace(RECORD, phase=Phase.INTENDED, task_id=None, outcome=None), None, True, ["intended", "no launch"]),
    ],
)
def test_a_standing_tells_what_we_know_and_where_the_server_differs(
    record: Record, observed: Observed | None, in_spec: bool, words: list[str]
) -> None:
    drawn = draw_status([RecordedLaunch(record, observed)], ["train"] if in_spec else [], PLAIN)
    assert len(drawn.splitlines()) == 1
    assert all(word in drawn for word in words)


def test_names_and_values_of_results_cannot_steer_a_terminal() -> None:
    drawn = draw_results({"a": "\x1b[31mred", "b": {"c": "\x1b[31mred"}, "d": "two\nlines"}, PLAIN)
    assert all(row.isprintable() for row in drawn)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0s"), (3.24, "3.2s"), (59.9, "59.9s"), (59.99, "1m 00s"), (60, "1m 00s"), (245, "4m 05s"),
     (3599.7, "1h 00m"), (7620, "2h 07m")],
)  # fmt: skip
def test_a_duration_is_short(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        ("text", '"text"'),
        ("1", '"1"'),
        (1, "1"),
        ({"a": [1, "b"]}, '{a: [1, "b"]}'),
        ("x" * 500, '"' + "x" * 118 + "…"),
    ],
)
def test_a_value_is_one_short_line_that_tells_text_from_numbers(value: object, shown: str) -> None:
    assert show(value) == shown


def test_every_word_of_the_middle_has_words_for_people() -> None:
    assert set(REASONS) == set(Reason)
    assert set(COLOURS) == set(Action)
    assert set(OUTCOME_COLOURS) == set(Outcome)
    assert len({action.sign for action in Action}) == len(Action)
