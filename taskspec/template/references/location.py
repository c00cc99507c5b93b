"""Where an expression stands, and what it needs there."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskspec.diagnostics import Span
from taskspec.specfile.model import SpecFile
from taskspec.values import Path

DEPENDS_ON = "depends_on"
KNOWN_BEFORE = "It must be known before anything is launched."


@dataclass(frozen=True, slots=True)
class Location:
    """Where an expression is written: under a task, or under a section of the spec. Looked up only when shown."""

    spec: SpecFile = field(repr=False)
    task: str | None
    path: Path

    @property
    def owner(self) -> str:
        return f'task "{self.task}"' if self.task is not None else f"the spec's {self.path[0]}"

    def span(self, text: str = "") -> Span:
        """The place of `text` inside the expression, or of the whole expression."""
        found = self.spec.span(self.path) if self.task is None else self.spec.task_span(self.task, *self.path)
        return found.narrowed(text)


@dataclass(frozen=True, slots=True)
class Dependency:
    """One task needs another. `cell` is None for the whole of it, Index.EACH_KEY, or the text of one key."""

    upstream: str
    cell: str | None
    text: str
    place: Location

    @property
    def span(self) -> Span:
        return self.place.span("" if self.text == DEPENDS_ON else self.text)
