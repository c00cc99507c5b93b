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
    services = call.services
    return {
        "version": taskspec.__version__,
        "pid": services.info.pid,
        "home": str(services.home.path),
        "address": services.info.address,
        "activeLaunches": services.agent.active,
    }


async def prune(call: RouteCall) -> dict[str, Any]:
    """Delete the folders, logs and files of launches that ended more than `keepDays` days ago."""
    days = call.params.integer("keepDays", 0, lowest=0, highest=_LONGEST_DAYS)
    if not call.params.has("keepDays"):
        raise call.params.invalid("keepDays", "is required")
    services, before = call.services, moments.written(datetime.now(UTC) - timedelta(days=days))
    pruned, folders = retention.prune(services.home, services.store, services.files, before)
    await asyncio.to_thread(retention.delete, folders)
    return {"launches": len(pruned)}


def shutdown(call: RouteCall) -> dict[str, Any]:
    """Exit after this answer. Apps keep running; the next server adopts them."""
    call.services.shut_down()
    return {"success": True}


ROUTES: dict[str, Route] = {"status": status, "prune": prune, "shutdown": shutdown}
