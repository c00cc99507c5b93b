"""Runs a launch that has failed once more on the server: the same id, and what the app has done so far is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from taskspec.errors import OutcomeUnknown

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo

RESTART_SECONDS = 30.0


def restart(api: Api, task_id: int, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
    """Returns once the launch is seen to run again, or to have run. Raises ApiError when the server does not do it."""
    before = _moment(api.task.get_info_by_id(task_id))
    try:
        api.task.resume(task_id)
    except OutcomeUnknown:
        pause(1.0)  # it may have been carried out all the same: the look below tells
    end = clock() + RESTART_SECONDS
    while clock() < end:
        if _moment(api.task.get_info_by_id(task_id)) != before:
            return
        pause(0.2)
    raise OutcomeUnknown(
        f"launch {task_id} was asked to restart and is as it was after {RESTART_SECONDS:g} s",
        remedy="use `how: relaunch`",
    )


def _moment(info: TaskInfo) -> tuple[str, str | None, str | None]:
    return info.raw_status, info.started_at, info.finished_at
