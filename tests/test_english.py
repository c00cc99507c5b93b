"""README and docs are plain technical English: docs/writing.md has the rules, this module checks three of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "decisions").glob("*.md"))]
MAX_COLUMNS = 100
MAX_WORDS = 25

BANNED = (
    r"house",
    r"rooms?",
    r"doors?",
    r"floors?",
    r"strangers?",
    r"towns?",
    r"zygotes?",
    r"nobody",
    r"somebody",
    r"anybody",
    r"everybody",
    r"anew",
    r"beside",
    r"told",
    r"mend(?:s|ed|ing)?",
    r"is no(?! longer)",
    r"held against",
    r"laid over",
    r"(?:become|becomes|became) of",
    r"come of",
)
ALLOWED: dict[str, frozenset[str]] = {}
"""Banned words that a page may use, by the name of the page."""

TO_DO: frozenset[str] = frozenset()
"""Pages that are not rewritten yet: none of the three rules is checked on them."""

_BANNED = re.compile(rf"\b(?:{'|'.join(BANNED)})(?!\w)", re.IGNORECASE)
_FENCE = "```"
_ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"`[^`]*`")
_SENTENCE_END = re.compile(r"[.!?](?=[\s)\"]|$)")
_WORD = re.compile(r"\w[\w'’./-]*")


def prose_lines(text: str) -> list[tuple[int, str]]:
    """The numbered lines of a page outside of code and tables; an empty line ends a paragraph."""
    found = []
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_FENCE):
            is_code = not is_code
            found.append((number, ""))
        elif not is_code:
            is_prose = not line.startswith(("|", "    "))
            found.append((number, line if is_prose else ""))
    return found


def paragraphs(text: str) -> list[tuple[int, str]]:
    """Paragraphs, headings and list items as one line each, with the number of their first line."""
    found: list[tuple[int, str]] = []
    is_open = False
    for number, line in prose_lines(text):
        begins = bool(_ITEM.match(line)) or line.startswith("#")
        if line.strip() and is_open and not begins:
            first, before = found[-1]
            found[-1] = (first, f"{before} {line.strip()}")
        elif line.strip():
            found.append((number, _ITEM.sub("", line, count=1)))
        is_open = bool(line.strip()) and not line.startswith("#")
    return [(number, plain(paragraph)) for number, paragraph in found]


def plain(paragraph: str) -> str:
    """A paragraph as it is read: a piece of code counts as one word, a link as its text."""
    return _LINK.sub(r"\1", _CODE.sub("CODE", paragraph)).replace("*", "")


def long_lines(text: str) -> list[str]:
    return [
        f"line {number}: {len(line)} columns"
        for number, line in prose_lines(text)
        if len(line) > MAX_COLUMNS and _LINK.sub("", line).strip(" ·-")
    ]


def banned_words(text: str, allowed: frozenset[str] = frozenset()) -> list[str]:
    return [
        f"line {number}: {match.group().strip()}"
        for number, paragraph in paragraphs(text)
        for match in _BANNED.finditer(paragraph)
        if match.group().strip().lower() not in allowed
    ]


def long_sentences(text: str) -> list[str]:
    return [
        f"line {number}, {count} words: {sentence.strip()}"
        for number, paragraph in paragraphs(text)
        for sentence in _SENTENCE_END.split(paragraph)
        if (count := len(_WORD.findall(sentence))) > MAX_WORDS
    ]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


checked = pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) not in TO_DO], ids=name_of)


@checked
def test_lines_are_wrapped(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


@checked
def test_banned_words_are_not_used(page: Path) -> None:
    assert banned_words(page.read_text(encoding="utf-8"), ALLOWED.get(name_of(page), frozenset())) == []


@checked
def test_sentences_are_short(page: Path) -> None:
    assert long_sentences(page.read_text(encoding="utf-8")) == []


def test_pages_still_to_do_exist() -> None:
    assert {name_of(page) for page in PAGES} >= TO_DO


def test_the_guide_names_every_banned_word() -> None:
    guide = (DOCS / "writing.md").read_text(encoding="utf-8").split("## Banned words")[1]
    assert [word for word in BANNED if not re.search(rf"\b(?:{word})", guide, re.IGNORECASE)] == []


def test_a_bad_page_is_found() -> None:
    sentence = " ".join(["word"] * (MAX_WORDS + 1))
    assert long_sentences(f"Short.\n{sentence}.\n") == [f"line 1, {MAX_WORDS + 1} words: {sentence}"]
    assert banned_words("One line.\n\nThis is no\npath, so mend it.\n") == ["line 3: is no", "line 3: mend"]
    assert long_lines("x" * (MAX_COLUMNS + 1)) == [f"line 1: {MAX_COLUMNS + 1} columns"]


def test_code_and_tables_are_not_prose() -> None:
    page = "```\nnobody\n```\n\n| nobody | " + "x " * MAX_COLUMNS + "|\n\nRun `towns`, which is no longer here.\n"
    assert (long_lines(page), banned_words(page), long_sentences(page)) == ([], [], [])
