"""Bounded texts in messages: a text that is cut, and a list that names its first items. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Final

ELLIPSIS: Final = "…"
"""Ends a text that was cut for a message."""


def shorten(text: str, limit: int) -> str:
    """Return the text in at most `limit` characters; one that is cut ends with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def listing(items: Collection[object], limit: int) -> str:
    """Return the first `limit` items and the number of the others: `a, b, … (3 more)`."""
    shown = ", ".join(map(str, islice(items, limit)))
    return shown if len(items) <= limit else f"{shown}, {ELLIPSIS} ({len(items) - limit:,} more)"
