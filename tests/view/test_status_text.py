"""Status shows differences between the record and the server with the texts of docs/state.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskspec.operations.status import RecordedLaunch
from taskspec.plan.model import Observed
from taskspec.state.model import Outcome, Phase, Record
from taskspec.view.json_documents import status_document
from taskspec.view.status_text import draw_status
from taskspec.view.terminal_text import Paint

DOCS = (Path(__file__).parent.parent.parent / "docs" / "state.md").read_text(encoding="utf-8")
STARTED = Record("train", "k", 1, "f", {}, 0, 1, "", phase=Phase.STARTED, task_id=41)
DONE = Record("train", "k", 1, "f", {}, 0, 1, "", phase=Phase.ENDED, task_id=41, outcome=Outcome.SUCCEEDED)
RUNS, FINISHED, STOPPED = (
    Observed(41, status, is_terminal=status != "started", output={}) for status in ("started", "finished", "stopped")
)


@pytest.mark.parametrize(
    ("record", "observed", "in_spec", "outcome", "note"),
    [
        pytest.param(STARTED, RUNS, True, "started", "", id="running as recorded"),
        pytest.param(DONE, FINISHED, True, "succeeded", "", id="ended as recorded"),
        pytest.param(DONE, None, True, "succeeded", "the server has forgotten it", id="vanished"),
        pytest.param(STARTED, None, True, "started", "the server has forgotten it", id="vanished while it ran"),
        pytest.param(STARTED, STOPPED, True, "stopped", "stopped since the last run", id="stopped by hand"),
        pytest.param(STARTED, FINISHED, True, "finished", "finished since the last run", id="ended unseen"),
        pytest.param(DONE, RUNS, True, "started", "runs again: restarted outside of taskspec", id="restarted"),
        pytest.param(DONE, FINISHED, False, "succeeded", "no longer in the spec", id="left the spec"),
        pytest.param(
            STARTED, RUNS, False, "started", "no longer in the spec, still running", id="left the spec and runs"
        ),
    ],
)
def test_drift_is_reported(record: Record, observed: Observed | None, in_spec: bool, outcome: str, note: str) -> None:
    launch = RecordedLaunch(record, observed)
    line = draw_status([launch], {"train"} if in_spec else set(), Paint(enabled=False)).rstrip("\n")
    known = f"  train  {outcome:<9}  launch 41"
    assert line.startswith(known)
    rest = line.removeprefix(known).strip()
    assert rest.startswith(note)
    assert bool(rest) == bool(note)
    assert all(word in DOCS for word in note.split(" since ")), "the page explains it"
    row = status_document([launch], {"train"} if in_spec else set())["tasks"][0]
    assert (row["status"], row["in_spec"]) == (observed.status if observed is not None else None, in_spec)
