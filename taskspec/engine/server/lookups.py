"""Looks for what a launch left elsewhere than in its output, only when a task reads such a thing. Runs in a worker."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from taskspec.errors import NotFound, Refused
from taskspec.plan.lookup_needs import FieldNeed, FilesNeed, Finding, Findings, Need
from taskspec.values import Json

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo
    from taskspec.api.records.records import FileInfo, ProjectInfo

NAMES_SHOWN = 8
KEPT_FIELDS = ("data", "state")


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What a look for the needs of a launch brought."""

    info: TaskInfo
    findings: Findings


def look_up_needs(api: Api, info: TaskInfo, needs: Iterable[Need]) -> LookupResult:
    """Look for every need. What the server refuses is a finding too; raises ApiError for passing trouble."""
    findings: dict[Need, Finding] = {}
    for need in needs:
        try:
            findings[need] = _find(api, info, need)
        except Refused as error:
            findings[need] = Finding(None, problem_text=error.message)
    return LookupResult(info, findings)


def _find(api: Api, info: TaskInfo, need: Need) -> Finding:
    if isinstance(need, FieldNeed):
        value = api.task.get_field(info.id, need.name)
        return Finding(value, _fields_there(api, info.id) if value is None else "")
    if isinstance(need, FilesNeed):
        return _files(api, _team(api, info), need)
    return _projects(api, info, need.name)


def _fields_there(api: Api, task_id: int) -> str:
    """Which of the fields that apps keep are there; a server lists no others."""
    there = [name for name, value in api.task.get_fields(task_id, KEPT_FIELDS).items() if value is not None]
    return f"there is: {', '.join(there)}" if there else f"neither is there {' or '.join(KEPT_FIELDS)}"


def _files(api: Api, team: int, need: FilesNeed) -> Finding:
    try:
        listed = [file for file in api.file.list(team, need.folder) if not file.is_dir]
    except NotFound:
        listed = []
    listed.sort(key=lambda file: (_moment(file.updated_at or file.created_at), file.id))
    found: list[Json] = [
        {"path": file.path, "id": file.id, "size": file.size} for file in listed if _matches(file, need)
    ]
    return Finding(found, _holds([PurePosixPath(file.path).name for file in listed]))


def _matches(file: FileInfo, need: FilesNeed) -> bool:
    """A pattern without a slash is one of names, anywhere below the folder."""
    path = PurePosixPath(file.path)
    if "/" not in need.match:
        return fnmatch.fnmatchcase(path.name, need.match)
    return path.is_relative_to(need.folder) and path.relative_to(need.folder).match(need.match)


def _holds(names: list[str]) -> str:
    if not names:
        return "the folder is empty or is not there"
    more = f", … ({len(names) - NAMES_SHOWN} more)" if len(names) > NAMES_SHOWN else ""
    return f"there is: {', '.join(names[-NAMES_SHOWN:])}{more}"


def _projects(api: Api, info: TaskInfo, name: str) -> Finding:
    """Projects of the name, or of the name with the number that the server adds where it is taken."""
    since = _moment(_began(api, info))
    projects = api.project.get_list(info.workspace_id or 0)
    recent = [one for one in projects if _moment(one.created_at) >= since]
    fitting = [one for one in recent if _is_called(one, name)]
    exact = [one for one in fitting if one.name == name]
    found: list[Json] = [
        {"id": one.id, "name": one.name, "type": one.type, "items_count": one.items_count} for one in exact or fitting
    ]
    older = [one for one in projects if one.name == name and one not in recent]
    made = ", ".join(f'"{one.name}" ({one.id})' for one in recent[-NAMES_SHOWN:])
    instead = f"made since then: {made}" if made else "none was made since then"
    return Finding(found, f"{instead}; older: {older[-1].id}" if older else instead)


def _is_called(project: ProjectInfo, name: str) -> bool:
    return re.fullmatch(re.escape(name) + r"(_\d{3,})?", project.name) is not None


def _began(api: Api, info: TaskInfo) -> str | None:
    """When the launch began; rows of lists may leave it out."""
    return info.started_at or info.created_at or api.task.get_info_by_id(info.id).started_at


def _team(api: Api, info: TaskInfo) -> int:
    if info.team_id is not None:
        return info.team_id
    return int(api.workspace.get_info_by_id(info.workspace_id or 0).team_id or 0)


def _moment(text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
