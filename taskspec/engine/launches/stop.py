"""Stops a launch and waits until it has stopped. Repeating it is harmless."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from taskspec.api.tasks.waiting import poll_until
from taskspec.engine.server.observe import has_ended, is_foreign
from taskspec.errors import ApiError, NotFound, OutcomeUnknown

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo

STOP_SECONDS = 60.0


def stop_and_wait(
    api: Api, task_id: int, clock: Callable[[], float], pause: Callable[[float], None], *, key: str = ""
) -> TaskInfo | None:
    """Returns once the launch has ended or the server has forgotten it; what it was, where it had ended by itself.

    A launch that carries another start key than `key` counts as forgotten. Raises ApiError when it goes on running.
    """
    try:
        before = api.task.get_info_by_id(task_id)
        if key and is_foreign(before, key, shows_keys=False):
            return None
        if has_ended(before):
            return before
        api.task.stop(task_id)
        look = partial(_ended, api, task_id)
        if poll_until(look, clock=clock, pause=pause, timeout=STOP_SECONDS, first=0.05, longest=2.0) is not None:
            return None
        status = api.task.get_info_by_id(task_id).raw_status
    except NotFound:
        return None
    raise OutcomeUnknown(
        f"launch {task_id} is still {status} {STOP_SECONDS:g} s after it was asked to stop",
        remedy="stop it in the web interface, then apply again",
    )


def _ended(api: Api, task_id: int) -> TaskInfo | None:
    """The launch if it has ended."""
    info = api.task.get_info_by_id(task_id)
    return info if has_ended(info) else None


def try_stop(api: Api, task_id: int, clock: Callable[[], float], pause: Callable[[float], None]) -> str:
    """What went wrong with stopping, or nothing."""
    try:
        stop_and_wait(api, task_id, clock, pause)
    except ApiError as error:
        return error.message
    return ""


RESTART_SECONDS = 30.0


def restart(api: Api, task_id: int, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
    """Returns once the launch is seen to run again, or to have run. Raises ApiError when the server does not do it."""
    before = _moment(api.task.get_info_by_id(task_id))
    try:
        api.task.resume(task_id)
    except OutcomeUnknown:
        pause(1.0)  # it may have been carried out all the same: the look below tells

    def is_changed() -> bool | None:
        return _moment(api.task.get_info_by_id(task_id)) != before or None

    if poll_until(is_changed, clock=clock, pause=pause, timeout=RESTART_SECONDS, first=0.2, longest=0.2):
        return
    raise OutcomeUnknown(
        f"launch {task_id} was asked to restart and has not changed after {RESTART_SECONDS:g} s",
        remedy="use `how: relaunch`",
    )


def _moment(info: TaskInfo) -> tuple[str, str | None, str | None]:
    return info.raw_status, info.started_at, info.finished_at


LOG_LINES = 8


def log_tail(api: Api, task_id: int) -> tuple[str, ...]:
    """The last lines of a launch's log; none when the server does not give them, which fails nothing."""
    try:
        entries = api.task.get_logs(task_id)
    except ApiError:
        return ()
    return tuple(str(entry.get("message", "")) for entry in entries[-LOG_LINES:])
