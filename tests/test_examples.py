"""The examples are written the way `taskspec fmt` writes specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskspec.cli.main import run

ROOT = Path(__file__).parent.parent
SPECS = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if "\ntaskspec: 1" in path.read_text("utf-8"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_fmt_would_change_nothing(spec: Path) -> None:
    assert run(["fmt", "--check", str(spec)]) == 0


def test_there_are_examples() -> None:
    assert len(SPECS) >= 8
