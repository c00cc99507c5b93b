"""Finds a service that somebody else keeps running, and that is what would be started. Runs in a worker; only looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskspec.engine.start import StartOrder
from taskspec.spec.kinds import ServiceRule
from taskspec.values import canonical

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo

RUNNING = ("started", "deployed")


def find_reusable(api: Api, order: StartOrder, rule: ServiceRule) -> int | None:
    """The youngest launch of this user with the same module, version and params; None when there is none."""
    me = api.user.get_my_info().id
    wanted = [{"field": "status", "operator": "in", "value": list(RUNNING)}]
    found = [info for info in api.task.get_list(order.workspace, wanted) if _fits(info, order, rule, me)]
    return max((info.id for info in found), default=None)


def _fits(info: TaskInfo, order: StartOrder, rule: ServiceRule, user: int) -> bool:
    request = order.request
    return (
        info.raw_status in RUNNING
        and info.module_id == request.module_id
        and info.app_version == request.app_version
        and info.raw.get("createdBy", info.user_id) == user
        and request.agent_id in (None, info.agent_id)
        and rule.reuse_name in (None, info.name)
        and _same(_state(info.params), _state(request.params or {}))
    )


def _state(params: Mapping[str, Any]) -> Any:
    return params.get("state", {})


def _same(one: Any, other: Any) -> bool:
    return canonical(one) == canonical(other)
