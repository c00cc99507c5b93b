"""Paths and merges in the document of a launch (wire protocol 2.9)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.local.db.documents import PathError, merge, parse_path, read, write
from taskspec.local.db.server_database import matches_pattern

steps = st.from_regex(r"[A-Za-z_]{1,5}", fullmatch=True) | st.integers(0, 3)
paths = st.builds(
    lambda first, rest: (first, *rest), st.from_regex(r"[a-z]{1,4}", fullmatch=True), st.lists(steps, max_size=4)
)
json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(path=paths)
def test_a_path_is_read_as_it_is_written(path: tuple[Any, ...]) -> None:
    text = str(path[0]) + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[1:])
    assert parse_path(text) == path


@given(path=paths, value=json_values)
def test_what_is_written_at_a_path_is_read_there(path: tuple[Any, ...], value: Any) -> None:
    document: dict[str, Any] = {}
    if any(isinstance(step, int) and step > 0 for step in path):
        with pytest.raises(PathError, match="beyond the end"):
            write(document, path, value, append=False, recursive=False)
        return
    write(document, path, value, append=False, recursive=False)
    assert read(document, path) == value


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "[0]", "a[-1]", "a[0]b"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


@pytest.mark.parametrize(
    ("old", "new", "one_level", "deep"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}, {"a": [1, 2]}),
        ([1], [2, 3], [1, 2, 3], [1, 2, 3]),
        ([1], 2, [1, 2], [1, 2]),
        (1, 2, 2, 2),
        (None, {"a": 1}, {"a": 1}, {"a": 1}),
    ],
)
def test_merging(old: Any, new: Any, one_level: Any, deep: Any) -> None:
    assert merge(old, new, recursive=False) == one_level
    assert merge(old, new, recursive=True) == deep


@pytest.mark.parametrize(
    ("value", "pattern", "minding_case", "folded"),
    [
        ("abc", "abc", True, True),
        ("abc", "ABC", False, True),
        ("abc", "a%", True, True),
        ("abc", "%b%", True, True),
        ("abc", "a_c", True, True),
        ("abc", "a", False, False),
        ("a.c", "a.c", True, True),
        ("abc", "a.c", False, False),
        ("a\nb", "a%b", True, True),
        ("", "%", True, True),
        (None, "%", None, None),
    ],
)
def test_patterns(value: str | None, pattern: str, minding_case: bool | None, folded: bool | None) -> None:
    assert matches_pattern(value, pattern, 0) is minding_case
    assert matches_pattern(value, pattern, 1) is folded
