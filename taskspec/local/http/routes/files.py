"""`file-storage.*`: Team Files (wire protocol 3.5)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Any

from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from taskspec.local.apps.app_sources import Member, TarStream
from taskspec.local.db import fixtures
from taskspec.local.db.blobs import Blobs, IncomingBlob
from taskspec.local.db.team_files import STORAGE_PREFIX, clean_path, mime_of, show_file
from taskspec.local.http.call import Route, RouteCall, ServerParts
from taskspec.local.http.multipart import form_parts
from taskspec.local.refusal import invalid, unknown


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


def info(call: RouteCall) -> dict[str, Any]:
    return show_file(call.row("files", call.params.id("id")), call.parts.info.address)


def list_files(call: RouteCall) -> list[dict[str, Any]]:
    """Return an array, which is empty when the folder does not exist."""
    fixtures.require(call.params, "team")
    path = clean_path(call.params.text("path", "/"))
    rows = call.parts.files.listed(path, recursive=call.params.flag("recursive", True))
    return [show_file(row, call.parts.info.address) for row in rows]


def download(call: RouteCall) -> Response:
    """Send the bytes of a file. A folder is sent as a tar, in which it is the top folder."""
    fixtures.require(call.params, "team")
    path = clean_path(call.params.text("path"))
    row = call.parts.files.find(path)
    if row is not None and row["hash"] is not None:
        return file_response(row, call.parts.blobs)
    tar = TarStream(_members(call, path))
    return StreamingResponse(iter(tar), media_type="application/x-tar", headers={"content-length": str(len(tar))})


def remove(call: RouteCall) -> dict[str, Any]:
    fixtures.require(call.params, "team")
    call.parts.files.remove([clean_path(call.params.text("path"))])
    return {"success": True}


def remove_many(call: RouteCall) -> dict[str, Any]:
    fixtures.require(call.params, "team")
    paths = call.params.array("paths")
    for index, path in enumerate(paths):
        if not isinstance(path, str):
            raise call.params.invalid(f"paths[{index}]", "must be a string")
    call.parts.files.remove([clean_path(path, "paths") for path in paths])
    return {"success": True}


async def upload(call: RouteCall) -> dict[str, Any]:
    """Receive one file: a raw body under the path of the query, or a form of an older SDK."""
    if call.headers.get("content-type", "").startswith("multipart/"):
        return (await upload_many(call))[0]
    fixtures.require(call.params, "team")
    path = clean_path(call.params.text("path"))
    with call.parts.blobs.incoming() as content:
        async for chunk in call.body:
            content.write(chunk)
        content.finish()
        return _put(call, [(path, content)])[0]


async def upload_many(call: RouteCall) -> list[dict[str, Any]]:
    """Receive a form of triples: name, path of the folder, file. Keep all files or none, in their order."""
    fixtures.require(call.params, "team")
    texts: dict[str, str] = {}
    files: list[tuple[str, IncomingBlob]] = []
    with ExitStack() as contents:
        async for part in form_parts(call, contents):
            if part.content is None:
                texts[part.name] = part.text
            elif "path" not in texts:
                raise invalid("path", "must come before its file")
            else:
                path = clean_path(f"{texts.pop('path')}/{texts.pop('name', part.filename)}")
                files.append((path, part.content))
        if not files:
            raise invalid("file", "is required")
        return _put(call, files)


def _put(call: RouteCall, files: Iterable[tuple[str, IncomingBlob]]) -> list[dict[str, Any]]:
    return [show_file(row, call.parts.info.address) for row in call.parts.files.put(files)]


def _members(call: RouteCall, path: str) -> list[Member]:
    folder, blobs = PurePosixPath(path), call.parts.blobs
    rows = call.parts.files.below(path)
    if not rows:
        raise unknown("file", path)
    return [
        Member(
            f"{folder.name or 'files'}/{PurePosixPath(row['path']).relative_to(folder)}",
            blobs.path(row["hash"]),
            row["size"],
        )
        for row in rows
    ]


ROUTES: dict[str, Route] = {
    "file-storage.info": info,
    "file-storage.list": list_files,
    "file-storage.download": download,
    "file-storage.remove": remove,
    "file-storage.bulk.remove": remove_many,
}
UPLOADS: dict[str, Route] = {"file-storage.upload": upload, "file-storage.bulk.upload": upload_many}
