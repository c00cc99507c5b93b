"""Read and control launches: list, info, context, stop, status, meta (wire protocol 2.2)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import taskspec
from taskspec.api.wire import LaunchStatus
from taskspec.local.db import fixtures, retention, timestamps
from taskspec.local.db.listing import Condition, read_page
from taskspec.local.db.logs import Logs
from taskspec.local.db.task_view import LISTING, read_task, show_task
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.refusal import Refusal, unknown

# Keys that the server sets. `tasks.meta.update` cannot change them.
_OWN_META = frozenset({"id", "app", "params", "output", "sessionToken", "error", "attempt"})


def list_tasks(call: RouteCall) -> dict[str, Any]:
    here = Condition("l.workspace_id = ?", (fixtures.require(call.params, "workspace"),))
    show = partial(_show_with_progress, call.parts.logs) if call.params.flag("withProgress") else show_task
    return read_page(call.parts.store, LISTING, call.params, show, (here,))


def info(call: RouteCall) -> dict[str, Any]:
    task_id = call.params.id("id")
    task = read_task(call.parts.store, task_id)
    if task is None:
        raise unknown("task", task_id)
    if call.params.flag("withProgress"):
        call.parts.agent.drain(task_id)
        return {**task, "progress": call.parts.logs.progress(task_id)}
    return task


def context(call: RouteCall) -> dict[str, Any]:
    """Return team, workspace and user of a launch. The SDK restores long values from it (wire protocol 4.6)."""
    call.launch()
    return {
        "team": {"id": fixtures.TEAM, "name": fixtures.NAME},
        "workspace": {"id": fixtures.WORKSPACE, "name": fixtures.NAME},
        "teamId": fixtures.TEAM,
        "workspaceId": fixtures.WORKSPACE,
        "userId": fixtures.USER,
        "userLogin": call.parts.user_login,
    }


def stop(call: RouteCall) -> dict[str, Any]:
    return {"status": call.parts.agent.stop(call.launch())}


def resume(call: RouteCall) -> dict[str, Any]:
    """Run an ended launch again under the same id, as the next attempt."""
    launch = call.launch()
    if not launch.status.is_terminal or not call.parts.agent.resume(launch):
        raise Refusal(409, "CONFLICT", f'task {launch.id} has not ended: it is "{launch.status}"')
    return {"success": True}


def update_status(call: RouteCall) -> dict[str, Any]:
    launch = call.launch()
    status = LaunchStatus(call.params.choice("status", [str(status) for status in LaunchStatus]))
    call.parts.launches.force_status(launch.id, status)
    return {"success": True}


def update_meta(call: RouteCall) -> dict[str, Any]:
    """Merge keys into the meta of a launch. `name` is its display name."""
    launch, store = call.launch(), call.parts.store
    name = call.params.text("name", "")
    given = {key: value for key, value in call.params.values.items() if key not in _OWN_META and key != "name"}
    with store.transaction():
        row = store.one("SELECT meta FROM launches WHERE id = ?", (launch.id,))
        call.parts.launches.set_meta(launch.id, {**json.loads(row["meta"] if row else "{}"), **given})
        if name:
            store.write("UPDATE launches SET name = ? WHERE id = ?", (name, launch.id))
    return {"success": True}


def _show_with_progress(logs: Logs, row: sqlite3.Row) -> dict[str, Any]:
    return {**show_task(row), "progress": logs.progress(row["id"])}


ROUTES: dict[str, Route] = {
    "tasks.list": list_tasks,
    "tasks.info": info,
    "GetTaskContext": context,
    "tasks.stop": stop,
    "tasks.resume": resume,
    "tasks.status.update": update_status,
    "tasks.meta.update": update_meta,
}


_LONGEST_DAYS = 36_500


def status(call: RouteCall) -> dict[str, Any]:
    parts = call.parts
    return {
        "version": taskspec.__version__,
        "pid": parts.info.pid,
        "home": str(parts.home.path),
        "address": parts.info.address,
        "activeLaunches": parts.agent.active,
    }


async def prune(call: RouteCall) -> dict[str, Any]:
    """Delete the folders, logs and files of launches that ended more than `keepDays` days ago."""
    days = call.params.integer("keepDays", lowest=0, highest=_LONGEST_DAYS)
    parts, before = call.parts, timestamps.written(datetime.now(UTC) - timedelta(days=days))
    pruned, folders = retention.prune(parts.home, parts.store, parts.files, before)
    await asyncio.to_thread(retention.delete, folders)
    return {"launches": pruned}


def shutdown(call: RouteCall) -> dict[str, Any]:
    """Exit after this answer. Apps keep running; the next server adopts them."""
    call.parts.shut_down()
    return {"success": True}


LOCAL_ROUTES: dict[str, Route] = {"status": status, "prune": prune, "shutdown": shutdown}
