"""Fields, files and projects that a launch made outside its output. taskspec looks them up only when they are read.

An expression that reads one of them gets an unknown value first, and the need is noted. The engine looks up the needs
and evaluates the same expressions again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import Json, Unknown
from taskspec.wording import listing

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class FieldNeed:
    """One top-level field of the document that a launch keeps: `data`, `state`."""

    name: str


@dataclass(frozen=True, slots=True)
class FilesNeed:
    """Files in Team Files below a folder whose names match."""

    folder: str
    match: str


@dataclass(frozen=True, slots=True)
class ProjectNeed:
    """Projects of a name that were made after the launch began."""

    name: str


Need = FieldNeed | FilesNeed | ProjectNeed


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a look-up: the value, a list for files and projects, and a text about what was there instead.

    `problem_text` is why the look-up failed.
    """

    value: Json
    found_instead: str = ""
    problem_text: str = ""


Findings = Mapping[Need, Finding]


@dataclass(slots=True)
class Evidence:
    """What has been found so far. It notes what else is read."""

    found: Findings = field(default_factory=dict)
    wanted: set[Need] = field(default_factory=set)

    def of(self, need: Need) -> Finding | None:
        """The finding, or None before the look-up. Raises ExpressionError where the look-up failed."""
        finding = self.found.get(need)
        if finding is None:
            self.wanted.add(need)
        elif finding.problem_text:
            raise ExpressionError(finding.problem_text)
        return finding


@dataclass(frozen=True, slots=True)
class FieldsView(ScopeObject):
    """`launch.fields`: the document of the launch."""

    evidence: Evidence

    def look_up(self, key: Any) -> Any:
        finding = self.evidence.of(FieldNeed(str(key)))
        if finding is None:
            return Unknown("launch.fields")
        if finding.value is None:
            raise ExpressionError(f'the launch has no field "{key}"; {finding.found_instead}')
        return finding.value


@dataclass(frozen=True, slots=True)
class FilesView(ScopeObject):
    """`launch.files['/folder/*.pt']`: files in Team Files, the oldest first."""

    evidence: Evidence

    def look_up(self, key: Any) -> Any:
        need = files_need(str(key))
        finding = self.evidence.of(need)
        return Unknown("launch.files") if finding is None else finding.value

    def nothing(self, pattern: str) -> str:
        """The text that no file matches, with what is there instead."""
        need = files_need(pattern)
        return _no_file(need, self.evidence.found[need])

    def one(self, folder: str, match: str, *, newest: bool) -> Json:
        """The one file of a rule. Raises ExpressionError when there is none, or more than one and no way to choose."""
        finding = self.evidence.of(FilesNeed(folder.rstrip("/") or "/", match))
        if finding is None:
            return Unknown("launch.files")
        found: Sequence[Json] = finding.value
        if not found:
            raise ExpressionError(_no_file(FilesNeed(folder, match), finding))
        if len(found) > 1 and not newest:
            names = listing([each["path"] for each in found], 5)
            raise ExpressionError(f'{len(found)} files in "{folder}" match "{match}": {names}; say `newest: true`')
        return found[-1]


@dataclass(frozen=True, slots=True)
class ProjectView(ScopeObject):
    """`launch.project['name']`: the project that was made under that name since the launch began."""

    evidence: Evidence

    def look_up(self, key: Any) -> Any:
        finding = self.evidence.of(ProjectNeed(str(key)))
        if finding is None:
            return Unknown("launch.project")
        found: Sequence[Json] = finding.value
        if not found:
            raise ExpressionError(f'no project "{key}" was made since the launch began; {finding.found_instead}')
        if len(found) > 1:
            names = listing([f'"{each["name"]}" ({each["id"]})' for each in found], 5)
            raise ExpressionError(f'{len(found)} projects "{key}" were made since the launch began: {names}')
        return found[0]


def files_need(pattern: str) -> FilesNeed:
    """The need of a path with wildcards: the folder is what stands before the first of them."""
    path = PurePosixPath(pattern)
    parts = path.parts
    wild = next((index for index, part in enumerate(parts) if _WILD.search(part)), max(len(parts) - 1, 0))
    return FilesNeed(str(PurePosixPath(*parts[:wild])) if wild else "/", "/".join(parts[wild:]) or "*")


def evidence_views(evidence: Evidence) -> dict[str, Json]:
    """What `launch` has beyond what the server tells of it."""
    return {"fields": FieldsView(evidence), "files": FilesView(evidence), "project": ProjectView(evidence)}


def _no_file(need: FilesNeed, finding: Finding) -> str:
    return f'no file in "{need.folder}" matches "{need.match}"; {finding.found_instead}'
