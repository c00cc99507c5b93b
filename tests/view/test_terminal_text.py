"""Safe text and colour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.view.terminal_text import Paint, clean, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 😀 │", "plain é 😀 │"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("back\x08space\x7f", "back\\x08space\\x7f"),
        ("\r\x00\x9b", "\\x0d\\x00\\x9b"),
        ("\u202eright to left\u2069", "\\x202eright to left\\x2069"),
        ("\u2028\u2029\u200e\u061c", "\\x2028\\x2029\\x200e\\x61c"),
    ],
)
def test_control_and_direction_characters_become_visible(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(2, 50))
def test_one_line_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert "\t" not in line


@given(st.text())
def test_clean_text_is_clean_already(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_paint_puts_colour_on_only_when_it_is_wanted() -> None:
    assert Paint(enabled=True)("x", "bold", "red") == "\x1b[1;31mx\x1b[0m"
    assert Paint(enabled=True)("x") == "x"
    assert Paint()("x", "bold", "red") == "x"
