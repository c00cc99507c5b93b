"""Encoded answers: the same with and without orjson."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.local.http import bodies


class Word(StrEnum):
    ONE = "one"


VALUES = {
    "scalars": [None, True, False, 0, -1, 2**63 - 1, 0.1, -2.5, 1.0, ""],
    "text": {"é": '日本 \x00\x1f\x7f\u2028 "\\/ \b\f\n\r\t 😀'},
    "nesting": {"a": [{"b": []}, {}], "c": (1, 2)},
    "an enum": [Word.ONE, {"x": Word.ONE}],
    "no number": [math.nan, math.inf, {"x": -math.inf}],
    "beyond 64 bits": [2**64, {"x": -(2**70)}],
    "half of a surrogate pair": ["\ud800"],
    "a key that is a number": {1: "x"},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_bytes_are_the_same_without_orjson(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("orjson")
    fast = bodies.encode(value)
    monkeypatch.setattr(bodies, "orjson", None)
    assert bodies.encode(value) == fast


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_any_value_gives_the_same_bytes_without_orjson(value: Any) -> None:
    pytest.importorskip("orjson")
    fast = bodies.encode(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "orjson", None)
        assert bodies.encode(value) == fast


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_it_was(value: float) -> None:
    assert json.loads(bodies.encode([value])) == [value]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "orjson", None)
        assert json.loads(bodies.encode([value])) == [value]
