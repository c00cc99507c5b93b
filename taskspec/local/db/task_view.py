"""The task object: a launch in the form of the wire (wire protocol 6)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from taskspec.local.db.listing import Column, ColumnKind, Listing
from taskspec.local.db.server_database import Store

_TASK = {
    **{name: f"l.{name}" for name in ("id", "type", "status", "description")},
    "workspaceId": "l.workspace_id",
    "teamId": "w.team_id",
    "userId": "l.user_id",
    "userLogin": "u.login",
    "createdBy": "l.user_id",
    "agentId": "l.agent_id",
    "agentName": "a.name",
    "moduleId": "l.module_id",
    "appId": "l.module_id",
    "createdAt": "l.created_at",
    "startedAt": "l.started_at",
    "finishedAt": "l.finished_at",
    "settings": "l.settings",
}
"""The fields of a task and their columns."""
_META = (
    "l.meta, l.name, m.name, coalesce(r.branch, r.version), r.branch IS NOT NULL, l.params, l.session_token, l.attempt,"
    " l.output, l.error"
)
LISTING = Listing(
    source=(
        "launches l JOIN releases r ON r.id = l.release_id JOIN modules m ON m.id = l.module_id"
        " JOIN workspaces w ON w.id = l.workspace_id JOIN users u ON u.id = l.user_id"
        " JOIN agents a ON a.id = l.agent_id"
    ),
    counted="launches l",
    select=f"{', '.join(_TASK.values())}, {_META}",
    columns={
        "id": Column("l.id", ColumnKind.NUMBER),
        **{name: Column(f"l.{name}") for name in ("type", "status", "description")},
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
    task = dict(zip(_TASK, values, strict=False))
    stored, name, module_name, version, is_branch, params, session_token, attempt, output, error = values[len(_TASK) :]
    app = {"id": task["moduleId"], "moduleId": task["moduleId"], "name": module_name, "version": version}
    meta = {
        "redirectRequests": None,
        "input": {},
        **_json(stored),
        "name": name,
        "app": {**app, "isBranch": bool(is_branch)},
        "params": _json(params),
        "sessionToken": session_token,
        "attempt": attempt,
        "output": _json(output),
    }
    if error:
        meta["error"] = _json(error)
    return {**task, "settings": _json(task["settings"]), "meta": meta}


def _json(text: str) -> Any:
    """Parse a stored document. Most are empty, and parsing them would take a tenth of the time of a page."""
    return {} if text == "{}" else json.loads(text)
