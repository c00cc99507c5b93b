"""What a declared result may say beyond its value: a type, or a rule that finds a file or a project. Pure.

A result is a value, most often one expression. A map with one of the words below is a declaration; any other map is a
value like a list is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.sensitive import Sensitive
from taskspec.spec.model import SpecFile, TaskDecl, VariableType
from taskspec.values import Json, canonical

_SOURCES = ("value", "file", "project")
_KEYS = {
    "value": ("value", "type", "description"),
    "file": ("file", "description"),
    "project": ("project", "description"),
}
_TYPES: Mapping[VariableType, tuple[tuple[type, ...], str]] = {
    VariableType.STRING: ((str,), "a text"),
    VariableType.INTEGER: ((int,), "an integer"),
    VariableType.NUMBER: ((int, float), "a number"),
    VariableType.BOOLEAN: ((bool,), "true or false"),
    VariableType.LIST: ((list, tuple), "a list"),
    VariableType.MAP: ((Mapping,), "a map"),
}
SHOWN = 80


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
    """One declared result: a value to render, or a rule to find it by."""

    value: Json = None
    type: VariableType | None = None
    finder: FileRule | ProjectRule | None = None


def is_declaration(written: Json) -> bool:
    """Whether a result is a map that declares, rather than a value."""
    return isinstance(written, Mapping) and not written.keys().isdisjoint((*_SOURCES, "type"))


def read_result(written: Json) -> ResultDecl:
    """A result as written, its shape checked before."""
    if not is_declaration(written):
        return ResultDecl(written)
    if "file" in written:
        rule = written["file"]
        return ResultDecl(finder=FileRule(rule["folder"], rule.get("match", "*"), rule.get("newest", False)))
    if "project" in written:
        return ResultDecl(finder=ProjectRule(written["project"]["name"]))
    return ResultDecl(written["value"], VariableType(written["type"]) if "type" in written else None)


def check_results(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """Declarations that say nothing, two things at once, or a word that is none."""
    for name, written in task.results.items():
        if not is_declaration(written):
            continue
        sources = [key for key in _SOURCES if key in written]
        if not task.kind.is_launch and sources and sources[0] != "value":
            at = spec.task_span(task.name, "results", name, sources[0], key=True)
            summary = f'task "{task.name}" is a {task.kind}, and only a launch leaves a {sources[0]} to be found'
            yield Diagnostic(Code.WRONG_VALUE, summary, at, remedy="Read it from `response`.")
            continue
        span = spec.task_span(task.name, "results", name)
        if len(sources) != 1:
            what = f"says {' and '.join(sources)}" if sources else "has a type and no value"
            remedy = "Write one of value, file and project. A map that is itself the value goes under `value:`."
            yield Diagnostic(Code.WRONG_VALUE, f'result "{name}" of task "{task.name}" {what}', span, remedy=remedy)
            continue
        allowed = _KEYS[sources[0]]
        for key in sorted(written.keys() - set(allowed)):
            at = spec.task_span(task.name, "results", name, key, key=True)
            summary = f'result "{name}" of task "{task.name}" has no key "{key}" beside "{sources[0]}"'
            yield Diagnostic(Code.UNKNOWN_KEY, summary, at, remedy=choices(key, allowed, label="Keys allowed here"))


def unfit(value: Json, wanted: VariableType | None) -> str:
    """What is wrong with the type of a result; empty when nothing is."""
    if wanted is None or wanted not in _TYPES:
        return ""
    kinds, words = _TYPES[wanted]
    if isinstance(value, kinds) and (not isinstance(value, bool) or wanted is VariableType.BOOLEAN):
        return ""
    return f"must be {words} and is {described(value)}"


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = canonical(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def described(value: Any) -> str:
    """A value and its type, as a message says it; also of what is no JSON, as infinity."""
    if value is None or isinstance(value, Sensitive):
        return "null" if value is None else "a secret"
    try:
        return f"{shown(value)} ({kind_of(value)})"
    except (TypeError, ValueError):
        return repr(value)


def kind_of(value: Any) -> str:
    """The type of a value in one word."""
    if isinstance(value, bool):
        return "boolean"
    kinds = ((str, "text"), (int, "integer"), (float, "number"), (Mapping, "map"), (list, "list"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "null" if value is None else "value")
