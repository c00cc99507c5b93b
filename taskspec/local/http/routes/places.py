"""Teams, workspaces, agents, users, and the instance itself (wire protocol 3.2, 3.3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from taskspec.local.db import fixtures
from taskspec.local.db.listing import Condition, Listing, read_page
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.refusal import unknown

# The SDK warns about a lower version.
INSTANCE_VERSION = "6.18.3"


def version(_call: RouteCall) -> dict[str, Any]:
    return {"version": INSTANCE_VERSION}


def me(call: RouteCall) -> dict[str, Any]:
    return _one(call, "users", fixtures.USER, fixtures.show_user)


def user(call: RouteCall) -> dict[str, Any]:
    return _one(call, "users", call.params.id("id"), fixtures.show_user)


def list_members(call: RouteCall) -> dict[str, Any]:
    """List all users, because there is one team."""
    _team(call)
    return read_page(call.parts.store, fixtures.MEMBERS, call.params, fixtures.show_user)


def list_teams(call: RouteCall) -> dict[str, Any]:
    return read_page(call.parts.store, fixtures.TEAMS, call.params, fixtures.show_team)


def team(call: RouteCall) -> dict[str, Any]:
    return _one(call, "teams", call.params.id("id"), fixtures.show_team)


def list_workspaces(call: RouteCall) -> dict[str, Any]:
    return _of_team(call, fixtures.WORKSPACES, fixtures.show_workspace)


def workspace(call: RouteCall) -> dict[str, Any]:
    return _one(call, "workspaces", call.params.id("id"), fixtures.show_workspace)


def list_agents(call: RouteCall) -> dict[str, Any]:
    return _of_team(call, fixtures.AGENTS, fixtures.show_agent)


def agent(call: RouteCall) -> dict[str, Any]:
    return _one(call, "agents", call.params.id("id"), fixtures.show_agent)


def available_agents(call: RouteCall) -> list[dict[str, Any]]:
    """Return an array, as the SDK needs it. It is empty when this machine lacks a requested capability."""
    params, types = call.params, fixtures.agent_types()
    rows = call.parts.store.all("SELECT * FROM agents WHERE team_id = ?", (_team(call),))
    needs_gpu = params.flag("needGPU") or bool(params.text("minNvidiaDriverVersion", ""))
    if params.text("type", "app") not in types or (needs_gpu and "app_gpu" not in types):
        return []
    return [fixtures.show_agent(row) for row in rows]


def _of_team(call: RouteCall, listing: Listing, show: Callable[[sqlite3.Row], dict[str, Any]]) -> dict[str, Any]:
    return read_page(call.parts.store, listing, call.params, show, (Condition("team_id = ?", (_team(call),)),))


def _team(call: RouteCall) -> int:
    team_id = call.params.id("teamId")
    if team_id != fixtures.TEAM:
        raise unknown("team", team_id)
    return team_id


def _one(call: RouteCall, table: str, row_id: int, show: Callable[[sqlite3.Row], dict[str, Any]]) -> dict[str, Any]:
    row = call.parts.store.one(f"SELECT * FROM {table} WHERE id = ?", (row_id,))  # noqa: S608 - the table is a constant
    if row is None:
        raise unknown(table.removesuffix("s"), row_id)
    return show(row)


ROUTES: dict[str, Route] = {
    "instance.version": version,
    "users.me": me,
    "users.info": user,
    "members.list": list_members,
    "teams.list": list_teams,
    "teams.info": team,
    "workspaces.list": list_workspaces,
    "workspaces.info": workspace,
    "agents.list": list_agents,
    "agents.info": agent,
    "agents.available": available_agents,
}
