"""`tasks.logs.add` and `tasks.log.download` (wire protocol 2.8)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from taskspec.api.wire import LaunchStatus
from taskspec.local.db import timestamps
from taskspec.local.db.logs import LogLine, from_record
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.refusal import unknown
from taskspec.local.request_fields import LARGEST_ID, RequestFields


def add(call: RouteCall) -> dict[str, Any]:
    """Store entries. Each names its task, or the header `x-task-id` does."""
    moment = timestamps.now()
    sender = call.headers.get("x-task-id")
    lines: dict[int, list[LogLine]] = defaultdict(list)
    for entry in call.params.objects("logs"):
        given = entry if entry.has("task_id") else RequestFields({**entry.values, "task_id": sender})
        lines[given.id("task_id")].append(from_record(entry.values, moment))
    for task_id in lines:
        if call.parts.launches.find(task_id) is None:
            raise unknown("task", task_id)
    with call.parts.store.transaction():
        for task_id, found in lines.items():
            call.parts.logs.add(task_id, found)
            _announce(call, task_id, found)
    return {"success": True}


def download(call: RouteCall) -> list[dict[str, Any]]:
    """Return the entries of a launch in order, including the latest output of its app."""
    launch = call.launch()
    call.parts.agent.drain(launch.id)
    limit = call.params.integer("limit", LARGEST_ID, lowest=0, highest=LARGEST_ID)
    given = call.params.text("sinceTime", "")
    since = timestamps.normalized(given) if given else ""
    if since is None:
        raise call.params.invalid("sinceTime", "must be an ISO-8601 time")
    return call.parts.logs.read(launch.id, since, limit)


def _announce(call: RouteCall, task_id: int, lines: list[LogLine]) -> None:
    """Update the status from lines (wire protocol 5.4). For a running process, the exit code decides about errors."""
    for line in lines:
        if line.status is None or (line.status is LaunchStatus.ERROR and call.parts.agent.runs(task_id)):
            continue
        message = str(line.extras.get("exc_str") or line.message)
        error = {"message": message, "exitCode": None, "details": ""} if line.status is LaunchStatus.ERROR else None
        call.parts.launches.announce(task_id, line.status, error)


ROUTES: dict[str, Route] = {"tasks.logs.add": add, "tasks.log.download": download}
