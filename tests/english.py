"""The rules of docs/writing.md that a program can check, for pages and for Python files.

`python tests/english.py` prints how many banned words and long sentences each folder has.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAX_COLUMNS = 100
MAX_WORDS = 25

BANNED = (
    r"house",
    r"rooms?",
    r"doors?",
    r"floors?",
    r"strangers?",
    r"towns?",
    r"worlds?",
    r"zygotes?",
    r"nobody",
    r"somebody",
    r"anybody",
    r"everybody",
    r"whoever",
    r"anew",
    r"beside",
    r"told",
    r"say so",
    r"mend(?:s|ed|ing)?",
    r"(?<!there )is no(?! longer)",
    r"held against",
    r"laid over",
    r"without us",
    r"(?:become|becomes|became) of",
    r"come of",
    r"(?<!soon )(?<!long )(?<!far )(?<!much )as it (?:is|was)(?= *[.,:;)]|$)",
)
_BANNED = re.compile(rf"\b(?:{'|'.join(BANNED)})(?!\w)", re.IGNORECASE)
_FENCE = "```"
_ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"``?[^`]*``?")
_SENTENCE_END = re.compile(r"[.!?](?=[\s)\"]|$)")
_WORD = re.compile(r"\w[\w'’./-]*")
_CELL_END = re.compile(r"(?<!\\)\|")

Text = tuple[int, str]
"""A text without markup and the number of its first line."""


def prose_lines(page: str) -> list[Text]:
    """The numbered lines of a page outside of code and tables; an empty line ends a paragraph."""
    found = []
    is_code = False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith(_FENCE):
            is_code = not is_code
            found.append((number, ""))
        elif not is_code:
            is_prose = not line.startswith(("|", "    "))
            found.append((number, line if is_prose else ""))
    return found


def paragraphs(page: str) -> list[Text]:
    """Paragraphs, headings and list items as one line each, with the number of their first line."""
    found: list[Text] = []
    is_open = False
    for number, line in prose_lines(page):
        begins = bool(_ITEM.match(line)) or line.startswith("#")
        if line.strip() and is_open and not begins:
            first, before = found[-1]
            found[-1] = (first, f"{before} {line.strip()}")
        elif line.strip():
            found.append((number, _ITEM.sub("", line, count=1)))
        is_open = bool(line.strip()) and not line.startswith("#")
    return [(number, plain(paragraph)) for number, paragraph in found]


def cells(page: str) -> list[Text]:
    """The cells of the tables of a page."""
    return [
        (number, cell.strip())
        for number, line in enumerate(re.sub(r"```.*?```", _blank, page, flags=re.S).splitlines(), 1)
        if line.startswith("|")
        for cell in _CELL_END.split(plain(line))
    ]


def _blank(block: re.Match[str]) -> str:
    return "\n" * block.group().count("\n")


def plain(paragraph: str) -> str:
    """A paragraph as it is read: a piece of code counts as one word, a link as its text."""
    return _LINK.sub(r"\1", _CODE.sub("CODE", paragraph)).replace("*", "")


def long_lines(page: str) -> list[str]:
    return [
        f"line {number}: {len(line)} columns"
        for number, line in prose_lines(page)
        if len(line) > MAX_COLUMNS and _LINK.sub("", line).strip(" ·-")
    ]


def banned_words(texts: list[Text]) -> list[str]:
    return [f"line {number}: {match.group().strip()}" for number, text in texts for match in _BANNED.finditer(text)]


def long_sentences(texts: list[Text]) -> list[str]:
    """The sentences with too many words. A paragraph of a help text that is laid out by hand begins with `\\b`."""
    return [
        f"line {number}, {count} words: {sentence.strip()}"
        for number, text in texts
        for sentence in _SENTENCE_END.split(text)
        if not text.startswith("\b") and (count := len(_WORD.findall(sentence))) > MAX_WORDS
    ]


def docstrings(source: str) -> list[Text]:
    """The docstrings of modules, classes, functions and constants, a paragraph or list item each."""
    return [
        (node.lineno + offset - 1, paragraph)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for offset, paragraph in paragraphs(_dedented(node.value.value))
    ]


def _dedented(docstring: str) -> str:
    first, *rest = docstring.split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first, *(line[margin:] for line in rest)])


def comments(source: str) -> list[Text]:
    """The comments; those of consecutive lines are one text."""
    found: list[Text] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], plain(token.string.lstrip("# "))
        if line == last + 1:
            found[-1] = (found[-1][0], f"{found[-1][1]} {text}")
        else:
            found.append((line, text))
        last = line
    return found


def messages(source: str) -> list[Text]:
    """The other literals of more than one word; what an f-string puts in counts as one word."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "CODE" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        if " " in text.strip():
            found.append((node.lineno, plain(text)))
    return sorted(found)


def report() -> str:
    """A line for each folder with Python files: banned words in prose and in messages, long docstring sentences."""
    counts: dict[str, Counter[str]] = {}
    folders = (ROOT / name for name in ("taskspec", "tests", "benchmarks", "examples"))
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        row = counts.setdefault(path.parent.relative_to(ROOT).as_posix(), Counter())
        row["prose"] += len(banned_words(docstrings(source) + comments(source)))
        row["messages"] += len(banned_words(messages(source)))
        row["sentences"] += len(long_sentences(docstrings(source)))
    rows = [f"{'folder':<30} banned in prose  in messages  long docstring sentences"]
    rows += [f"{name:<30} {c['prose']:>15} {c['messages']:>12} {c['sentences']:>25}" for name, c in counts.items()]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(f"{report()}\n")
