"""A launch as the wire shows it: the task object (wire protocol 6)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskspec.local.paging import Column, Kind, Listing

if TYPE_CHECKING:
    import sqlite3

    from taskspec.local.store import Store

LISTING = Listing(
    source=(
        "launches l JOIN releases r ON r.id = l.release_id JOIN modules m ON m.id = l.module_id"
        " JOIN workspaces w ON w.id = l.workspace_id JOIN users u ON u.id = l.user_id"
        " JOIN agents a ON a.id = l.agent_id"
    ),
    select=(
        "l.*, coalesce(r.branch, r.version) AS version, r.branch IS NOT NULL AS is_branch,"
        " m.name AS module_name, w.team_id, u.login, a.name AS agent_name"
    ),
    columns={
        "id": Column("l.id", Kind.NUMBER),
        "type": Column("l.type"),
        "status": Column("l.status"),
        "description": Column("l.description"),
        "startedAt": Column("l.started_at", Kind.DATE),
        "finishedAt": Column("l.finished_at", Kind.DATE),
    },
)


def read_task(store: Store, task_id: int) -> dict[str, Any] | None:
    row = store.one(f"SELECT {LISTING.select} FROM {LISTING.source} WHERE l.id = ?", (task_id,))  # noqa: S608 - constants
    return show_task(row) if row else None


def show_task(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "type": row["type"],
        "status": row["status"],
        "description": row["description"],
        "workspaceId": row["workspace_id"],
        "teamId": row["team_id"],
        "userId": row["user_id"],
        "userLogin": row["login"],
        "createdBy": row["user_id"],
        "agentId": row["agent_id"],
        "agentName": row["agent_name"],
        "moduleId": row["module_id"],
        "appId": row["module_id"],
        "createdAt": row["created_at"],
        "startedAt": row["started_at"],
        "finishedAt": row["finished_at"],
        "settings": json.loads(row["settings"]),
        "meta": _meta(row),
    }


def _meta(row: sqlite3.Row) -> dict[str, Any]:
    meta = {
        "redirectRequests": None,
        "input": {},
        **json.loads(row["meta"]),
        "name": row["name"],
        "app": {
            "id": row["module_id"],
            "moduleId": row["module_id"],
            "name": row["module_name"],
            "version": row["version"],
            "isBranch": bool(row["is_branch"]),
        },
        "params": json.loads(row["params"]),
        "sessionToken": row["session_token"],
        "attempt": row["attempt"],
        "output": json.loads(row["output"]),
    }
    return {**meta, "error": json.loads(row["error"])} if row["error"] else meta
