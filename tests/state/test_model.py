"""What a journal adds up to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.state.model import Event, EventKind, Outcome, Phase, Record, State, StoredEvent, fold

from .journals import INPUTS, KEY, event, stored

OTHER_KEY = "0" * 19 + "2"
RUN_STARTED, INTENT, STARTED, REFUSED, ENDED, PUBLISHED, FORGOTTEN, RUN_ENDED, ADOPTED, MOVED, *_ = EventKind


def folded(*events: Event) -> State:
    return fold("lineage", stored(*events))


def the_record(*events: Event) -> Record | None:
    return folded(*events).records.get("train")


def described(record: Record | None) -> str:
    """A record as a reader would say it."""
    if record is None:
        return "no record"
    words = [record.phase.value, f"attempt {record.attempt}"]
    words += [f"launch {record.task_id}"] if record.task_id is not None else []
    words += [str(record.outcome)] if record.outcome is not None else []
    words += ["published"] if record.published else []
    return ", ".join(words)


GOES, LIVES, NO, ENDS, SHOWS, DROPS = (event(k) for k in (INTENT, STARTED, REFUSED, ENDED, PUBLISHED, FORGOTTEN))
TAKEN, AWAY = event(ADOPTED), event(MOVED, to="fit")
FAILED = event(ENDED, outcome="failed", summary="exit code 1", results={})
SECOND = event(INTENT, key=OTHER_KEY, attempt=2)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], "no record", id="nothing happened"),
        pytest.param([GOES], "intended, attempt 1", id="intent"),
        pytest.param([GOES, LIVES], "started, attempt 1, launch 41", id="started"),
        pytest.param([GOES, NO], "refused, attempt 1", id="refused"),
        pytest.param([GOES, LIVES, ENDS], "ended, attempt 1, launch 41, succeeded", id="ended"),
        pytest.param([GOES, LIVES, FAILED], "ended, attempt 1, launch 41, failed", id="ended badly"),
        pytest.param([GOES, LIVES, ENDS, SHOWS], "ended, attempt 1, launch 41, succeeded, published", id="published"),
        pytest.param([GOES, LIVES, ENDS, DROPS], "no record", id="forgotten"),
        pytest.param(
            [GOES, LIVES, ENDS, DROPS, GOES], "intended, attempt 1", id="launched again after it was forgotten"
        ),
        pytest.param([GOES, LIVES, ENDS, SECOND], "intended, attempt 2", id="a new intent replaces what was before"),
        pytest.param([GOES, GOES, LIVES], "started, attempt 1, launch 41", id="the same intent repeated"),
        pytest.param(
            [GOES, SECOND, LIVES], "intended, attempt 2", id="an answer to the attempt before changes nothing"
        ),
        pytest.param(
            [GOES, LIVES, SECOND, ENDS], "intended, attempt 2", id="an end of the attempt before changes nothing"
        ),
        pytest.param(
            [GOES, LIVES, ENDS, event(INTENT, address="other")], "ended, attempt 1, launch 41, succeeded", id="another"
        ),
        pytest.param([GOES, LIVES, TAKEN], "started, attempt 1, launch 41", id="adopted"),
        pytest.param(
            [GOES, LIVES, ENDS, SHOWS, TAKEN],
            "ended, attempt 1, launch 41, succeeded, published",
            id="that it was adopted changes nothing more",
        ),
        pytest.param([GOES, LIVES, ENDS, AWAY], "no record", id="moved away"),
        pytest.param([GOES, LIVES, ENDS, AWAY, GOES], "intended, attempt 1", id="launched again after it was moved"),
        pytest.param([event(MOVED, address="old", to="train")], "no record", id="nothing to move"),
        pytest.param([LIVES], "no record", id="a start without its intent"),
    ],
)
def test_the_record_of_an_address_is_the_sum_of_its_events(events: list[Event], expected: str) -> None:
    assert described(the_record(*events)) == expected


def test_a_record_carries_what_the_intent_said_and_where_it_stands() -> None:
    record = the_record(event(RUN_STARTED), GOES, LIVES, ENDS, SHOWS)
    assert record is not None
    assert (record.key, record.fingerprint, record.inputs, record.watermark) == (KEY, "f" * 64, INPUTS, 40)
    assert (record.number, record.intended_at) == (2, "2026-01-01T00:00:02.000Z")
    assert (record.ended_at, record.results, record.published) == ("2026-01-01T00:00:04.000Z", {"map": 0.9}, "d" * 64)
    assert record.succeeded


def test_a_refusal_and_a_failure_keep_their_words() -> None:
    refused, failed = the_record(GOES, NO), the_record(GOES, LIVES, FAILED)
    assert refused is not None
    assert failed is not None
    assert (refused.summary, failed.summary) == ("no such agent", "exit code 1")
    assert not refused.succeeded
    assert not failed.succeeded


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.SUCCEEDED])
def test_no_other_outcome_is_a_success(outcome: Outcome) -> None:
    record = Record("a", KEY, 1, "f", {}, 0, 1, "", phase=Phase.ENDED, outcome=outcome)
    assert not record.succeeded


def test_a_run_has_its_counts_once_it_has_ended() -> None:
    open_run = folded(event(RUN_STARTED)).runs[0]
    ended_run = folded(event(RUN_STARTED), event(RUN_ENDED)).runs[0]
    assert (open_run.run, open_run.ended_at, open_run.counts) == ("r1", "", {})
    assert open_run.about["server"] == "local"
    assert (ended_run.ended_at, ended_run.counts) == ("2026-01-01T00:00:02.000Z", {"succeeded": 1})


def test_a_record_that_was_moved_is_the_same_under_another_address_and_goes_on() -> None:
    before = the_record(GOES, LIVES)
    state = folded(GOES, LIVES, AWAY, event(ENDED, address="fit"))
    assert before is not None
    assert set(state.records) == {"fit"}
    assert described(state.records["fit"]) == "ended, attempt 1, launch 41, succeeded"
    assert folded(GOES, LIVES, AWAY).records["fit"] == replace(before, address="fit")


@pytest.mark.parametrize(
    ("events", "attempts"),
    [
        ([GOES, SECOND], {"train": 2}),
        ([GOES, SECOND, DROPS], {"train": 2}),
        ([GOES, SECOND, DROPS, GOES], {"train": 2}),
        ([GOES, SECOND, AWAY], {"train": 2, "fit": 2}),
        ([], {}),
    ],
)
def test_the_highest_attempt_outlives_its_record(events: list[Event], attempts: dict[str, int]) -> None:
    assert folded(*events).attempts == attempts


@pytest.mark.parametrize("kind", [EventKind.IMPORTED, EventKind.LOCK_BROKEN])
def test_what_is_about_the_whole_state_changes_no_record(kind: EventKind) -> None:
    assert folded(GOES, LIVES, event(kind)).records == folded(GOES, LIVES).records


def test_the_end_of_a_run_without_a_begin_is_ignored() -> None:
    assert folded(event(RUN_ENDED)).runs == ()


def test_the_serial_is_the_number_of_the_last_event() -> None:
    assert (folded().serial, folded(GOES, LIVES).serial, folded(GOES, LIVES, ENDS).serial) == (0, 2, 3)


@st.composite
def journals(draw: st.DrawFn) -> list[StoredEvent]:
    """Valid journals: a few addresses, each with some attempts, their events mixed."""
    lives = [draw(_life(f"task[{number}]", number)) for number in range(draw(st.integers(0, 4)))]
    order = draw(st.permutations([number for number, life in enumerate(lives) for _ in life]))
    iterators = [iter(life) for life in lives]
    mixed = [next(iterators[number]) for number in order]
    return stored(event(RUN_STARTED), *mixed, *([event(RUN_ENDED)] if draw(st.booleans()) else []))


@st.composite
def _life(draw: st.DrawFn, address: str, number: int) -> list[Event]:
    events: list[Event] = []
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        key = f"{number:010x}{attempt:010x}"
        ways = st.sampled_from([[INTENT], [INTENT, REFUSED], [INTENT, STARTED], [INTENT, STARTED, ENDED]])
        events += [event(kind, address=address, key=key) for kind in draw(ways)]
    return events


@given(journals())
def test_every_prefix_of_a_valid_journal_is_a_state(journal: list[StoredEvent]) -> None:
    for length in range(len(journal) + 1):
        state = fold("lineage", journal[:length])
        assert state.serial == length
        intended = {row.event.address for row in journal[:length] if row.event.kind is INTENT}
        assert set(state.records) == intended
        assert all(record.task_id is not None for record in state.records.values() if record.phase is Phase.STARTED)


@given(journals())
def test_a_record_only_depends_on_the_events_of_its_own_address(journal: list[StoredEvent]) -> None:
    whole = fold("lineage", journal).records
    for address, record in whole.items():
        alone = [row for row in journal if row.event.address == address]
        assert fold("lineage", alone).records[address] == record
