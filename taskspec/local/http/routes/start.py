"""`tasks.run.app`: check, record and queue launches (wire protocol 2.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskspec.api.wire import DESCRIPTION_LIMIT, RestartPolicy
from taskspec.local.apps.app_sources import from_repository
from taskspec.local.apps.git import RepositoryError
from taskspec.local.db import fixtures
from taskspec.local.db.launches import NewLaunch
from taskspec.local.db.modules import Release
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.refusal import unknown
from taskspec.local.request_fields import RequestFields

LOG_LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "fatal")
# `on_startup` is accepted, but the local server restarts no app when it starts.
RESTART_POLICIES = (*RestartPolicy.values(), "on_startup")
NAME_LIMIT = 255


async def run_app(call: RouteCall) -> list[dict[str, Any]]:
    """Add one launch per user, all or none. The answer is sent before any launch starts."""
    params, parts = call.params, call.parts
    release = await _release(call)
    users = _users(params)
    shared = params.flag("singleSessionMode")
    with parts.store.transaction():
        rows = [
            {
                "taskId": parts.launches.add(_request(params, release, user)),
                "userId": user,
                "moduleId": release.module_id,
                "appId": release.module_id,
            }
            for user in (users[:1] if shared else users)
        ]
    parts.agent.wake()
    return rows


def _request(params: RequestFields, release: Release, user: int) -> NewLaunch:
    start = _start_params(params)
    # The local server uses neither field. It reads them only to refuse a value of a wrong type.
    params.mapping("advancedSettings", {})
    params.flag("proxyKeepUrl")
    return NewLaunch(
        workspace_id=fixtures.require(params, "workspace"),
        user_id=user,
        agent_id=_agent(params),
        module_id=release.module_id,
        release_id=release.id,
        description=params.text("description", "", longest=DESCRIPTION_LIMIT),
        name=params.text("taskName", "", longest=NAME_LIMIT) or release.module_name,
        log_level=params.choice("logLevel", LOG_LEVELS, "info"),
        restart_policy=params.choice("restartPolicy", RESTART_POLICIES, "never"),
        params=start,
        settings={"message": {"state": start["state"]}},
        meta={"redirectRequests": params.mapping("redirectRequests", {}) or None},
    )


def _start_params(params: RequestFields) -> Mapping[str, Any]:
    start = params.mapping("params", {})
    state = start.get("state")
    if state is not None and not isinstance(state, dict):
        raise params.invalid("params.state", "must be an object")
    return {**start, "state": state or {}}


async def _release(call: RouteCall) -> Release:
    params = call.params
    named = [name for name in ("moduleId", "appId", "appServiceId") if params.has(name)]
    if len(named) != 1:
        raise params.invalid("moduleId", "is required, or else appId, but not both")
    module_id = params.id(named[0])
    version = params.text("appVersion", "")
    is_branch = params.flag("isBranch")
    call.row("modules", module_id)
    if is_branch:
        return await _branch_release(call, module_id, version)
    release = call.parts.modules.release(module_id, version or None)
    if release is None:
        raise unknown(f"version of module {module_id}", version)
    return release


async def _branch_release(call: RouteCall, module_id: int, branch: str) -> Release:
    """Return the release for the current content of a branch."""
    path = call.parts.modules.branch_path(module_id, branch)
    if path is None:
        raise unknown(f"branch of module {module_id}", branch)
    try:
        source = await asyncio.to_thread(from_repository, Path(path), call.parts.home.modules, "branch", branch)
    except (RepositoryError, OSError) as error:
        raise call.params.invalid("appVersion", f"cannot be read: {error}") from None
    return call.parts.modules.renew(module_id, source)


def _agent(params: RequestFields) -> int:
    agent = params.optional_id("agentId")
    if agent not in {None, fixtures.AGENT}:
        raise unknown("agent", agent)
    return fixtures.AGENT


def _users(params: RequestFields) -> list[int]:
    users = params.array("usersIds", ()) or [fixtures.USER]
    for index, user in enumerate(users):
        if isinstance(user, bool) or not isinstance(user, int):
            raise params.invalid(f"usersIds[{index}]", "must be an integer")
        if user != fixtures.USER:
            raise unknown("user", user)
    return users


ROUTES: dict[str, Route] = {"tasks.run.app": run_app}
