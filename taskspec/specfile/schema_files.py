"""Load the JSON Schemas: from the top folder of a checkout, or from the installed package."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_INSTALLED = Path(__file__).parents[1] / "_schemas"
_CHECKOUT = Path(__file__).parents[2] / "schemas"


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The schema `name` (spec, plan, journal, events, state), parsed."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    schema: dict[str, Any] = json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema
