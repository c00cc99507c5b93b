"""What every route receives: the fields of the request and the parts of the server."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.local.agent.agent import Agent
from taskspec.local.db.blobs import Blobs
from taskspec.local.db.launches import Launches, LaunchRow
from taskspec.local.db.logs import Logs
from taskspec.local.db.modules import Modules
from taskspec.local.db.server_database import Store
from taskspec.local.db.team_files import TeamFiles
from taskspec.local.home import ServerHome, ServerInfo
from taskspec.local.refusal import unknown
from taskspec.local.request_fields import RequestFields


@dataclass(frozen=True, slots=True)
class ServerParts:
    """The parts of one running server."""

    home: ServerHome
    info: ServerInfo
    store: Store
    launches: Launches
    logs: Logs
    modules: Modules
    blobs: Blobs
    files: TeamFiles
    user_login: str
    agent: Agent
    shut_down: Callable[[], None]


@dataclass(frozen=True, slots=True)
class RouteCall:
    """One request whose token and host were correct."""

    params: RequestFields
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    """Only for a route that reads the body itself: a form, raw bytes, or an array. Its fields are in the query."""
    parts: ServerParts

    def launch(self, field: str = "id") -> LaunchRow:
        """Return the launch that a field names. Raises a 404 when it does not exist."""
        task_id = self.params.id(field)
        found = self.parts.launches.find(task_id)
        if found is None:
            raise unknown("task", task_id)
        return found

    def row(self, table: str, row_id: int, noun: str | None = None) -> sqlite3.Row:
        """Return a row by its id. Raises a 404 that calls it `noun` when it does not exist."""
        found = self.parts.store.one(f"SELECT * FROM {table} WHERE id = ?", (row_id,))  # noqa: S608 - constants
        if found is None:
            raise unknown(noun or table.removesuffix("s"), row_id)
        return found


# A route returns a value to send as JSON, or a complete response.
Route = Callable[[RouteCall], Any] | Callable[[RouteCall], Awaitable[Any]]
