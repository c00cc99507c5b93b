"""Where a call works: the workspace it names, and the team whose files are meant."""

from __future__ import annotations

from taskspec.engine.performing import CallFailed, CallOrder
from taskspec.engine.server import Server
from taskspec.spec.endurance import FailureKind


def workspace_of(server: Server, order: CallOrder) -> int:
    """The workspace of a call. Raises UsageError where the spec names none."""
    return server.workspace(order.workspace)


def team_of(server: Server, order: CallOrder) -> int:
    """The team a call names, by id or name; else that of its workspace."""
    team = order.body.get("team")
    if isinstance(team, int) and not isinstance(team, bool):
        return team
    if isinstance(team, str):
        return server.api.team.get_info_by_name(team).id
    if team is not None:
        raise CallFailed(f"team must be an id or a name, and is {team!r}", FailureKind.INPUTS)
    found = server.api.workspace.get_info_by_id(workspace_of(server, order)).team_id
    if found is None:
        raise CallFailed("the server does not say which team the workspace belongs to", remedy="add `team: ID`")
    return found
