"""Patterns of the `like` family of filter operators (wire protocol 1.8). Pure."""

from __future__ import annotations

import re
from functools import lru_cache


def matches_pattern(value: object, pattern: str, fold: int) -> bool | None:
    """Match SQL's LIKE with `%` and `_`. Case counts unless `fold`. An absent value matches nothing."""
    if value is None:
        return None
    return _compiled(pattern, bool(fold)).fullmatch(str(value)) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    parts = (".*" if mark == "%" else "." if mark == "_" else re.escape(mark) for mark in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))
