"""Terminal detection: colour, prompts and live tables."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from taskspec.view.terminal_text import Paint


def wants_colour(stream: TextIO, *, no_color: bool = False) -> bool:
    """A flag beats the environment, the environment beats the terminal."""
    if no_color or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(*, no_color: bool = False) -> Paint:
    return Paint(wants_colour(sys.stdout, no_color=no_color))


def error_paint(*, no_color: bool = False) -> Paint:
    return Paint(wants_colour(sys.stderr, no_color=no_color))


def can_ask() -> bool:
    """Whether a user at a terminal can answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def is_live() -> bool:
    """Whether standard error can show a table that redraws itself."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
