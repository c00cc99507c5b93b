"""Whether a text needs quotes in YAML, and which ones. Pure.

A text has no quotes only if every version of YAML reads the same text.
"""

from __future__ import annotations

import re

from taskspec.spec.scalars import AmbiguousScalarError, resolve

_PLAIN = re.compile(r"(?![.]{3}|-{3})[\w/.+(^$-](?:.*[^\s:])?")
_INDICATOR_FIRST = re.compile(r"-(?:\s|$)")
_ONLY_BLOCK = frozenset(",[]{}:?")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def quoted(text: str, *, in_line: bool = False) -> str:
    """The text as a scalar: plain if that is safe, otherwise in the quotes that need fewer escapes."""
    if is_plain(text, in_line=in_line):
        return text
    if text.isprintable() and "'" not in text and ('"' in text or "\\" in text):
        return f"'{text}'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def is_plain(text: str, *, in_line: bool = False) -> bool:
    """Whether a text without quotes reads as the same text."""
    if not text.isprintable() or not _PLAIN.fullmatch(text) or _INDICATOR_FIRST.match(text):
        return False
    if ": " in text or " #" in text or "{{" in text or "{%" in text or "{#" in text:
        return False
    if in_line and not _ONLY_BLOCK.isdisjoint(text):
        return False
    try:
        return resolve(text) == text
    except AmbiguousScalarError:
        return False


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
