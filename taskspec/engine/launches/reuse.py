"""Finds a running service, started by another run, that equals the launch that would be started. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from taskspec.engine.launches.prepare import replaced_by
from taskspec.plan.agent_rules import is_rule
from taskspec.plan.model import Plan, PlannedTask
from taskspec.plan.request import LaunchRequest
from taskspec.secrets.sensitive import WithheldError, reveal
from taskspec.specfile.fields.kinds import ServiceRule
from taskspec.state.model import Phase
from taskspec.values import Json, canonical, is_known

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo
    from taskspec.engine.launches.start import StartOrder
    from taskspec.engine.server.catalogue import Catalogue

RUNNING = ("started", "deployed")


@dataclass(frozen=True, slots=True)
class ReuseCriteria:
    """What a launch has to be so that it may be taken over. An app without a module id is known by its version."""

    workspace: int
    module_id: int | None
    version: str | None
    agent_id: int | None
    state: Json
    name: str | None


def sought_by(order: StartOrder, rule: ServiceRule) -> ReuseCriteria:
    """What would be started otherwise."""
    request = order.request
    state = _state(request.params or {})
    return ReuseCriteria(
        order.workspace, request.module_id, request.app_version, request.agent_id, state, rule.reuse_name
    )


def find_reusable(api: Api, sought: ReuseCriteria, ours: Collection[int]) -> int | None:
    """The youngest launch of this user with the same module, version and params; None when there is none.

    Those that are to be replaced are `ours`, and no choice.
    """
    me = api.user.get_my_info().id
    wanted = [{"field": "status", "operator": "in", "value": list(RUNNING)}]
    found = [info for info in api.task.get_list(sought.workspace, wanted) if _fits(info, sought, me)]
    return max((info.id for info in found if info.id not in ours), default=None)


def with_reusable(catalogue: Catalogue, plan: Plan, now: float) -> Plan:
    """The plan with the launches that its services would take over if apply came to them now."""
    found: dict[str, int] = {}
    for planned in plan.tasks:
        rule = plan.expansion.instances[planned.node].task.service if planned.action.launches else None
        if rule is None or not rule.reuse or _is_cut_off(planned):
            continue
        sought = _sought_now(catalogue, planned, rule, now)
        launch = find_reusable(catalogue.server.api, sought, replaced_by(planned)) if sought is not None else None
        if launch is not None:
            found[planned.address] = launch
    return replace(plan, reusable=found) if found else plan


def _is_cut_off(planned: PlannedTask) -> bool:
    """Whether a start of it may still arrive; that one has to be found first."""
    return planned.previous is not None and planned.previous.phase is Phase.INTENDED


def _sought_now(catalogue: Catalogue, planned: PlannedTask, rule: ServiceRule, now: float) -> ReuseCriteria | None:
    """What the plan knows of a launch; None where that is not enough to tell."""
    request = planned.request
    if not isinstance(request, LaunchRequest) or request.fingerprint is None or not is_known(request.params):
        return None
    workspace = catalogue.server.workspace(request.workspace)
    if is_rule(request.agent):
        fitting = catalogue.places.choice(workspace, request, now).candidates
        agent = fitting[0].id if fitting else None
    else:
        agent = catalogue.agent_id(workspace, request.agent)
    try:
        state = reveal(request.params)
    except WithheldError:
        return None
    return ReuseCriteria(workspace, request.facts.module_id, request.facts.version, agent, state, rule.reuse_name)


def _fits(info: TaskInfo, sought: ReuseCriteria, user: int) -> bool:
    return (
        info.raw_status in RUNNING
        and sought.module_id in (None, info.module_id)
        and info.app_version == sought.version
        and info.raw.get("createdBy", info.user_id) == user
        and sought.agent_id in (None, info.agent_id)
        and sought.name in (None, info.name)
        and canonical(_state(info.params)) == canonical(sought.state)
    )


def _state(params: Mapping[str, Any]) -> Json:
    return params.get("state", {})
