"""The start key inside the description of a launch: `[ts:0123456789abcdef0123]`. Pure."""

from __future__ import annotations

import re

_MARKER = re.compile(r"\[ts:([0-9a-f]{20})\]")


def marker(key: str) -> str:
    """The text that carries a start key inside a description."""
    return f"[ts:{key}]"


def key_in(description: str) -> str:
    """The start key in a description, or "" when taskspec did not start the launch. The last key wins."""
    found = _MARKER.findall(description)
    return str(found[-1]) if found else ""
