"""Whether a service is up, at the level its author asks for. Runs in a worker; it only asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.errors import ApiError, Refused
from taskspec.specfile.fields.kinds import Readiness

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo

PROBE_SECONDS = 5.0
"""How long an app may take to say that it is up; one that needs longer is asked again."""
_NO_SUCH_ROUTE = (404, 405)


def ready_info(api: Api, task_id: int, level: Readiness) -> TaskInfo | None:
    """The launch once the service is up; None while it is not up, or while its app does not answer."""
    try:
        info = api.task.get_info_by_id(task_id)
        if info.status is None or info.status.is_terminal:
            return None
        return info if _is_up(api, info, level) else None
    except ApiError:
        return None


def _is_up(api: Api, info: TaskInfo, level: Readiness) -> bool:
    match level:
        case Readiness.RUNNING:
            return _ask(api, info.id, "is_running") is not None
        case Readiness.READY:
            return _is_ready(api, info.id)
        case Readiness.DEPLOYED:
            answer = {"deployed": True} if info.raw_status == "deployed" else _ask(api, info.id, "is_deployed")
            return isinstance(answer, dict) and answer.get("deployed") is True


def _is_ready(api: Api, task_id: int) -> bool:
    """It takes calls, and does not say that it is not ready; an app without a word on that is ready when it runs."""
    running = _ask(api, task_id, "is_running")
    if not isinstance(running, dict) or not running.get("running"):
        return False
    try:
        answer = _answer(api, task_id, "is_ready")
    except Refused as error:
        return error.status in _NO_SUCH_ROUTE
    return isinstance(answer, dict) and answer.get("status") == "ready"


def _ask(api: Api, task_id: int, command: str) -> Any:
    """The app's answer; None when there is none."""
    try:
        answer = _answer(api, task_id, command)
    except Refused:
        return None
    return {} if answer is None else answer


def _answer(api: Api, task_id: int, command: str) -> Any:
    return api.task.send_request(task_id, command, {}, timeout=PROBE_SECONDS, raise_error=True)
