"""Other specs as parts of this one: what an include says, and one set of tasks made of all of them. Pure.

A part keeps its own names, places and defaults. In the whole its tasks are called `NAME.task`, where NAME is what the
include is called; a part of a part is `NAME.INNER.task`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.diagnostics import Code, Diagnostic
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.values import Json

SEPARATOR = "."
DEPTH_LIMIT = 8
PART_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Include:
    """One included spec, and what is put into its variables. `path` is as written."""

    name: str
    path: str
    inputs: Mapping[str, Json]


def read_includes(data: Mapping[str, Any]) -> dict[str, Include]:
    written: Mapping[str, Any] = data.get("include") or {}
    return {
        name: Include(name, body, {})
        if isinstance(body, str)
        else Include(name, body["spec"], body.get("inputs") or {})
        for name, body in written.items()
    }


def check_includes(document: SourceDocument) -> Iterator[Diagnostic]:
    """Includes that are called like a task: both would be `tasks.NAME`."""
    for name in document.data.get("include") or {}:
        if name in document.data["tasks"]:
            yield Diagnostic(
                Code.INCLUDE,
                f'"{name}" is the name of an include and of a task',
                document.span(("include", name), key=True),
                remedy="Rename one of them: both are called tasks.NAME in expressions.",
            )


def prefix_of(task: str) -> str:
    """The part a task belongs to, by its name in the whole; empty for the spec itself."""
    return task.rpartition(SEPARATOR)[0]


def qualified_name(prefix: str, name: str) -> str:
    """What a name inside a part is called in the whole."""
    return f"{prefix}{SEPARATOR}{name}" if prefix else name
