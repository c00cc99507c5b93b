"""Endpoints that only the local server has: its status, pruning, and shutdown."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import taskspec
from taskspec.local import moments, retention

if TYPE_CHECKING:
    from taskspec.local.call import Route, RouteCall

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
    days = call.params.integer("keepDays", 0, lowest=0, highest=_LONGEST_DAYS)
    if not call.params.has("keepDays"):
        raise call.params.invalid("keepDays", "is required")
    parts, before = call.parts, moments.written(datetime.now(UTC) - timedelta(days=days))
    pruned, folders = retention.prune(parts.home, parts.store, parts.files, before)
    await asyncio.to_thread(retention.delete, folders)
    return {"launches": len(pruned)}


def shutdown(call: RouteCall) -> dict[str, Any]:
    """Exit after this answer. Apps keep running; the next server adopts them."""
    call.parts.shut_down()
    return {"success": True}


ROUTES: dict[str, Route] = {"status": status, "prune": prune, "shutdown": shutdown}
