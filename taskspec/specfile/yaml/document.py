"""Plain values that still know where each of them stands in the text. For diagnosis only: places steer nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from taskspec.diagnostics import Source, Span
from taskspec.values import Json, Path

Mark = tuple[int, int]


class MarkedMap(dict[str, Any]):
    """A map that remembers where its keys and values stand: key → (key mark, value mark)."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        self.marks: dict[str, tuple[Mark, Mark]] = {}


class MarkedList(list[Any]):
    """A list that remembers where its items stand."""

    __slots__ = ("marks",)

    def __init__(self) -> None:
        self.marks: list[Mark] = []


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The values of one YAML document, and their places."""

    source: Source
    data: Json
    root: Mark

    def has(self, path: Path) -> bool:
        """Whether something is written at `path`."""
        node = self.data
        for part in path:
            if isinstance(node, MarkedMap) and part in node:
                node = node[str(part)]
            elif isinstance(node, MarkedList) and isinstance(part, int) and part < len(node):
                node = node[part]
            else:
                return False
        return True

    def span(self, path: Path, *, key: bool = False) -> Span:
        """Where the value (or the key) at `path` stands; the nearest ancestor's place when it is not there."""
        node, mark = self.data, self.root
        for index, part in enumerate(path):
            last = index == len(path) - 1
            if isinstance(node, MarkedMap) and part in node.marks:
                mark = node.marks[str(part)][0 if key and last else 1]
                node = node[str(part)]
            elif isinstance(node, MarkedList) and isinstance(part, int) and part < len(node.marks):
                mark = node.marks[part]
                node = node[part]
            else:
                break
        return Span(self.source, *mark)
