"""`ecosystem.file.download`: all files of an app, or one of them (wire protocol 3.1)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from taskspec.local.answers import unknown
from taskspec.local.archives import write_gzip

if TYPE_CHECKING:
    from starlette.responses import Response

    from taskspec.local.call import Route, RouteCall
    from taskspec.local.modules import Release


async def download(call: RouteCall) -> Response:
    """Send the app as a gzip with one top folder, or the file at `filePath`, or the file that `fileKey` names."""
    release = _release(call)
    copy = call.parts.home.modules / release.digest
    if not copy.is_dir():
        raise unknown("copy of module", release.module_id)
    if call.params.flag("isArchive"):
        archive = await asyncio.to_thread(_pack, copy, f"module-{release.module_id}", call.parts.home.path)
        return FileResponse(archive, media_type="application/gzip", background=BackgroundTask(_unlink, archive))
    file = _file(call, release, copy)
    return FileResponse(file, media_type="application/octet-stream", filename=file.name)


def _release(call: RouteCall) -> Release:
    module_id = call.params.id("moduleId" if call.params.has("moduleId") else "appId")
    version = call.params.text("version", "")
    release = call.parts.modules.shown_release(module_id, version or None)
    if release is None:
        raise unknown(f"version of module {module_id}", version)
    return release


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
        _unlink(Path(name))
        raise
    return Path(name)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


ROUTES: dict[str, Route] = {"ecosystem.file.download": download}
