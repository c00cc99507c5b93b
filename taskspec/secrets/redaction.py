"""Find secret texts in other texts and redact them, in every spelling that a program is likely to use. Pure."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from taskspec.wording import ELLIPSIS

HIDDEN: Final = "(sensitive)"
SHORTEST_FOUND = 6
"""Shorter secrets are not searched for: redacting every `1` would leave nothing to read."""
LONGEST_CUT = 400
"""Characters before an ellipsis that are searched for the beginning of a secret; texts in messages are cut sooner."""
_SHORTEST_LINE = 12
_FEW = 40
"""Up to this number of spellings, one pattern is faster than a search by first letters."""


class HiddenTexts:
    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._by_start: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._forms)

    def add(self, text: str) -> None:
        if text in self._forms:
            return
        new = {form for form in spellings(text) if len(form) >= SHORTEST_FOUND} - self._forms
        if not new:
            return
        self._forms |= new
        self._pattern = None
        for form in new:
            same_start = self._by_start.setdefault(form[:SHORTEST_FOUND], [])
            same_start.append(form)
            same_start.sort(key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Redact the secrets in a text, and the beginning of a secret before an ellipsis."""
        if not self._forms or len(text) < SHORTEST_FOUND:
            return text
        shown = self._hide_few(text) if len(self._forms) <= _FEW else self._hide_many(text)
        return self._hide_cut(shown) if ELLIPSIS in shown else shown

    def redact_start(self, text: str) -> str:
        """Redact the rest of a secret at the start of a text whose beginning was cut off."""
        longest = max(map(len, self._forms), default=0)
        for end in range(min(len(text), longest), SHORTEST_FOUND - 1, -1):
            if any(form.endswith(text[:end]) for form in self._forms):
                return HIDDEN + text[end:]
        return text

    def _hide_few(self, text: str) -> str:
        if self._pattern is None:
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(HIDDEN, text)

    def _hide_many(self, text: str) -> str:
        """Search by first letters: a pattern of thousands of texts would try each of them at each position."""
        parts, done, place = [], 0, 0
        while place <= len(text) - SHORTEST_FOUND:
            candidates = self._by_start.get(text[place : place + SHORTEST_FOUND], ())
            found = next((form for form in candidates if text.startswith(form, place)), None)
            if found is None:
                place += 1
                continue
            parts += [text[done:place], HIDDEN]
            done = place = place + len(found)
        return "".join([*parts, text[done:]])

    def _hide_cut(self, text: str) -> str:
        *before, last = text.split(ELLIPSIS)
        return ELLIPSIS.join([*map(self._without_beginning, before), last])

    def _without_beginning(self, text: str) -> str:
        for start in range(max(0, len(text) - LONGEST_CUT), len(text) - SHORTEST_FOUND + 1):
            candidates = self._by_start.get(text[start : start + SHORTEST_FOUND], ())
            if any(form.startswith(text[start:]) for form in candidates):
                return text[:start] + HIDDEN
        return text


def spellings(text: str) -> Iterator[str]:
    """The text, its longer lines, and its spellings in JSON, Python, HTML, URLs and base64."""
    yield text
    for line in text.splitlines():
        if len(line) >= _SHORTEST_LINE:
            yield line
    for escape in (True, False):
        yield json.dumps(text, ensure_ascii=escape)[1:-1]
    yield repr(text)[1:-1]
    yield html.escape(text)
    content = text.encode("utf-8", "surrogatepass")
    for address in (quote(content, safe=""), quote(content), quote_plus(content)):
        yield address
        yield re.sub("%..", lambda found: found.group().lower(), address)
    yield from _base64(content)


def _base64(content: bytes) -> Iterator[str]:
    """The base64 of the text alone, and the part that is constant inside of longer data, at each of three offsets."""
    yield base64.b64encode(content).decode()
    for offset in range(3):
        code = base64.b64encode(bytes(offset) + content).decode().rstrip("=")
        inner = code[(0, 2, 3)[offset] : (len(content) + offset) * 4 // 3]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
