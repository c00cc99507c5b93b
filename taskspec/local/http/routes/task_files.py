"""Files of a launch: the client names known contents by hash and uploads the others (wire protocol 2.5)."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from taskspec.local.db import timestamps
from taskspec.local.http.bodies import whole
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.http.multipart import form_parts
from taskspec.local.refusal import Refusal, invalid, unknown
from taskspec.local.request_fields import RequestFields, array_from_body


async def known_hashes(call: RouteCall) -> list[str]:
    """Return those of the hashes whose content the server has."""
    hashes = array_from_body(await whole(call.body))
    return [digest for digest in hashes if isinstance(digest, str) and call.parts.blobs.has(digest)]


def add_by_hash(call: RouteCall) -> dict[str, Any]:
    """Add files whose contents the server has. Add all or none."""
    launch = call.launch("taskId")
    rows = [(entry.text("name"), entry.text("hash")) for entry in call.params.objects("files")]
    for _, digest in rows:
        if not call.parts.blobs.has(digest):
            raise unknown("content", digest)
    _write(call, launch.id, rows)
    return {"success": True}


async def upload_new(call: RouteCall) -> dict[str, Any]:
    """Receive a form of pairs: `0` with fullpath and hash, `0-file` with the content. It does not name the launch."""
    task_id = _task(call)
    announced: dict[str, RequestFields] = {}
    rows = []
    with ExitStack() as contents:
        kept = []
        async for part in form_parts(call, contents):
            if part.content is None:
                announced[f"{part.name}-file"] = _description(part.name, part.text)
                continue
            record = announced.pop(part.name, None)
            if record is None:
                raise invalid(part.name, "must come after its description")
            name, digest = record.text("fullpath"), record.text("hash")
            if digest != part.content.hash:
                raise invalid("hash", f'is not the one of "{name}" as it arrived')
            rows.append((name, digest))
            kept.append(part.content)
        for content in kept:
            content.keep()
        _write(call, task_id, rows)
    return {"success": True}


def _description(name: str, value: str) -> RequestFields:
    try:
        record = json.loads(value)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise invalid(name, "must be a JSON object with fullpath and hash")
    return RequestFields(record, f"{name}.")


def _task(call: RouteCall) -> int:
    """Return the launch that the header names, or else the only running one."""
    sender = call.headers.get("x-task-id")
    if sender is not None:
        task_id = RequestFields({"x-task-id": sender}).id("x-task-id")
        if call.parts.launches.find(task_id) is None:
            raise unknown("task", task_id)
        return task_id
    running = call.parts.launches.unfinished()
    if len(running) != 1:
        problem = f"{len(running)} tasks run, and the request does not name one: send the header x-task-id"
        raise Refusal(400, "VALIDATION_ERROR", problem)
    return running[0].id


def _write(call: RouteCall, task_id: int, rows: list[tuple[str, str]]) -> None:
    moment = timestamps.now()
    with call.parts.store.transaction():
        call.parts.store.write_many(
            "INSERT INTO task_files (task_id, name, hash, created_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (task_id, name) DO UPDATE SET hash = excluded.hash",
            [(task_id, name, digest, moment) for name, digest in rows],
        )


ROUTES: dict[str, Route] = {"tasks.files.bulk.add-by-hash": add_by_hash}
UPLOADS: dict[str, Route] = {"images.internal.hashes.list": known_hashes, "tasks.files.bulk.upload": upload_new}
