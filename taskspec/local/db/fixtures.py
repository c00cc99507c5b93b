"""The one team, workspace, user and agent of the local server, each with id 1."""

from __future__ import annotations

import getpass
import sqlite3
from pathlib import Path
from typing import Any

from taskspec.local.db import timestamps
from taskspec.local.db.listing import Column, Listing, table_columns
from taskspec.local.db.server_database import Store
from taskspec.local.refusal import unknown
from taskspec.local.request_fields import RequestFields

TEAM = WORKSPACE = USER = AGENT = 1
NAME = "local"
"""The name of the team, the workspace and the agent."""

_DESCRIPTION = {"description": Column("description")}
TEAMS = Listing("teams", {**table_columns("name"), **_DESCRIPTION})
WORKSPACES = Listing("workspaces", {**table_columns("name"), **_DESCRIPTION})
MEMBERS = Listing("users", {**table_columns(), "login": Column("login")})
AGENTS = Listing("agents", {**table_columns("name"), "status": Column("status")})


def seed(store: Store) -> None:
    """Insert the rows into a new database. Existing rows do not change."""
    moment = timestamps.now()
    rows: dict[str, tuple[object, ...]] = {
        "teams": (TEAM, NAME, ""),
        "workspaces": (WORKSPACE, TEAM, NAME, ""),
        "users": (USER, _login()),
        "agents": (AGENT, TEAM, NAME, "running"),
    }
    with store.transaction():
        for table, values in rows.items():
            marks = ", ".join("?" * len(values))
            store.write(f"INSERT OR IGNORE INTO {table} VALUES ({marks}, ?, ?)", (*values, moment, moment))  # noqa: S608 - constants


def read_login(store: Store) -> str:
    [row] = store.all("SELECT login FROM users")
    return str(row["login"])


def require(params: RequestFields, noun: str) -> int:
    """Return the team or workspace that a request names, which must be the only one."""
    number = params.id(f"{noun}Id")
    if number != TEAM:
        raise unknown(noun, number)
    return number


def show_team(row: sqlite3.Row) -> dict[str, Any]:
    return {**show_named(row), "description": row["description"], "role": "admin", "usage": {"plan": None}}


def show_workspace(row: sqlite3.Row) -> dict[str, Any]:
    return {**show_named(row), "description": row["description"], "teamId": row["team_id"]}


def show_agent(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **show_named(row),
        "token": None,
        "status": row["status"],
        "userId": USER,
        "teamId": row["team_id"],
        "capabilities": {"types": {kind: {"enabled": True} for kind in agent_types()}},
        "isPublic": False,
        "type": "sly_agent",
        "disabled": False,
        "version": "agent:6.9.7",
        "gpuInfo": None,
    }


def agent_types() -> tuple[str, ...]:
    """Return the kinds of tasks that this machine can run."""
    return ("app", "app_gpu") if Path("/dev/nvidia0").exists() else ("app",)


def show_user(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "login": row["login"],
        "role": "admin",
        "roleId": 1,
        "name": row["login"],
        "email": None,
        "logins": None,
        "disabled": False,
        "lastLogin": None,
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def show_named(row: sqlite3.Row) -> dict[str, Any]:
    """Return the fields that every object of the wire has."""
    return {"id": row["id"], "name": row["name"], "createdAt": row["created_at"], "updatedAt": row["updated_at"]}


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id may have no name
        return "user"
