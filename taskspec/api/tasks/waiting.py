"""Wait for a status of a launch.

Facts: wire protocol, section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from taskspec.api.wire import LaunchStatus
from taskspec.errors import ApiError, UsageError

MAX_WAIT_ATTEMPTS: Final = 999
WAIT_ATTEMPT_TIMEOUT_SEC: Final = 1
ENOUGH = frozenset({LaunchStatus.FINISHED, LaunchStatus.DEPLOYED})
"""Statuses that end a wait for any status."""

PASSED = (LaunchStatus.TERMINATING, LaunchStatus.STOPPED)
"""A target that a poll can miss, and the status after it."""


class TaskFinishedWithError(ApiError):
    """The launch has failed or was stopped. `status` says which."""

    def __init__(self, task_id: int | None, status: LaunchStatus) -> None:
        which = f"task {task_id}" if task_id is not None else "the task"
        what = "was stopped" if status is LaunchStatus.STOPPED else "finished with an error"
        super().__init__(f"{which} {what}", remedy="read its log with task.get_logs")
        self.task_id = task_id
        self.status = status


class WaitingTimeExceeded(ApiError):
    """The wait is over, but the launch may still run."""


def wait_for(
    target: LaunchStatus,
    read: Callable[[], LaunchStatus],
    sleep: Callable[[float], object],
    *,
    task_id: int,
    attempts: int | None,
    pause: float | None,
) -> LaunchStatus:
    """Read until the target or an end is reached. Return the status that ended the wait."""
    attempts = MAX_WAIT_ATTEMPTS if attempts is None else attempts
    pause = WAIT_ATTEMPT_TIMEOUT_SEC if pause is None else pause
    if attempts < 1 or pause < 0:
        raise UsageError("a wait needs at least one attempt and no negative pause", remedy="pass None for the defaults")
    for attempt in range(attempts):
        if attempt:
            sleep(pause)
        status = read()
        if status is target or status in ENOUGH or (target, status) == PASSED:
            return status
        if status.is_terminal:
            raise TaskFinishedWithError(task_id, status)
    raise WaitingTimeExceeded(
        f"task {task_id} is {status}, not {target}, after {attempts} attempts {pause:g} s apart",
        remedy="it may still run; wait longer, or stop it",
    )


_Found = TypeVar("_Found")


def poll_until(
    look: Callable[[], _Found | None],
    *,
    clock: Callable[[], float],
    pause: Callable[[float], object],
    timeout: float | None,
    first: float,
    longest: float,
    growth: float = 1.5,
) -> _Found | None:
    """Return the first value of `look` that is not None, or None once `timeout` seconds have passed.

    The first look comes at once and the last one after the timeout, so a slow pause cannot hide a value.
    Pauses grow from `first` to `longest`. Without a timeout, only `look` ends the loop.
    """
    end = None if timeout is None else clock() + timeout
    nap = first
    while True:
        is_late = end is not None and clock() >= end
        found = look()
        if found is not None or is_late:
            return found
        pause(nap)
        nap = min(nap * growth, longest)
