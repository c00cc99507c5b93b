"""One line for each event that is shown."""

from __future__ import annotations

import pytest

from taskspec.engine.events import EngineEvent, LaunchStarted, Noticed, RunEnded, RunReport, StatusChanged, TaskEnded
from taskspec.state.model import Outcome
from taskspec.view.event_lines import line
from taskspec.view.terminal_text import Paint

REPORT = RunReport("r1", (), {}, 1.0)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (LaunchStarted("train", 41, adopted=False), "train: started launch 41"),
        (LaunchStarted("train", 41, adopted=True), "train: attached to launch 41"),
        (StatusChanged("train", 41, "queued"), "train: queued"),
        (StatusChanged("train", 41, "a word of tomorrow"), "train: a word of tomorrow"),
        (StatusChanged("train", 41, "finished"), None),
        (StatusChanged("train", 41, "error"), None),
        (StatusChanged("train", 41, "stopped"), None),
        (TaskEnded("train", Outcome.SUCCEEDED, 41, seconds=3.21), "train: succeeded (launch 41, 3.2s)"),
        (TaskEnded("train", Outcome.FAILED, 41, "exit code 3", 65), "train: failed (launch 41, 1m 05s): exit code 3"),
        (TaskEnded("train", Outcome.FAILED, None, "no such agent"), "train: failed: no such agent"),
        (
            TaskEnded("test", Outcome.SKIPPED, summary='needs "train"', because_of="train"),
            'test: skipped: needs "train"',
        ),
        (TaskEnded("train", Outcome.KEPT, 41), None),
        (Noticed("train", "two\nlines"), "train: two\\nlines"),
        (RunEnded(REPORT), None),
    ],
)
def test_each_event_has_its_line(event: EngineEvent, expected: str | None) -> None:
    assert line(event, Paint()) == expected


HOSTILE = "\x1b[31mred\x1b[0m \u202eback"


@pytest.mark.parametrize(
    "event",
    [
        LaunchStarted(HOSTILE, 1, adopted=False),
        StatusChanged("a", 1, HOSTILE),
        StatusChanged(HOSTILE, 1, "queued"),
        TaskEnded("a", Outcome.FAILED, 1, HOSTILE),
        TaskEnded(HOSTILE, Outcome.FAILED, 1, "x"),
        Noticed("a", HOSTILE),
        Noticed(HOSTILE, "x"),
    ],
)
def test_foreign_text_cannot_steer_a_terminal(event: EngineEvent) -> None:
    drawn = line(event, Paint())
    assert drawn is not None
    assert drawn.isprintable()
