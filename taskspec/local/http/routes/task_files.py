"""Files of a launch: the client names known contents by hash and uploads the others (wire protocol 2.5)."""

from __future__ import annotations

import json
from typing import Any

from taskspec.local.db import timestamps
from taskspec.local.db.blobs import Blobs
from taskspec.local.http.bodies import whole
from taskspec.local.http.call import Route, RouteCall, ServerParts, Upload, UploadRoute
from taskspec.local.http.multipart import FileReceiver, receive_form
from taskspec.local.refusal import Refusal, invalid, unknown
from taskspec.local.request_fields import RequestFields, array_from_body


async def known_hashes(upload: Upload) -> list[str]:
    """Return those of the hashes whose content the server has."""
    hashes = array_from_body(await whole(upload.body))
    return [digest for digest in hashes if isinstance(digest, str) and upload.parts.blobs.has(digest)]


def add_by_hash(call: RouteCall) -> dict[str, Any]:
    """Add files whose contents the server has. Add all or none."""
    launch = call.launch("taskId")
    rows = [(entry.text("name"), entry.text("hash")) for entry in call.params.objects("files")]
    for _, digest in rows:
        if not call.parts.blobs.has(digest):
            raise unknown("content", digest)
    _write(call.parts, launch.id, rows)
    return {"success": True}


async def upload_new(upload: Upload) -> dict[str, Any]:
    """Receive a form of pairs: `0` with name and hash, `0-file` with the content. It does not name the launch."""
    task_id = _task(upload)
    with _Pairs(upload.parts.blobs) as pairs:
        await receive_form(upload.headers, upload.body, pairs)
        for content in pairs.contents:
            content.keep()
        _write(upload.parts, task_id, pairs.rows)
    return {"success": True}


class _Pairs(FileReceiver):
    """Receives descriptions and contents. A content must have the announced hash."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs)
        self.rows: list[tuple[str, str]] = []
        self._announced: dict[str, RequestFields] = {}

    def text(self, name: str, value: str) -> None:
        try:
            record = json.loads(value)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise invalid(name, "must be a JSON object with fullpath and hash")
        self._announced[f"{name}-file"] = RequestFields(record, f"{name}.")

    def file_begins(self, name: str, filename: str) -> None:  # noqa: ARG002 - the description has the full name
        record = self._announced.pop(name, None)
        if record is None:
            raise invalid(name, "must come after its description")
        self.rows.append((record.text("fullpath"), record.text("hash")))
        self.begin()

    def file_ends(self) -> None:
        super().file_ends()
        name, digest = self.rows[-1]
        if digest != self.contents[-1].hash:
            raise invalid("hash", f'is not the one of "{name}" as it arrived')


def _task(upload: Upload) -> int:
    """Return the launch that the header names, or else the only running one."""
    sender = upload.headers.get("x-task-id")
    if sender is not None:
        task_id = RequestFields({"x-task-id": sender}).id("x-task-id")
        if upload.parts.launches.find(task_id) is None:
            raise unknown("task", task_id)
        return task_id
    running = upload.parts.launches.unfinished()
    if len(running) != 1:
        problem = f"{len(running)} tasks run, and the request does not name one: send the header x-task-id"
        raise Refusal(400, "VALIDATION_ERROR", problem)
    return running[0].id


def _write(parts: ServerParts, task_id: int, rows: list[tuple[str, str]]) -> None:
    moment = timestamps.now()
    with parts.store.transaction():
        parts.store.write_many(
            "INSERT INTO task_files (task_id, name, hash, created_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (task_id, name) DO UPDATE SET hash = excluded.hash",
            [(task_id, name, digest, moment) for name, digest in rows],
        )


ROUTES: dict[str, Route] = {"tasks.files.bulk.add-by-hash": add_by_hash}
UPLOADS: dict[str, UploadRoute] = {"images.internal.hashes.list": known_hashes, "tasks.files.bulk.upload": upload_new}
