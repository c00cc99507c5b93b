"""Download contents by GET from the `storagePath` of a file, with the usual token."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from starlette.responses import FileResponse

from taskspec.local.answers import unknown
from taskspec.local.blobs import Blobs
from taskspec.local.teamfiles import STORAGE_PREFIX, mime_of

if TYPE_CHECKING:
    import sqlite3

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from taskspec.local.call import ServerParts


def content(path: str, parts: ServerParts) -> Response:
    """Answer `/storage/<id>/<any name>`."""
    file_id = path.removeprefix(STORAGE_PREFIX).partition("/")[0]
    number = int(file_id) if file_id.isascii() and file_id.isdigit() and len(file_id) < 19 else 0
    row = parts.files.by_id(number)
    if row is None or row["hash"] is None:
        raise unknown("file", file_id)
    return file_response(row, parts.blobs)


class _Content(FileResponse):
    """Supports `Range` on a POST too, with which the SDK resumes a download."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "method": "GET"}, receive, send)


def file_response(row: sqlite3.Row, blobs: Blobs) -> Response:
    """Send the content of a file, with headers that stop a browser from showing it as a page."""
    name = PurePosixPath(row["path"]).name
    if not blobs.has(row["hash"]):
        raise unknown("content of file", row["path"])
    return _Content(
        blobs.path(row["hash"]),
        media_type=mime_of(name),
        filename=name,
        headers={"x-content-checksum-sha256": row["hash"], "x-content-type-options": "nosniff"},
    )
