"""What programs read: every event and every value of it fits the published schema."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from taskspec.diagnostics import Code, Diagnostic
from taskspec.engine.events import EngineEvent, LaunchStarted, Noticed, RunEnded, RunReport, StatusChanged, TaskEnded
from taskspec.plan.model import Action, Reason
from taskspec.specfile.schema import load_schema
from taskspec.state.model import EventKind, Outcome
from taskspec.values import Unknown
from taskspec.view.json_documents import diagnostic_document, event_document, json_value

EVENT = Draft7Validator(load_schema("events"))
outcomes = st.builds(
    TaskEnded,
    st.text(min_size=1),
    st.sampled_from(Outcome),
    st.none() | st.integers(1),
    st.text(),
    st.floats(0, 1e6),
    st.lists(st.text(), max_size=2).map(tuple),
    st.text(),
)
reports = st.builds(
    RunReport,
    st.just("0123456789ab"),
    st.lists(outcomes, max_size=3).map(tuple),
    st.dictionaries(st.text(), st.none() | st.integers() | st.builds(Unknown, st.text())),
    st.floats(0, 1e6),
    st.booleans(),
    unstopped=st.lists(st.text(), max_size=2).map(tuple),
)
events = (
    st.builds(LaunchStarted, st.text(min_size=1), st.integers(), st.booleans())
    | st.builds(StatusChanged, st.text(min_size=1), st.integers(), st.text())
    | outcomes
    | st.builds(Noticed, st.text(), st.text())
    | st.builds(RunEnded, reports)
)


@given(events)
def test_every_event_is_one_line_that_fits_the_schema(event: EngineEvent) -> None:
    text = json.dumps(event_document(event), ensure_ascii=False, allow_nan=False)
    assert "\n" not in text
    EVENT.validate(json.loads(text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "task_ended"},
        {"type": "nonsense"},
        {"type": "noticed", "address": "a", "message": "b", "more": 1},
        {"type": "launch_started", "address": "a", "task_id": "1", "adopted": False},
        {},
    ],
)
def test_the_schema_refuses_what_is_no_event(wrong: dict[str, object]) -> None:
    assert not EVENT.is_valid(wrong)


def test_an_unknown_is_marked_wherever_it_is() -> None:
    later = Unknown("tasks.a.results.x", "tasks.b.id")
    marked = {"unknown": ["tasks.a.results.x", "tasks.b.id"]}
    assert json_value({"a": [later, {"b": later}], "c": 1}) == {"a": [marked, {"b": marked}], "c": 1}


def test_a_diagnostic_without_a_place_says_so() -> None:
    assert diagnostic_document(Diagnostic(Code.PLACE, "wrong", None))["place"] is None


def test_the_schemas_know_every_word_of_the_middle() -> None:
    plan, stream, journal = (load_schema(name) for name in ("plan", "events", "journal"))
    task = plan["definitions"]["task"]["properties"]
    assert task["action"]["enum"] == [str(action) for action in Action]
    assert task["reason"]["enum"] == [str(reason) for reason in Reason]
    assert stream["definitions"]["ended"]["properties"]["outcome"]["enum"] == [str(outcome) for outcome in Outcome]
    assert journal["properties"]["kind"]["enum"] == [str(kind) for kind in EventKind]


@pytest.mark.parametrize("name", ["spec", "plan", "events", "journal"])
def test_every_schema_is_one(name: str) -> None:
    Draft7Validator.check_schema(load_schema(name))
