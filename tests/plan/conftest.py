from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from .planning import Pipeline


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Pipeline]:
    """Write a spec (again); what stays the same is its name."""

    def write(text: str) -> Pipeline:
        path = tmp_path / "spec.yaml"
        path.write_text("taskspec: 1\nname: lemons\n" + dedent(text), encoding="utf-8")
        return Pipeline(path)

    return write
