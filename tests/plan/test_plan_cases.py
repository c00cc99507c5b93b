"""Golden plans: each folder of tests/cases/plan is a spec, a past, and the plan they give, for people and as JSON.

`pytest tests/plan --update-cases` writes plan.txt and plan.json again; the diff is what is reviewed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from taskspec.plan.model import Observed, Plan
from taskspec.state.model import Outcome, Phase, Record, State
from taskspec.values import digest
from taskspec.view.json_documents import plan_document
from taskspec.view.plan_text import draw_plan
from taskspec.view.terminal_text import Paint

from .planning import LINEAGE, Pipeline

CASES = Path(__file__).parent.parent / "cases" / "plan"
ORDINARY = {"branch": False, "agent": None, "workspace": None, "restart_policy": "never", "log_level": "info"}


def case_plan(case: Path) -> Plan:
    past = json.loads((case / "state.json").read_text(encoding="utf-8"))
    records = {address: record_of(address, number, said) for number, (address, said) in numbered(past)}
    world = {a: observed(r, past["world"].get(a, "finished")) for a, r in records.items() if r.task_id is not None}
    known = {address: seen for address, seen in world.items() if seen is not None}
    selection = {flag: tuple(values) for flag, values in past.get("selection", {}).items()}
    pipeline = Pipeline(case / "spec.yaml")
    return pipeline.plan(State(LINEAGE, len(records), records, ()), known, **selection)


def numbered(past: Mapping[str, Any]) -> list[tuple[int, tuple[str, Mapping[str, Any]]]]:
    return list(enumerate(past["records"].items(), start=1))


def record_of(address: str, number: int, said: Mapping[str, Any]) -> Record:
    inputs = said["inputs"] if "body" in said["inputs"] else {**ORDINARY, **said["inputs"]}
    return Record(
        address=address,
        key=f"{number:020x}",
        attempt=said.get("attempt", 1),
        fingerprint=digest(inputs),
        inputs=inputs,
        watermark=0,
        number=number,
        intended_at="2026-01-01T00:00:00.000Z",
        phase=Phase(said.get("phase", "ended")),
        task_id=said.get("task_id"),
        outcome=Outcome(said["outcome"]) if "outcome" in said else None,
        results=said.get("results", {}),
        summary=said.get("summary", ""),
    )


def observed(record: Record, status: str | None) -> Observed | None:
    if status is None:
        return None
    return Observed(record.task_id or 0, status, status in ("finished", "error", "stopped"), {})


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_a_plan_is_what_the_case_says(case: Path, request: pytest.FixtureRequest) -> None:
    plan = case_plan(case)
    drawn = {
        "plan.txt": draw_plan(plan, Paint(enabled=False)),
        "plan.json": json.dumps(plan_document(plan), indent=2, ensure_ascii=False) + "\n",
    }
    for name, text in drawn.items():
        if request.config.getoption("--update-cases", default=False):
            (case / name).write_text(text, encoding="utf-8")
        assert (case / name).read_text(encoding="utf-8") == text
