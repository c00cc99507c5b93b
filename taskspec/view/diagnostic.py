"""Draw a diagnostic: what is wrong, where, the line with the span underlined, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from taskspec.diagnostics import Diagnostic, Span, in_order
from taskspec.view.terminal_text import Paint, clean
from taskspec.wording import shorten

SHOWN_AT_ONCE = 50
_LINE_LIMIT = 160
_TEXT_LIMIT = 4_000


def draw_all(diagnostics: Iterable[Diagnostic], paint: Paint) -> str:
    """All problems in the order of the file, and their number."""
    ordered = in_order(diagnostics)
    shown = [draw(diagnostic, paint) for diagnostic in ordered[:SHOWN_AT_ONCE]]
    errors = sum(diagnostic.is_error for diagnostic in ordered)
    if len(ordered) > SHOWN_AT_ONCE:
        shown.append(f"… and {len(ordered) - SHOWN_AT_ONCE} more\n")
    if errors > 1:
        shown.append(paint(f"{errors} errors", "bold", "red") + "\n")
    return "\n".join(shown)


def draw(diagnostic: Diagnostic, paint: Paint) -> str:
    """One problem, ending in a newline."""
    colour = "red" if diagnostic.is_error else "yellow"
    head = "Error" if diagnostic.is_error else "Warning"
    lines = [f"{paint(f'{head}[{diagnostic.code}]', 'bold', colour)}: {paint(_flat(diagnostic.summary), 'bold')}"]
    if diagnostic.span is not None:
        lines += ["", *_snippet(diagnostic.span, paint, colour)]
    if diagnostic.detail:
        lines += ["", *(f"  {line}" for line in clean(diagnostic.detail[: _TEXT_LIMIT * 4]).splitlines())]
    if diagnostic.remedy:
        lines += ["", f"  {_flat(diagnostic.remedy)}"]
    return "\n".join(lines) + "\n"


def _flat(text: str) -> str:
    """The text on one line of bounded length, without control characters."""
    return clean(shorten(text, _TEXT_LIMIT)).replace("\n", "\\n")


def _snippet(span: Span, paint: Paint, colour: str) -> list[str]:
    line, column = span.line, span.column
    width = len(str(line))
    included = f"  included from {_flat(span.source.included_from)}" if span.source.included_from else ""
    lines = [f"  {paint(_flat(str(span)), 'cyan')}{included}"]
    if line > 1 and span.source.line(line - 1).strip():
        lines.append(_numbered(line - 1, width, span.source.line(line - 1)))
    text = span.source.line(line)
    lines.append(_numbered(line, width, text))
    if column <= _LINE_LIMIT:
        marks = "^" * min(span.length, max(1, _LINE_LIMIT - column))
        lines.append(f"  {' ' * width} │ {' ' * (column - 1)}{paint(marks, 'bold', colour)}")
    return lines


def _numbered(number: int, width: int, text: str) -> str:
    shown = clean(text[: _LINE_LIMIT + 1]).replace("\t", " ")
    return f"  {number:>{width}} │ {shorten(shown, _LINE_LIMIT)}"
