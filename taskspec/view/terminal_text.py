"""Colour and safe text: every text for a terminal passes through this module."""

from __future__ import annotations

import re
from dataclasses import dataclass

from taskspec.wording import shorten

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def clean(text: str) -> str:
    """Make foreign text harmless: control characters become visible; newlines and tabs stay."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def one_line(text: str, limit: int = 200) -> str:
    """Foreign text on one line of bounded length."""
    flat = clean(text).replace("\n", "\\n").replace("\t", " ")
    return shorten(flat, limit)


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours text, if enabled. Colour is never the only carrier of meaning."""

    enabled: bool = False

    def __call__(self, text: str, *styles: str) -> str:
        if not self.enabled or not styles:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"
