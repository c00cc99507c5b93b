"""Every section of the wire protocol that a comment cites is a section of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NUMBER = r"\d+(?:\.\d+)?"
CITATION = re.compile(
    rf"wire[ -]protocol(?:\.md)?,?(?:\s+sections?)?\s+({NUMBER}(?:(?:,| and| to)\s+{NUMBER})*)", re.IGNORECASE
)


def numbers(text: str) -> set[str]:
    """Every section that a text cites; a range such as "1 to 3" counts with all its sections."""
    found: set[str] = set()
    for cited_list in CITATION.findall(text):
        found |= set(re.findall(NUMBER, cited_list))
        for first, last in re.findall(r"\b(\d+) to (\d+)\b", cited_list):
            found |= {str(number) for number in range(int(first), int(last) + 1)}
    return found


def cited() -> set[str]:
    files = [*(ROOT / "taskspec").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    return {number for file in files for number in numbers(file.read_text("utf-8"))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wire protocol 2.6, 7", {"2.6", "7"}),
        ("wire protocol, sections 1.7 and 1.8.", {"1.7", "1.8"}),
        ("wire protocol, sections 1 to 3 and 6.", {"1", "2", "3", "6"}),
        ("wire protocol section 2.5.", {"2.5"}),
    ],
)
def test_every_form_of_a_citation_is_read(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected


def test_every_cited_section_is_there() -> None:
    page = (ROOT / "docs" / "wire-protocol.md").read_text("utf-8")
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", page, re.MULTILINE))
    assert len(cited()) > 20, "the citations were not found"
    assert cited() <= sections
