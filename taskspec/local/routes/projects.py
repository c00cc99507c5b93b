"""`projects.*`: add, look up, change (wire protocol 3.3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskspec.local import moments, places
from taskspec.local.answers import Refusal, unknown
from taskspec.local.cloning import record_clone
from taskspec.local.paging import Condition, read_page
from taskspec.local.projects import LISTING, NAME_LIMIT, TYPES, show_project

if TYPE_CHECKING:
    import sqlite3

    from taskspec.local.call import Route, RouteCall

_TEXTS = {"name": "name", "description": "description", "readme": "readme", "type": "type"}
_OBJECTS = {"customData": "custom_data", "settings": "settings"}


def add(call: RouteCall) -> dict[str, Any]:
    params, moment = call.params, moments.now()
    workspace = params.id("workspaceId")
    if workspace != places.WORKSPACE:
        raise unknown("workspace", workspace)
    name = _name(call)
    project_id = call.parts.store.write(
        "INSERT INTO projects (workspace_id, name, type, description, readme, settings, custom_data, created_by,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            workspace,
            name,
            params.choice("type", TYPES, "images"),
            params.text("description", ""),
            params.text("readme", ""),
            json.dumps(params.mapping("settings", {})),
            json.dumps(params.mapping("customData", {})),
            places.USER,
            moment,
            moment,
        ),
    )
    return show_project(_row(call, project_id))


def info(call: RouteCall) -> dict[str, Any]:
    return show_project(_row(call, call.params.id("id")))


def list_projects(call: RouteCall) -> dict[str, Any]:
    """List the projects of a workspace, or of the team."""
    params = call.params
    if params.has("teamId"):
        if params.id("teamId") != places.TEAM:
            raise unknown("team", params.id("teamId"))
        return read_page(call.parts.store, LISTING, params, show_project)
    here = Condition("workspace_id = ?", (params.id("workspaceId"),))
    return read_page(call.parts.store, LISTING, params, show_project, (here,))


def edit(call: RouteCall) -> dict[str, Any]:
    """Change the given fields and return the project."""
    row, params = _row(call, call.params.id("id")), call.params
    changes: dict[str, object] = {column: params.text(name) for name, column in _TEXTS.items() if params.has(name)}
    if params.has("name") and params.text("name") != row["name"]:
        changes["name"] = _name(call)
    if params.has("type"):
        params.choice("type", TYPES)
    changes |= {column: json.dumps(params.mapping(name)) for name, column in _OBJECTS.items() if params.has(name)}
    changes["updated_at"] = moments.now()
    columns = ", ".join(f"{column} = ?" for column in changes)
    call.parts.store.write(f"UPDATE projects SET {columns} WHERE id = ?", (*changes.values(), row["id"]))  # noqa: S608 - constants
    return show_project(_row(call, row["id"]))


def clone(call: RouteCall) -> dict[str, Any]:
    """Copy a project under another name at once, and record a finished task for it."""
    workspace, row = call.params.id("workspaceId"), _row(call, call.params.id("id"))
    if workspace != places.WORKSPACE:
        raise unknown("workspace", workspace)
    name, moment = _name(call), moments.now()
    kept = ("workspace_id", "type", "description", "readme", "settings", "custom_data", "created_by")
    columns = ", ".join((*kept, "name", "created_at", "updated_at"))
    with call.parts.store.transaction():
        project_id = call.parts.store.write(
            f"INSERT INTO projects ({columns}) VALUES ({', '.join('?' * (len(kept) + 3))})",  # noqa: S608 - constants
            (*(row[column] for column in kept), name, moment, moment),
        )
        task_id = record_clone(call.parts, project_id, name)
    return {"taskId": task_id}


def archive(call: RouteCall) -> dict[str, Any]:
    """Remove a project. Unlike the real server, this server cannot restore it."""
    row = _row(call, call.params.id("id"))
    call.parts.store.write("DELETE FROM projects WHERE id = ?", (row["id"],))
    return {"success": True}


def _name(call: RouteCall) -> str:
    """Return the requested name. Raises a Refusal when it is taken."""
    name = call.params.text("name", longest=NAME_LIMIT)
    if not name.strip():
        raise call.params.invalid("name", "may not be empty")
    if call.parts.store.one("SELECT 1 FROM projects WHERE name = ?", (name,)):
        raise Refusal(400, "NONUNIQUE", f'project "{name}" exists already')
    return name


def _row(call: RouteCall, project_id: int) -> sqlite3.Row:
    row = call.parts.store.one("SELECT * FROM projects WHERE id = ?", (project_id,))
    if row is None:
        raise unknown("project", project_id)
    return row


ROUTES: dict[str, Route] = {
    "projects.add": add,
    "projects.info": info,
    "projects.list": list_projects,
    "projects.editInfo": edit,
    "projects.clone": clone,
    "projects.archive": archive,
}
