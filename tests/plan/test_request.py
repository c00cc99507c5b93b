"""Each attempt of a launch has a key of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from taskspec.plan.request import start_key
from taskspec.plan.request_diff import last_key
from taskspec.state.model import Phase, Record

from .planning import LINEAGE

INTENDED = Record("a", "thekey", 2, "fp", {}, 0, 1, "")


@pytest.mark.parametrize(
    ("record", "fingerprint", "expected"),
    [
        pytest.param(None, "fp", 1, id="the first attempt"),
        pytest.param(replace(INTENDED, phase=Phase.REFUSED), "fp", 3, id="after a refusal the next"),
        pytest.param(replace(INTENDED, phase=Phase.STARTED, task_id=1), "fp", 3, id="after a launch the next"),
        pytest.param(INTENDED, "other", 3, id="after an intent with other inputs the next"),
    ],
)
def test_each_attempt_has_its_own_derived_key(record: Record | None, fingerprint: str, expected: int) -> None:
    key, attempt = last_key(record, LINEAGE, "a", fingerprint)
    assert attempt == expected
    assert key == start_key(LINEAGE, "a", fingerprint, expected)


def test_an_intent_without_an_answer_is_sent_again_under_the_same_key() -> None:
    assert last_key(INTENDED, LINEAGE, "a", "fp") == ("thekey", 2)


def test_a_start_that_was_never_sent_keeps_its_key_while_its_inputs_stay() -> None:
    unsent = replace(INTENDED, phase=Phase.REFUSED, was_sent=False)
    assert last_key(unsent, LINEAGE, "a", "fp") == ("thekey", 2)
    assert last_key(unsent, LINEAGE, "a", "other")[1] == 3


def test_keys_differ_by_lineage_address_fingerprint_and_attempt() -> None:
    parts = [("l", "a", "f", 1), ("m", "a", "f", 1), ("l", "b", "f", 1), ("l", "a", "g", 1), ("l", "a", "f", 2)]
    assert len({start_key(*each) for each in parts}) == len(parts)
    assert start_key("l", "a", "f", 1) == start_key("l", "a", "f", 1)


def test_a_forgotten_launch_never_lends_its_key_to_a_new_one() -> None:
    first, attempt = last_key(None, "lineage", "train", "print")
    again, later = last_key(None, "lineage", "train", "print", highest=attempt)
    assert (attempt, later) == (1, 2)
    assert first != again
