"""Every section of the wire protocol that a comment cites is a section of the page."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECTIONS = r"\d+(?:\.\d+)?(?:(?:,| and)\s*\d+\.\d+)*"
CITATION = re.compile(rf"wire[ -]protocol(?:\.md)?,?(?:\s+section)?\s+({SECTIONS})", re.IGNORECASE)


def cited() -> set[str]:
    files = [*(ROOT / "taskspec").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    found = (match for file in files for match in CITATION.findall(file.read_text("utf-8")))
    return {number for match in found for number in re.findall(r"\d+(?:\.\d+)?", match)}


def test_every_cited_section_is_there() -> None:
    page = (ROOT / "docs" / "wire-protocol.md").read_text("utf-8")
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", page, re.MULTILINE))
    assert len(cited()) > 20, "the citations were not found"
    assert cited() <= sections
