"""`projects.*`: add, look up, change (wire protocol 3.3)."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from taskspec.local.db import fixtures, timestamps
from taskspec.local.db.listing import Column, ColumnKind, Condition, Listing, read_page
from taskspec.local.http.call import Route, RouteCall, ServerParts
from taskspec.local.refusal import Refusal, unknown

NAME_LIMIT = 255
TYPES = ("images", "videos", "volumes", "point_clouds", "point_cloud_episodes", "meshes")
LISTING = Listing(
    "projects",
    {
        "id": Column("id", ColumnKind.NUMBER),
        "name": Column("name"),
        "type": Column("type"),
        "description": Column("description"),
        "createdAt": Column("created_at", ColumnKind.DATE),
        "updatedAt": Column("updated_at", ColumnKind.DATE),
    },
)


def show_project(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "readme": row["readme"],
        "type": row["type"],
        "workspaceId": row["workspace_id"],
        "teamId": fixtures.TEAM,
        "createdBy": row["created_by"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "settings": json.loads(row["settings"]),
        "customData": json.loads(row["custom_data"]),
        # The SDK's lookup for an output crashes without a string here (wire protocol 2.6).
        "referenceImageUrl": "",
        **dict.fromkeys(("imagesCount", "itemsCount", "datasetsCount"), 0),
        "size": "0",
        "backupArchive": {},
        "importSettings": {},
        "version": None,
    }


SLUG = "taskspec/clone-project"
TITLE = "Clone project"
VERSION = "v1.0.0"


def record_clone(parts: ServerParts, project_id: int, name: str) -> int:
    """Record the task, whose output names the project. Call it in the transaction that makes the project."""
    store, moment = parts.store, timestamps.now()
    module_id, release_id = _release(parts)
    output = {"project": {"id": project_id, "title": name, "preview": ""}}
    return store.write(
        "INSERT INTO launches (workspace_id, user_id, agent_id, module_id, release_id, status, type, description, name,"
        " log_level, restart_policy, session_token, params, settings, meta, output, created_at, started_at,"
        " finished_at) VALUES (?, ?, ?, ?, ?, 'finished', 'clone', '', ?, 'info', 'never', ?, '{}', '{}', '{}',"
        " ?, ?, ?, ?)",
        (
            fixtures.WORKSPACE,
            fixtures.USER,
            fixtures.AGENT,
            module_id,
            release_id,
            f"{TITLE}: {name}",
            secrets.token_urlsafe(24),
            json.dumps(output),
            moment,
            moment,
            moment,
        ),
    )


def _release(parts: ServerParts) -> tuple[int, int]:
    """Return the module and release of the built-in app. The first clone makes them."""
    store, moment = parts.store, timestamps.now()
    store.write(
        "INSERT OR IGNORE INTO modules (slug, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
        (SLUG, TITLE, moment, moment),
    )
    module = store.one("SELECT id FROM modules WHERE slug = ?", (SLUG,))
    module_id = int(module["id"]) if module is not None else 0
    store.write(
        "INSERT OR IGNORE INTO releases (module_id, version, digest, config, created_at, position)"
        " VALUES (?, ?, '', '{}', ?, 1)",
        (module_id, VERSION, moment),
    )
    release = store.one("SELECT id FROM releases WHERE module_id = ? AND version = ?", (module_id, VERSION))
    return module_id, int(release["id"]) if release is not None else 0


_TEXTS = {"name": "name", "description": "description", "readme": "readme", "type": "type"}
_OBJECTS = {"customData": "custom_data", "settings": "settings"}


def add(call: RouteCall) -> dict[str, Any]:
    params, moment = call.params, timestamps.now()
    workspace = params.id("workspaceId")
    if workspace != fixtures.WORKSPACE:
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
            fixtures.USER,
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
        if params.id("teamId") != fixtures.TEAM:
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
    changes["updated_at"] = timestamps.now()
    columns = ", ".join(f"{column} = ?" for column in changes)
    call.parts.store.write(f"UPDATE projects SET {columns} WHERE id = ?", (*changes.values(), row["id"]))  # noqa: S608 - constants
    return show_project(_row(call, row["id"]))


def clone(call: RouteCall) -> dict[str, Any]:
    """Copy a project under another name at once, and record a finished task for it."""
    workspace, row = call.params.id("workspaceId"), _row(call, call.params.id("id"))
    if workspace != fixtures.WORKSPACE:
        raise unknown("workspace", workspace)
    name, moment = _name(call), timestamps.now()
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
