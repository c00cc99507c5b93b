"""The task object: a launch in the form of the wire (wire protocol 6)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from taskspec.local.db.listing import Column, ColumnKind, Listing
from taskspec.local.db.server_database import Store

LISTING = Listing(
    source=(
        "launches l JOIN releases r ON r.id = l.release_id JOIN modules m ON m.id = l.module_id"
        " JOIN workspaces w ON w.id = l.workspace_id JOIN users u ON u.id = l.user_id"
        " JOIN agents a ON a.id = l.agent_id"
    ),
    counted="launches l",
    select=(
        "l.id, l.type, l.status, l.description, l.workspace_id, w.team_id, l.user_id, u.login, l.agent_id, a.name,"
        " l.module_id, l.created_at, l.started_at, l.finished_at, l.settings, l.meta, l.name, m.name,"
        " coalesce(r.branch, r.version), r.branch IS NOT NULL, l.params, l.session_token, l.attempt, l.output, l.error"
    ),
    columns={
        "id": Column("l.id", ColumnKind.NUMBER),
        "type": Column("l.type"),
        "status": Column("l.status"),
        "description": Column("l.description"),
        "startedAt": Column("l.started_at", ColumnKind.DATE),
        "finishedAt": Column("l.finished_at", ColumnKind.DATE),
    },
)


def read_task(store: Store, task_id: int) -> dict[str, Any] | None:
    row = store.one(f"SELECT {LISTING.select} FROM {LISTING.source} WHERE l.id = ?", (task_id,))  # noqa: S608 - constants
    return show_task(row) if row else None


def show_task(row: sqlite3.Row) -> dict[str, Any]:
    # By position: every poll shows up to 500 rows, and access by name would double its time.
    values = tuple(row)
    task_id, kind, status, description, workspace_id, team_id, user_id, login, agent_id, agent_name = values[:10]
    module_id, created_at, started_at, finished_at, settings = values[10:15]
    return {
        "id": task_id,
        "type": kind,
        "status": status,
        "description": description,
        "workspaceId": workspace_id,
        "teamId": team_id,
        "userId": user_id,
        "userLogin": login,
        "createdBy": user_id,
        "agentId": agent_id,
        "agentName": agent_name,
        "moduleId": module_id,
        "appId": module_id,
        "createdAt": created_at,
        "startedAt": started_at,
        "finishedAt": finished_at,
        "settings": _json(settings),
        "meta": _meta(module_id, values[15:]),
    }


def _meta(module_id: int, values: tuple[Any, ...]) -> dict[str, Any]:
    stored, name, module_name, version, is_branch, params, session_token, attempt, output, error = values
    meta = {
        "redirectRequests": None,
        "input": {},
        **_json(stored),
        "name": name,
        "app": {
            "id": module_id,
            "moduleId": module_id,
            "name": module_name,
            "version": version,
            "isBranch": bool(is_branch),
        },
        "params": _json(params),
        "sessionToken": session_token,
        "attempt": attempt,
        "output": _json(output),
    }
    return {**meta, "error": _json(error)} if error else meta


def _json(text: str) -> Any:
    """Parse a stored document. Most are empty, and parsing them would take a tenth of the time of a page."""
    return {} if text == "{}" else json.loads(text)
