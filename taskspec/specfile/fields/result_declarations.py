"""A declared result: a value, a value with a type, or a rule that finds a file or a project. Pure.

A result is usually one expression. A map with one of the keys below is a declaration. Any other map is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskspec.specfile.fields.value_types import VariableType
from taskspec.values import Json

SOURCES = ("value", "file", "project")


@dataclass(frozen=True, slots=True)
class FileRule:
    """A file in Team Files, by folder and name; `newest` takes one of several."""

    folder: Json
    match: Json
    newest: bool


@dataclass(frozen=True, slots=True)
class ProjectRule:
    """The project of a name that was made after the launch began."""

    name: Json


@dataclass(frozen=True, slots=True)
class ResultDecl:
    """One declared result: a value to render, or a rule to find it by. `written` is its form in the spec."""

    written: Json
    value: Json = None
    type: VariableType | None = None
    finder: FileRule | ProjectRule | None = None


def is_declaration(written: Json) -> bool:
    return isinstance(written, Mapping) and not written.keys().isdisjoint((*SOURCES, "type"))


def read_result(written: Json) -> ResultDecl:
    """A result as written. A declaration without a single source has no value; `check_task` reports it."""
    if not is_declaration(written):
        return ResultDecl(written, written)
    if "file" in written:
        rule = written["file"]
        return ResultDecl(written, finder=FileRule(rule["folder"], rule.get("match", "*"), rule.get("newest", False)))
    if "project" in written:
        return ResultDecl(written, finder=ProjectRule(written["project"]["name"]))
    return ResultDecl(written, written.get("value"), VariableType(written["type"]) if "type" in written else None)
