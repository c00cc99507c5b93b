"""Places in a text, and suggestions for a wrong name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code, Diagnostic, Severity, Source, Span, choices, in_order, nearest

TEXTS = st.text("ab\n\r\té😀", max_size=30)


@given(TEXTS, st.integers(0, 30))
def test_line_and_column_lead_back_to_the_offset(text: str, offset: int) -> None:
    offset = min(offset, len(text))
    line, column = Source("s", text).position(offset)
    before = text[:offset]
    assert (line, column) == (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


@given(TEXTS)
def test_the_lines_of_a_source_are_its_text(text: str) -> None:
    source = Source("s", text)
    lines = text.split("\n")
    assert [source.line(n + 1) for n in range(len(lines))] == [line.rstrip("\r") for line in lines]
    assert source.line(0) == source.line(len(lines) + 1) == ""


@given(TEXTS, st.integers(0, 30), st.integers(0, 30))
def test_a_span_underlines_at_least_one_character_and_never_beyond_its_first_line(text: str, a: int, b: int) -> None:
    span = Span(Source("s", text), *sorted((min(a, len(text)), min(b, len(text)))))
    first_line = text[span.start : span.end].split("\n", maxsplit=1)[0]
    assert 1 <= span.length <= max(1, len(first_line))


@pytest.mark.parametrize(
    ("part", "expected"), [("var.x", (3, 8)), ("nowhere", (0, 11)), ("", (0, 11)), ("tail", (0, 11)), ("{{", (0, 2))]
)
def test_a_span_narrows_to_the_part_that_spells_it_and_stays_otherwise(part: str, expected: tuple[int, int]) -> None:
    span = Span(Source("s", "{{ var.x }} tail"), 0, 11).narrowed(part)
    assert (span.start, span.end) == expected


@pytest.mark.parametrize(
    ("word", "words", "expected"),
    [
        ("trian", ["train", "test"], 'Did you mean "train"?'),
        ("parms", ["params"], 'Did you mean "params"?'),
        ("xyz", ["train"], ""),
        ("x", [], ""),
    ],
)
def test_the_nearest_name_is_offered_when_it_is_near(word: str, words: list[str], expected: str) -> None:
    assert nearest(word, words) == expected


def test_the_choices_are_sorted_and_bounded() -> None:
    assert choices("a", [], label="Tasks") == "Tasks: none."
    assert choices("q", ["c", "b"], label="Tasks") == "Tasks: b, c."
    assert choices("q", map(str, range(10, 99)), label="Keys", limit=2) == "Keys: 10, 11, … (87 more)."


def test_diagnostics_are_read_in_the_order_of_the_text_without_repeats() -> None:
    a, b = Source("a.yaml", "x" * 50), Source("b.yaml", "x" * 50)
    ordered = [
        Diagnostic(Code.FILE, "1", Span(a, 2, 3)),
        Diagnostic(Code.FILE, "2", Span(a, 2, 3)),
        Diagnostic(Code.FILE, "1", Span(a, 10, 11)),
        Diagnostic(Code.FILE, "0", Span(b, 0, 1), severity=Severity.WARNING),
        Diagnostic(Code.FILE, "0"),
    ]
    assert in_order([*reversed(ordered), *ordered]) == ordered


def test_every_code_is_its_own() -> None:
    assert len({code.value for code in Code}) == len(list(Code.__members__))
    assert all(code.value.startswith("TS") and code.value[2:].isdigit() for code in Code)
