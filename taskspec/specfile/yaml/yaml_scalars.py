"""What a plain YAML scalar means, by the YAML 1.2 core rules; what YAML 1.1 read otherwise is refused, never guessed.

`no`, `on`, `3.10`, `010`, `12:30:45` and `2024-01-01` change their meaning between YAML versions and between tools.
An author who writes one is asked to quote it, or to write what is meant.
"""

from __future__ import annotations

import re

from taskspec.values import INTEGER_LIMIT


def _spellings(*words: str) -> frozenset[str]:
    return frozenset(spelling for word in words for spelling in (word, word.capitalize(), word.upper()))


CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", *_spellings("null"))),
    **dict.fromkeys(_spellings("true"), True),
    **dict.fromkeys(_spellings("false"), False),
}
_YAML_1_1_BOOLEANS = _spellings("yes", "no", "on", "off")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TRAILING_ZERO = re.compile(r"[-+]?[0-9]*\.[0-9]+0")  # 3.10 but not 1.0
_OTHER_BASE = re.compile(r"[-+]?0([0-9_]+|[xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)")
_UNDERSCORED = re.compile(r"(?=.*_)[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt\s].*)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMBER_STARTS = frozenset("+-.0123456789")


class AmbiguousScalarError(Exception):
    """A scalar that YAML versions read differently; `reading` is what an older tool would have made of it."""

    def __init__(self, reading: str, advice: str) -> None:
        super().__init__(reading)
        self.reading = reading
        self.advice = advice


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar. Raises AmbiguousScalarError where the reading is not certain."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] in _NUMBER_STARTS:
        return _resolve_number(text)
    if text in _YAML_1_1_BOOLEANS:
        truth = text.lower() in {"yes", "on"}
        raise AmbiguousScalarError(
            "a truth value in YAML 1.1, text in YAML 1.2", f'write {str(truth).lower()}, or "{text}" in quotes'
        )
    return text


def _resolve_number(text: str) -> str | int | float:
    if _INTEGER.fullmatch(text):
        if len(text) > 20 or abs(int(text)) >= INTEGER_LIMIT:
            raise AmbiguousScalarError("an integer of more than 64 bits", f'write "{text[:24]}" in quotes')
        return int(text)
    for pattern, reading, advice in _TRAPS:
        if pattern.fullmatch(text):
            raise AmbiguousScalarError(reading, advice.format(text=text))
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise AmbiguousScalarError("a number too large for JSON", f'write "{text}" in quotes')
        return value
    return text


_TRAPS = (
    (_TRAILING_ZERO, "a number that loses its last zero", 'write "{text}" in quotes if it is text, or drop the zero'),
    (_OTHER_BASE, "an octal, hexadecimal or binary number in some YAML versions", 'write it in decimal, or "{text}"'),
    (_UNDERSCORED, "a number in YAML 1.1, text in YAML 1.2", 'write it without underscores, or "{text}" in quotes'),
    (_SEXAGESIMAL, "a base-60 number in YAML 1.1", 'write "{text}" in quotes'),
    (_DATE, "a date in YAML 1.1, which JSON cannot hold", 'write "{text}" in quotes'),
    (_SPECIAL_FLOAT, "a number that JSON cannot hold", 'write "{text}" in quotes'),
)
