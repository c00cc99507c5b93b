"""Durations as authors write them: `90s`, `30m`, `12h`, `2d`, `1h30m`, or a number of seconds. Pure."""

from __future__ import annotations

import re

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
PATTERN = r"^(\d+(\.\d+)?[smhd])+$"
"""What the schema accepts as text."""


def seconds(value: str | float) -> float:
    """The duration in seconds. Raises ValueError for text that is none."""
    if not isinstance(value, str):
        return float(value)
    parts = _PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a valid duration")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def show(duration: float) -> str:
    """A duration in the form `seconds` reads, in whole units where it can."""
    for unit in ("d", "h", "m"):
        if duration >= _UNITS[unit] and duration % _UNITS[unit] == 0:
            return f"{duration / _UNITS[unit]:g}{unit}"
    return f"{duration:g}s"
