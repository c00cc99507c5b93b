"""Pages, docstrings, comments and messages are plain technical English: docs/writing.md has the rules.

`python tests/english.py` counts the offences in each folder.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.english import (
    BANNED,
    MAX_COLUMNS,
    MAX_WORDS,
    ROOT,
    Text,
    banned_words,
    cells,
    comments,
    docstrings,
    long_lines,
    long_sentences,
    messages,
    paragraphs,
)

DOCS = ROOT / "docs"
GUIDE = DOCS / "writing.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
HAS_BANNED_WORDS = {"tests/english.py", "tests/test_english.py"}
"""The files that must name the banned words."""

ALLOWED = {"taskspec/scaffold/draft.py": {"world"}, "tests/template/expressions/test_sandbox.py": {"floor"}}
"""Banned words in data that is not prose: a greeting, and a method of rounding."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = [
    path
    for folder in ("taskspec", "tests", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "cases" not in path.parts and name_of(path) not in HAS_BANNED_WORDS
]
checked = pytest.mark.parametrize("page", PAGES, ids=name_of)
checked_files = pytest.mark.parametrize("path", FILES, ids=name_of)


def texts_of(page: Path) -> list[Text]:
    text = page.read_text(encoding="utf-8")
    if page == GUIDE:
        text = text.split("## Banned words")[0]
    return [*paragraphs(text), *cells(text)]


@checked
def test_lines_are_wrapped(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


@checked
def test_banned_words_are_not_used(page: Path) -> None:
    assert banned_words(texts_of(page)) == []


@checked
def test_sentences_are_short(page: Path) -> None:
    assert long_sentences(texts_of(page)) == []


@checked_files
def test_banned_words_are_not_used_in_code(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    found = banned_words([*docstrings(source), *comments(source), *messages(source)])
    allowed = ALLOWED.get(name_of(path), set())
    assert [place for place in found if place.rpartition(": ")[2] not in allowed] == []


@checked_files
def test_sentences_of_docstrings_are_short(path: Path) -> None:
    assert long_sentences(docstrings(path.read_text(encoding="utf-8"))) == []


def test_the_guide_names_every_banned_word() -> None:
    guide = GUIDE.read_text(encoding="utf-8").split("## Banned words")[1]
    assert [word for word in BANNED if not re.search(rf"\b(?:{word})", guide, re.IGNORECASE)] == []


def test_a_bad_page_is_found() -> None:
    sentence = " ".join(["word"] * (MAX_WORDS + 1))
    assert long_sentences(paragraphs(f"Short.\n{sentence}.\n")) == [f"line 1, {MAX_WORDS + 1} words: {sentence}"]
    assert banned_words(paragraphs("One line.\n\nThis is no\npath, so mend it.\n")) == ["line 3: is no", "line 3: mend"]
    assert long_lines("x" * (MAX_COLUMNS + 1)) == [f"line 1: {MAX_COLUMNS + 1} columns"]
    assert banned_words(cells("| a |\n|---|\n| nobody \\| `towns` |\n")) == ["line 3: nobody"]


def test_code_is_not_prose_and_a_table_has_no_line_limit() -> None:
    page = "```\n| nobody |\n```\n\n| x | " + "x, " * MAX_COLUMNS + "|\n\nRun `towns`, which is no longer here.\n"
    found = [*paragraphs(page), *cells(page)]
    assert (long_lines(page), banned_words(found), len(long_sentences(found))) == ([], [], 1)


def test_bad_texts_in_code_are_found() -> None:
    source = '''\
"""A good line.

It was told.
"""
X = 1  # nobody
LIMIT = 2
"""Laid over."""
MESSAGE = f"{X} is no path" + "anew"
REMEDY = "not anew"
'''
    assert banned_words(docstrings(source)) == ["line 3: told", "line 7: Laid over"]
    assert banned_words(comments(source)) == ["line 5: nobody"]
    assert banned_words(messages(source)) == ["line 8: is no", "line 9: anew"]
