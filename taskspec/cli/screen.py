"""Whether a person is looking: terminals, colour, prompts. Reads the environment so that nobody else has to."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from taskspec.view.paint import Paint


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
    return Paint(wants_colour(sys.stderr, no_color=no_color or "--no-color" in sys.argv))


def can_ask() -> bool:
    """Whether a question would reach a person."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def is_live() -> bool:
    """Whether a table that redraws itself makes sense."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
