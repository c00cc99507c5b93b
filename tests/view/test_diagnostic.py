"""How a problem is drawn: the place, the line, the mark under it, and nothing that could steer a terminal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code, Diagnostic, Severity, Source, Span
from taskspec.view.diagnostic import SHOWN_AT_ONCE, draw, draw_all
from taskspec.view.terminal_text import Paint

PLAIN = Paint()
SOURCE = Source("spec.yaml", "taskspec: 1\ntasks:\n  train:\n    modul: x\n")


def problem(summary: str = 'task "train" has no key "modul"', **more: object) -> Diagnostic:
    return Diagnostic(Code.UNKNOWN_KEY, summary, Span(SOURCE, 32, 37), **more)  # type: ignore[arg-type]


def test_a_problem_is_drawn_with_its_line_and_what_to_do() -> None:
    assert draw(problem(detail="first\nsecond", remedy='Did you mean "module"?'), PLAIN) == (
        'Error[TS110]: task "train" has no key "modul"\n'
        "\n"
        "  spec.yaml:4:5\n"
        "  3 │   train:\n"
        "  4 │     modul: x\n"
        "    │     ^^^^^\n"
        "\n"
        "  first\n"
        "  second\n"
        "\n"
        '  Did you mean "module"?\n'
    )


def test_without_a_place_only_the_words_are_drawn() -> None:
    assert draw(Diagnostic(Code.FILE, "no", severity=Severity.WARNING), PLAIN) == "Warning[TS100]: no\n"


def test_a_span_over_many_lines_is_marked_on_its_first() -> None:
    drawn = draw(Diagnostic(Code.FILE, "x", Span(SOURCE, 12, 41)), PLAIN)
    assert drawn.endswith("  1 │ taskspec: 1\n  2 │ tasks:\n    │ ^^^^^^\n")


def test_a_very_long_line_is_cut_and_a_mark_beyond_the_cut_left_out() -> None:
    source = Source("spec.yaml", "a" * 10_000)
    near, far = (draw(Diagnostic(Code.FILE, "x", Span(source, at, at + 5000)), PLAIN) for at in (10, 5000))
    assert max(map(len, (near + far).splitlines())) < 200
    assert "^" in near
    assert "^" not in far


def test_many_problems_are_counted_and_the_first_ones_shown() -> None:
    drawn = draw_all([problem(str(n)) for n in range(SHOWN_AT_ONCE + 7)], PLAIN)
    assert drawn.count("Error[") == SHOWN_AT_ONCE
    assert "… and 7 more\n" in drawn
    assert drawn.endswith(f"{SHOWN_AT_ONCE + 7} errors\n")
    assert draw_all([], PLAIN) == ""
    assert "errors" not in draw_all([problem()], PLAIN)


def test_colour_adds_codes_and_changes_no_word() -> None:
    coloured = draw_all([problem(), problem("b", severity=Severity.WARNING)], Paint(enabled=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == draw_all(
        [problem(), problem("b", severity=Severity.WARNING)], PLAIN
    )


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_text_of_an_author_reaches_the_terminal_as_a_command(text: str, summary: str, remedy: str) -> None:
    source = Source(text, text)
    drawn = draw(Diagnostic(Code.FILE, summary, Span(source, 0, len(text)), detail=remedy, remedy=remedy), PLAIN)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", drawn)


def test_a_name_with_a_line_break_stays_on_the_line_of_its_message() -> None:
    assert draw(Diagnostic(Code.FILE, 'no "a\nb"', remedy="x\ny"), PLAIN) == 'Error[TS100]: no "a\\nb"\n\n  x\\ny\n'
