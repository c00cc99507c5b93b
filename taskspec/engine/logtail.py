"""The last log lines of a launch that failed, for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskspec.errors import ApiError

if TYPE_CHECKING:
    from taskspec.api import Api

LOG_LINES = 8


def log_tail(api: Api, task_id: int) -> tuple[str, ...]:
    """The last lines of a launch's log; none when the server does not give them, which fails nothing."""
    try:
        entries = api.task.get_logs(task_id)
    except ApiError:
        return ()
    return tuple(str(entry.get("message", "")) for entry in entries[-LOG_LINES:])
