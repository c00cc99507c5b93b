"""`apps.*`: the registered modules as apps of the team, with their sessions (wire protocol 3.4)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from taskspec.api.wire import ACTIVE
from taskspec.local.apps.app_sources import write_gzip
from taskspec.local.db import fixtures
from taskspec.local.db.listing import Column, ColumnKind, Condition, Listing, read_page, table_columns
from taskspec.local.db.modules import Release, wire_config
from taskspec.local.db.task_view import LISTING as TASKS
from taskspec.local.db.task_view import show_task
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.http.routes.catalogue import modules_where, shown_release
from taskspec.local.refusal import unknown

SESSION_LIMIT = 500
_RUNNING = ", ".join(f"'{status}'" for status in sorted(ACTIVE))
LISTING = Listing("modules", {**table_columns("name", "slug"), "moduleId": Column("id", ColumnKind.NUMBER)})


def list_apps(call: RouteCall) -> dict[str, Any]:
    """List apps by filter, by their config, and with `onlyRunning` those with a session."""
    params = call.params
    fixtures.require(params, "team")
    conditions = []
    for field, key in (("sessionTags", "session_tags"), ("integratedInto", "integrated_into"), ("context", "target")):
        wanted = {str(item) for item in params.array(field, ())}
        if wanted:
            conditions.append(modules_where(call, _has_text(key, wanted)))
    only_running = params.flag("onlyRunning")
    if only_running:
        running = f"EXISTS (SELECT 1 FROM launches l WHERE l.module_id = modules.id AND l.status IN ({_RUNNING}))"  # noqa: S608 - constants
        conditions.append(Condition(running))
    return read_page(call.parts.store, LISTING, params, partial(_show, call, only_running=only_running), conditions)


def info(call: RouteCall) -> dict[str, Any]:
    return _show(call, call.row("modules", call.params.id("id"), "app"), only_running=False)


def list_sessions(call: RouteCall) -> dict[str, Any]:
    """List the launches of one app."""
    fixtures.require(call.params, "team")
    here = Condition("l.module_id = ?", (call.row("modules", call.params.id("appId"), "app")["id"],))
    return read_page(call.parts.store, TASKS, call.params, show_task, (here,))


def _show(call: RouteCall, row: sqlite3.Row, *, only_running: bool) -> dict[str, Any]:
    """Return a module as an app, with its newest launches."""
    release = call.parts.modules.shown_release(row["id"], None)
    running = f" AND l.status IN ({_RUNNING})" if only_running else ""
    tasks = call.parts.store.all(
        f"SELECT {TASKS.select} FROM {TASKS.source} WHERE l.module_id = ?{running} ORDER BY l.id DESC LIMIT ?",  # noqa: S608 - constants
        (row["id"], SESSION_LIMIT),
    )
    return {
        **fixtures.show_named(row),
        "moduleId": row["id"],
        "slug": row["slug"],
        "config": wire_config(release.config) if release else {},
        "createdBy": fixtures.USER,
        "userLogin": call.parts.user_login,
        "teamId": fixtures.TEAM,
        "disabled": False,
        "isShared": False,
        "repo": None,
        "tasks": [show_task(task) for task in tasks],
    }


def _has_text(key: str, wanted: set[str]) -> Any:
    def says(config: Mapping[str, Any]) -> bool:
        menu = config.get("context_menu")
        value = (menu.get(key) if isinstance(menu, dict) else None) if key == "target" else config.get(key)
        return bool(wanted & {str(item) for item in (value if isinstance(value, list) else ())})

    return says


async def download(call: RouteCall) -> Response:
    """Send the app as a gzip with one top folder, or the file at `filePath`, or the file that `fileKey` names."""
    release = shown_release(call, call.params.id("moduleId" if call.params.has("moduleId") else "appId"))
    copy = call.parts.home.modules / release.digest
    if not copy.is_dir():
        raise unknown("copy of module", release.module_id)
    if call.params.flag("isArchive"):
        archive = await asyncio.to_thread(_pack, copy, f"module-{release.module_id}", call.parts.home.path)
        cleanup = BackgroundTask(archive.unlink, missing_ok=True)
        return FileResponse(archive, media_type="application/gzip", background=cleanup)
    file = _file(call, release, copy)
    return FileResponse(file, media_type="application/octet-stream", filename=file.name)


def _file(call: RouteCall, release: Release, copy: Path) -> Path:
    """Find the requested file. No request can lead outside of the app."""
    key = call.params.text("fileKey", "")
    listed = release.config.get("files")
    named = listed.get(key) if key and isinstance(listed, dict) else None
    wanted = str(named) if named is not None else call.params.text("filePath", "")
    with contextlib.suppress(OSError, ValueError):
        found = (copy / wanted.lstrip("/")).resolve()
        if found.is_file() and found.is_relative_to(copy.resolve()):
            return found
    raise unknown("file", key or wanted)


def _pack(copy: Path, top: str, folder: Path) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=".archive-", suffix=".tar.gz", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write_gzip(copy, top, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


ROUTES: dict[str, Route] = {
    "apps.list": list_apps,
    "apps.info": info,
    "apps.tasks.list": list_sessions,
    "ecosystem.file.download": download,
}
