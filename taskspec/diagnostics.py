"""Problems in a spec, as values: what is wrong, where, what taskspec found, and what to do.

Checks collect diagnostics instead of stopping at the first one. `view.diagnostic` draws them.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from taskspec.wording import listing, shorten

ERROR_LIMIT = 500
"""The number of errors of one kind after which a check stops. The view shows fifty."""
WORD_LIMIT = 80
COMPARED = 100


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Stable codes, one per kind of problem; `docs/diagnostics.md` explains each."""

    FILE = "TS100"
    YAML_SYNTAX = "TS101"
    YAML_DUPLICATE_KEY = "TS102"
    YAML_AMBIGUOUS = "TS103"
    YAML_FORBIDDEN = "TS104"
    YAML_LIMIT = "TS105"
    UNKNOWN_KEY = "TS110"
    MISSING_KEY = "TS111"
    WRONG_VALUE = "TS112"
    TEMPLATE_SYNTAX = "TS120"
    TEMPLATE_FORBIDDEN = "TS121"
    TEMPLATE_UNDEFINED = "TS122"
    TEMPLATE_FAILED = "TS123"
    TEMPLATE_NOT_HERE = "TS124"
    VARIABLE_MISSING = "TS130"
    VARIABLE_UNKNOWN = "TS131"
    VARIABLE_VALUE = "TS132"
    UNKNOWN_TASK = "TS140"
    CYCLE = "TS141"
    FAN_OUT = "TS142"
    TARGET = "TS150"
    MODULE = "TS151"
    VERSION = "TS152"
    PLACE = "TS153"
    UNKNOWN_PARAM = "TS154"
    INCLUDE = "TS160"
    PROFILE = "TS161"
    SECRET_WRITTEN = "TS170"  # noqa: S105 - a code, no password; as below
    SECRET_SHOWN = "TS171"  # noqa: S105
    SECRET_SOURCE = "TS172"  # noqa: S105
    OUTSIDE = "TS173"
    PLATFORM_CALL = "TS180"
    CUT_OFF = "TS181"
    UNPROVEN = "TS182"


@dataclass(frozen=True, slots=True)
class Source:
    """One text of the author and the name it is shown under. `included_from` is the place of the include."""

    name: str
    text: str
    included_from: str = ""
    _line_starts: list[int] = field(init=False, repr=False, compare=False, default_factory=list)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset."""
        if not self._line_starts:
            self._line_starts.append(0)
            self._line_starts.extend(i + 1 for i, character in enumerate(self.text) if character == "\n")
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        self.position(0)
        if not 1 <= number <= len(self._line_starts):
            return ""
        return self.text[self._line_starts[number - 1] :].split("\n", 1)[0].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a source, as character offsets. It is used for messages only."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def length(self) -> int:
        """Characters to underline: at least one, and none beyond the first line."""
        first_line = self.source.text[self.start : self.end].split("\n", 1)[0].rstrip()
        return max(1, len(first_line))

    def narrowed(self, text: str) -> Span:
        """The part of this span that equals `text`, or the whole span."""
        at = self.source.text.find(text, self.start, self.end) if text else -1
        return self if at < 0 else Span(self.source, at, at + len(text))

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: `summary` is what is wrong, `remedy` is what the author can do."""

    code: Code
    summary: str
    span: Span | None = None
    detail: str = ""
    remedy: str = ""
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


def nearest(word: str, words: Iterable[str]) -> str:
    """`Did you mean "x"?` for the closest of `words`, or an empty text."""
    close = closest(word, words)
    return f'Did you mean "{close}"?' if close else ""


def closest(word: str, words: Iterable[str]) -> str:
    """The closest of `words`, or an empty text.

    Comparing costs the product of two lengths: long words are not, and of many only those that begin alike.
    """
    if len(word) > WORD_LIMIT:
        return ""
    compared = _sorted(tuple(words))
    if len(compared) > COMPARED:
        place = bisect_left(compared, word)
        compared = compared[max(0, place - COMPARED // 2) : place + COMPARED // 2]
    short = [other for other in compared if len(other) <= WORD_LIMIT]
    return next(iter(difflib.get_close_matches(word, short, n=1, cutoff=0.6)), "")


def choices(word: str, words: Iterable[str], *, label: str, limit: int = 12) -> str:
    """The remedy for a wrong name: the nearest name, and the allowed ones."""
    allowed = _sorted(tuple(words))
    shown = listing([shorten(name, WORD_LIMIT) for name in allowed], limit) or "none"
    return " ".join(part for part in (nearest(word, allowed), f"{label}: {shown}.") if part)


@lru_cache(maxsize=8)
def _sorted(words: tuple[str, ...]) -> tuple[str, ...]:
    """Sort once for all wrong names that are compared with the same names."""
    return tuple(sorted(words))


def take_until_limit(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The problems up to the one that makes ERROR_LIMIT errors."""
    errors = 0
    found = []
    for problem in problems:
        found.append(problem)
        errors += problem.is_error
        if errors >= ERROR_LIMIT:
            break
    return found


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted as a reader meets them: by source and place, those without a place last; repeats dropped."""

    def place(diagnostic: Diagnostic) -> tuple[bool, str, int, str]:
        span = diagnostic.span
        return (span is None, span.source.name if span else "", span.start if span else 0, diagnostic.summary)

    return sorted(dict.fromkeys(diagnostics), key=place)
