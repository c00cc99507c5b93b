"""Durations as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.specfile.fields.retries_and_deadlines import (
    DEFAULT_DEADLINES,
    PATTERN,
    FailureKind,
    Retry,
    Stage,
    read_deadlines,
    read_retry,
    seconds,
    show,
)
from taskspec.specfile.schema import load_schema


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("30m", 1800), ("12h", 43200), ("2d", 172800), ("1h30m", 5400), ("0.5s", 0.5), (15, 15), (0, 0)],
)
def test_a_duration_is_read(text: str | float, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m5", "5 m", "5w", "-5s", "5s5", "1h 30m", "s"])
def test_what_is_not_a_duration_is_refused_by_the_reader_and_by_the_schema(text: str) -> None:
    with pytest.raises(ValueError, match="not a valid duration"):
        seconds(text)
    assert not re.search(PATTERN, text)


@given(st.integers(min_value=0, max_value=10**6))
def test_what_is_shown_can_be_read(value: int) -> None:
    assert seconds(show(value)) == value


def test_the_schema_accepts_what_the_reader_does() -> None:
    deadlines = load_schema("spec")["definitions"]["task"]["properties"]["deadlines"]["properties"]
    assert set(deadlines) == set(Stage)
    assert all(stage["pattern"] == PATTERN for stage in deadlines.values())


def test_every_class_that_can_be_tried_again_is_in_the_schema() -> None:
    listed = load_schema("spec")["definitions"]["task"]["properties"]["retry"]["properties"]["on"]["items"]["enum"]
    never = {FailureKind.INPUTS, FailureKind.UNKNOWN_START}
    assert set(listed) == set(FailureKind) - never


def test_no_default_deadline_cuts_a_training() -> None:
    assert DEFAULT_DEADLINES[Stage.RUNNING] is None
    assert read_deadlines({"queued": "30m", "stopping": None}).limits == {
        **DEFAULT_DEADLINES,
        Stage.QUEUED: 1800.0,
        Stage.STOPPING: None,
    }


def test_pauses_double_up_to_an_hour() -> None:
    rule = Retry(attempts=20, backoff=30)
    assert [rule.pause_before(attempt) for attempt in (2, 3, 4, 10)] == [30, 60, 120, 3600]


def test_without_a_rule_a_launch_is_tried_once() -> None:
    assert read_retry({}).attempts == 1
    assert read_retry({"on": ["error"]}).attempts == 2
