"""Stops a launch and waits until it has stopped. Repeating it is harmless."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from taskspec.errors import ApiError, NotFound, OutcomeUnknown

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo

STOP_SECONDS = 60.0


def stop_and_wait(
    api: Api, task_id: int, clock: Callable[[], float], pause: Callable[[float], None]
) -> TaskInfo | None:
    """Returns once the launch has ended or the server has forgotten it; what it was, where it had ended by itself.

    Raises ApiError when it goes on running.
    """
    end = clock() + STOP_SECONDS
    try:
        info = api.task.get_info_by_id(task_id)
        if info.status is not None and info.status.is_terminal:
            return info
        api.task.stop(task_id)
        wait = 0.05
        while clock() < end:
            info = api.task.get_info_by_id(task_id)
            if info.status is not None and info.status.is_terminal:
                return None
            pause(wait)
            wait = min(wait * 1.5, 2.0)
    except NotFound:
        return None
    raise OutcomeUnknown(
        f"launch {task_id} is still {info.raw_status} {STOP_SECONDS:g} s after it was asked to stop",
        remedy="stop it in the web interface, then apply again",
    )


def try_stop(api: Api, task_id: int, clock: Callable[[], float], pause: Callable[[float], None]) -> str:
    """What went wrong with stopping, or nothing."""
    try:
        stop_and_wait(api, task_id, clock, pause)
    except ApiError as error:
        return error.message
    return ""
