"""Teams, workspaces, agents, users, and the instance itself (wire protocol 3.2, 3.3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

from taskspec.local.db import fixtures
from taskspec.local.db.listing import Condition, Listing, read_page
from taskspec.local.http.call import Route, RouteCall

Show = Callable[[sqlite3.Row], dict[str, Any]]
# The SDK warns about a lower version.
INSTANCE_VERSION = "6.18.3"


def version(_call: RouteCall) -> dict[str, Any]:
    return {"version": INSTANCE_VERSION}


def list_members(call: RouteCall) -> dict[str, Any]:
    """List all users, because there is one team."""
    fixtures.require(call.params, "team")
    return _all(fixtures.MEMBERS, fixtures.show_user, call)


def available_agents(call: RouteCall) -> list[dict[str, Any]]:
    """Return an array, as the SDK needs it. It is empty when this machine lacks a requested capability."""
    params, types = call.params, fixtures.agent_types()
    rows = call.parts.store.all("SELECT * FROM agents WHERE team_id = ?", (fixtures.require(call.params, "team"),))
    needs_gpu = params.flag("needGPU") or bool(params.text("minNvidiaDriverVersion", ""))
    if params.text("type", "app") not in types or (needs_gpu and "app_gpu" not in types):
        return []
    return [fixtures.show_agent(row) for row in rows]


def _all(listing: Listing, show: Show, call: RouteCall) -> dict[str, Any]:
    return read_page(call.parts.store, listing, call.params, show)


def _of_team(listing: Listing, show: Show, call: RouteCall) -> dict[str, Any]:
    here = Condition("team_id = ?", (fixtures.require(call.params, "team"),))
    return read_page(call.parts.store, listing, call.params, show, (here,))


def _one(table: str, show: Show, call: RouteCall) -> dict[str, Any]:
    return show(call.row(table, call.params.id("id")))


ROUTES: dict[str, Route] = {
    "instance.version": version,
    "users.me": lambda call: fixtures.show_user(call.row("users", fixtures.USER)),
    "users.info": partial(_one, "users", fixtures.show_user),
    "members.list": list_members,
    "teams.list": partial(_all, fixtures.TEAMS, fixtures.show_team),
    "teams.info": partial(_one, "teams", fixtures.show_team),
    "workspaces.list": partial(_of_team, fixtures.WORKSPACES, fixtures.show_workspace),
    "workspaces.info": partial(_one, "workspaces", fixtures.show_workspace),
    "agents.list": partial(_of_team, fixtures.AGENTS, fixtures.show_agent),
    "agents.info": partial(_one, "agents", fixtures.show_agent),
    "agents.available": available_agents,
}
