"""Values: one canonical text, differences that mean it, unknowns that never pass for something known."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.values import (
    ABSENT,
    Unknown,
    UnknownTouchedError,
    canonical,
    differences,
    digest,
    is_known,
    not_json,
    show_path,
    unknowns,
    weighs_more_than,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from([0, 0.0, 1, 1.0, True, "1", "", None])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(value.items())}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_canonical_text_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    assert canonical(value) == canonical(shuffled(value))
    assert digest(value) == digest(shuffled(value))


@given(JSON)
def test_canonical_text_is_json_and_reads_as_the_value(value: Any) -> None:
    again = json.loads(canonical(value))
    assert again == value
    assert canonical(again) == canonical(value)


@given(JSON, JSON)
def test_nothing_differs_if_and_only_if_the_canonical_texts_are_equal(before: Any, after: Any) -> None:
    assert (not list(differences(before, after))) == (canonical(before) == canonical(after))


@given(JSON, JSON)
def test_a_difference_names_the_path_and_what_stands_there(before: Any, after: Any) -> None:
    for path, old, new in differences(before, after):
        assert at(before, path) is old or at(before, path) == old
        assert at(after, path) is new or at(after, path) == new


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        if isinstance(value, dict) and part not in value:
            return ABSENT
        value = value[part]
    return value


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [(("a",), 1, 2)]),
        ({"a": 1}, {"a": 1, "b": None}, [(("b",), ABSENT, None)]),
        ({"a": 1}, {}, [(("a",), 1, ABSENT)]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [(("a", 1, "b"), 2, 3)]),
        ({"a": [1, 2]}, {"a": [1]}, [(("a",), [1, 2], [1])]),
        ({"a": {}}, {"a": []}, [(("a",), {}, [])]),
        ({"a": 1}, {"a": True}, [(("a",), 1, True)]),
        ({"a": 1}, {"a": 1.0}, [(("a",), 1, 1.0)]),
        ({"a": "1"}, {"a": 1}, [(("a",), "1", 1)]),
        (None, None, []),
    ],
)
def test_differences_are_leaves_in_order(before: Any, after: Any, expected: list[Any]) -> None:
    found = list(differences(before, after))
    assert found == expected
    assert [(type(old), type(new)) for _, old, new in found] == [(type(old), type(new)) for _, old, new in expected]


def test_an_unknown_differs_from_everything_even_from_itself() -> None:
    unknown = Unknown("tasks.a.id")
    assert [path for path, _, _ in differences({"x": unknown, "y": 1}, {"x": unknown, "y": 1})] == [("x",)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_canonical_text_refuses_what_is_no_number_in_json(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical(value)


TOUCHES: list[Callable[[Any], object]] = [
    str, bool, int, float, len, iter, abs, round, list, sorted, operator.neg, operator.pos, operator.index, "{}".format,
    lambda u: f"{u:>3}", lambda u: 1 in u, lambda u: u in [1], lambda u: u == 1, lambda u: u == 1, lambda u: u != 1,
    lambda u: u < 1,
    lambda u: u >= 1, lambda u: u < 1, lambda u: u + 1, lambda u: 1 + u, lambda u: u - 1, lambda u: 1 - u,
    lambda u: u * 2,
    lambda u: 2 * u, lambda u: u / 2, lambda u: 2 / u, lambda u: u // 2, lambda u: 2 // u, lambda u: u % 2,
    lambda u: 2 % u,
    lambda u: "x" + u, lambda u: [1][u], lambda u: sum([u]), ",".join,
]  # fmt: skip


@pytest.mark.parametrize("touch", TOUCHES)
def test_nothing_can_be_made_of_an_unknown(touch: Callable[[Any], object]) -> None:
    with pytest.raises(UnknownTouchedError, match=r"known after apply: tasks\.a\.id"):
        touch(Unknown("tasks.a.id"))


def test_a_part_of_an_unknown_is_the_same_unknown() -> None:
    unknown = Unknown("a", "b", "a")
    assert unknown["x"][0] is unknown
    assert unknown.describe() == "(known after apply: a, b)"
    with pytest.raises(AttributeError):
        unknown.producers = ()


@given(JSON)
def test_a_value_is_known_until_an_unknown_is_put_into_it(value: Any) -> None:
    unknown = Unknown("x")
    assert is_known(value)
    assert next(unknowns({"a": [value, {"b": unknown}]})) is unknown
    assert not is_known([value, unknown])


@given(JSON)
def test_json_values_are_json(value: Any) -> None:
    assert not_json(value) is None


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (float("nan"), ()),
        ({"a": [1, float("inf")]}, ("a", 1)),
        ({"a": {1: 2}}, ("a",)),
        ([{1, 2}], (0,)),
        ({"a": b"bytes"}, ("a",)),
        (2**63, ()),
        (-(2**63) - 1, ()),
        (["\ud800"], (0,)),
        (object(), ()),
    ],
)
def test_what_is_no_json_is_found_at_its_path(value: Any, path: tuple[Any, ...]) -> None:
    problem = not_json(value)
    assert problem is not None
    assert problem[0] == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("params", "model", "layers", 2), "params.model.layers[2]"),
        ((0, "a"), "[0].a"),
        ((), ""),
        (("a", 0, 1, "b"), "a[0][1].b"),
    ],
)
def test_a_path_is_shown_as_people_write_it(path: tuple[str | int, ...], text: str) -> None:
    assert show_path(path) == text


def test_a_value_that_says_another_twice_over_and_over_weighs_without_being_walked() -> None:
    value: Any = ["x"]
    for _ in range(60):
        value = [value, value]
    assert weighs_more_than(value, 10_000)
    assert not weighs_more_than({"a": ["x" * 100]}, 200)
    assert weighs_more_than({"a": ["x" * 200]}, 200)
