"""`jobs.*` and `labeling-queues.*`: labeling jobs and queues, as far as a wait for them needs.

In production, users and their tools call `jobs.add` and `jobs.set-status`. The server has none of the data of an
editor.
"""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from typing import Any

from taskspec.local.db import fixtures, timestamps
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.refusal import unknown
from taskspec.local.request_fields import RequestFields

NAME_LIMIT = 255
STATUSES = ("pending", "in_progress", "on_review", "completed", "stopped", "review_completed")
_NOUNS = {"job": "labeling job", "queue": "labeling queue"}


def add(kind: str, call: RouteCall) -> Any:
    """Add a job for each user, so the answer to `jobs.add` is a list; or one queue for all users."""
    name, moment = call.params.text("name", longest=NAME_LIMIT), timestamps.now()
    count = len(call.params.array("userIds", ())) or 1 if kind == "job" else 1
    rows = []
    for _ in range(count):
        number = call.parts.store.insert(
            "labeling", kind=kind, name=name, status="pending", created_at=moment, updated_at=moment
        )
        rows.append(_show(_row(kind, call, number)))
    return rows if kind == "job" else rows[0]


def info(kind: str, call: RouteCall) -> dict[str, Any]:
    return _show(_row(kind, call, call.params.id("id")))


def set_status(kind: str, call: RouteCall) -> dict[str, Any]:
    """Set any status."""
    row = _row(kind, call, call.params.id("id"))
    status = call.params.choice("status", STATUSES)
    call.parts.store.write(
        "UPDATE labeling SET status = ?, updated_at = ? WHERE id = ?", (status, timestamps.now(), row["id"])
    )
    return _show(_row(kind, call, row["id"]))


def _row(kind: str, call: RouteCall, number: int) -> sqlite3.Row:
    row = call.parts.store.one("SELECT * FROM labeling WHERE kind = ? AND id = ?", (kind, number))
    if row is None:
        raise unknown(_NOUNS[kind], number)
    return row


def _show(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **fixtures.show_named(row),
        "status": row["status"],
        "teamId": fixtures.TEAM,
        "workspaceId": fixtures.WORKSPACE,
        # The SDK reads these keys without a check.
        "meta": {"classes": [], "projectTags": [], "imageTags": [], "range": {"start": None, "end": None}},
        "labelers": [],
        "reviewers": [],
        "jobs": [],
    }


def add_node(call: RouteCall, direction: str) -> dict[str, Any]:
    node = RequestFields(call.params.mapping("node"), "node.")
    node.text("type")
    if not node.has("id"):
        raise node.invalid("id", "is required")
    call.params.text("type")
    texts = {"node": json.dumps(node.values), "content": json.dumps(call.params.values)}
    call.parts.store.insert("workflow", direction=direction, created_at=timestamps.now(), **texts)
    return {}


ROUTES: dict[str, Route] = {
    **{
        f"{prefix}.{name}": partial(route, kind)
        for kind, prefix in (("job", "jobs"), ("queue", "labeling-queues"))
        for name, route in (("add", add), ("info", info), ("set-status", set_status))
    },
    "workflow.node.add-input": partial(add_node, direction="input"),
    "workflow.node.add-output": partial(add_node, direction="output"),
}
