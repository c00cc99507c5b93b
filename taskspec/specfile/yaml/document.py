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
        return len(self._marks(path)) == len(path)

    def span(self, path: Path, *, key: bool = False) -> Span:
        """Where the value (or the key) at `path` stands; the nearest ancestor's place when it is not there."""
        marks = self._marks(path)
        own_key, own = marks[-1] if marks else (self.root, self.root)
        return Span(self.source, *(own_key if key and len(marks) == len(path) else own))

    def _marks(self, path: Path) -> list[tuple[Mark, Mark]]:
        """The marks of the key and the value of each step of a path, as far as it leads; an item has no key."""
        node, marks = self.data, []
        for part in path:
            if isinstance(node, MarkedMap) and part in node.marks:
                marks.append(node.marks[str(part)])
                node = node[str(part)]
            elif isinstance(node, MarkedList) and isinstance(part, int) and part < len(node.marks):
                marks.append((node.marks[part], node.marks[part]))
                node = node[part]
            else:
                break
        return marks
