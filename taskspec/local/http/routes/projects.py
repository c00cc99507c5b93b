"""`projects.*`: add, look up, change (wire protocol 3.3)."""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from taskspec.local.apps.app_sources import AppSource
from taskspec.local.db import fixtures, timestamps
from taskspec.local.db.listing import Condition, Listing, read_page, table_columns
from taskspec.local.db.modules import Release
from taskspec.local.http.call import Route, RouteCall, ServerParts
from taskspec.local.refusal import Refusal

NAME_LIMIT = 255
TYPES = ("images", "videos", "volumes", "point_clouds", "point_cloud_episodes", "meshes")
LISTING = Listing("projects", table_columns("name", "type", "description"))


def show_project(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **fixtures.show_named(row),
        **{name: row[name] for name in ("description", "readme", "type")},
        "workspaceId": row["workspace_id"],
        "teamId": fixtures.TEAM,
        "createdBy": row["created_by"],
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
    moment = timestamps.now()
    release = _release(parts)
    output = {"project": {"id": project_id, "title": name, "preview": ""}}
    return parts.store.insert(
        "launches",
        workspace_id=fixtures.WORKSPACE,
        user_id=fixtures.USER,
        agent_id=fixtures.AGENT,
        module_id=release.module_id,
        release_id=release.id,
        status="finished",
        type="clone",
        description="",
        name=f"{TITLE}: {name}",
        log_level="info",
        restart_policy="never",
        session_token=secrets.token_urlsafe(24),
        output=json.dumps(output),
        **dict.fromkeys(("params", "settings", "meta"), "{}"),
        **dict.fromkeys(("created_at", "started_at", "finished_at"), moment),
    )


def _release(parts: ServerParts) -> Release:
    """Return the release of the built-in app. The first clone makes it."""
    modules = parts.modules
    source = AppSource(TITLE, VERSION, digest="", config={})
    return modules.renew(modules.find_id(slug=SLUG) or modules.register(source, SLUG, Path()), source)


_TEXTS = ("name", "description", "readme", "type")
_OBJECTS = {"customData": "custom_data", "settings": "settings"}


def add(call: RouteCall) -> dict[str, Any]:
    params, moment = call.params, timestamps.now()
    workspace, name = fixtures.require(params, "workspace"), _name(call)
    project_id = call.parts.store.insert(
        "projects",
        workspace_id=workspace,
        name=name,
        type=params.choice("type", TYPES, "images"),
        description=params.text("description", ""),
        readme=params.text("readme", ""),
        settings=json.dumps(params.mapping("settings", {})),
        custom_data=json.dumps(params.mapping("customData", {})),
        created_by=fixtures.USER,
        created_at=moment,
        updated_at=moment,
    )
    return show_project(call.row("projects", project_id))


def info(call: RouteCall) -> dict[str, Any]:
    return show_project(call.row("projects", call.params.id("id")))


def list_projects(call: RouteCall) -> dict[str, Any]:
    """List the projects of a workspace, or of the team."""
    params = call.params
    if params.has("teamId"):
        fixtures.require(params, "team")
        return read_page(call.parts.store, LISTING, params, show_project)
    here = Condition("workspace_id = ?", (params.id("workspaceId"),))
    return read_page(call.parts.store, LISTING, params, show_project, (here,))


def edit(call: RouteCall) -> dict[str, Any]:
    """Change the given fields and return the project."""
    row, params = call.row("projects", call.params.id("id")), call.params
    changes: dict[str, object] = {name: params.text(name) for name in _TEXTS if params.has(name)}
    if params.has("name") and params.text("name") != row["name"]:
        changes["name"] = _name(call)
    if params.has("type"):
        params.choice("type", TYPES)
    changes |= {column: json.dumps(params.mapping(name)) for name, column in _OBJECTS.items() if params.has(name)}
    changes["updated_at"] = timestamps.now()
    columns = ", ".join(f"{column} = ?" for column in changes)
    call.parts.store.write(f"UPDATE projects SET {columns} WHERE id = ?", (*changes.values(), row["id"]))  # noqa: S608 - constants
    return show_project(call.row("projects", row["id"]))


def clone(call: RouteCall) -> dict[str, Any]:
    """Copy a project under another name at once, and record a finished task for it."""
    fixtures.require(call.params, "workspace")
    row = call.row("projects", call.params.id("id"))
    name, moment = _name(call), timestamps.now()
    kept = ("workspace_id", "type", "description", "readme", "settings", "custom_data", "created_by")
    with call.parts.store.transaction():
        project_id = call.parts.store.insert(
            "projects", name=name, created_at=moment, updated_at=moment, **{column: row[column] for column in kept}
        )
        task_id = record_clone(call.parts, project_id, name)
    return {"taskId": task_id}


def archive(call: RouteCall) -> dict[str, Any]:
    """Remove a project. Unlike the real server, this server cannot restore it."""
    row = call.row("projects", call.params.id("id"))
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


ROUTES: dict[str, Route] = {
    "projects.add": add,
    "projects.info": info,
    "projects.list": list_projects,
    "projects.editInfo": edit,
    "projects.clone": clone,
    "projects.archive": archive,
}
