"""Teams, which own workspaces, agents and files.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskspec.api.records.paging import SHOWN, Records, by_name, clause, only_one
from taskspec.api.records.records import TeamInfo, UserInfo, WorkspaceInfo
from taskspec.errors import NotFound


class TeamApi(Records[TeamInfo]):
    """Teams of the user."""

    record, path = TeamInfo, "teams"

    def get_list(self, filters: Sequence[Mapping[str, Any]] | None = None) -> list[TeamInfo]:
        """List the teams of the user."""
        return self._list({"filter": list(filters or ())})

    def get_info_by_name(self, name: str) -> TeamInfo:
        """Return the one team of that name. Raises NotFound with similar names."""
        return only_one("team", name, self.get_list(by_name(name)), self.get_list)


class UserApi(Records[UserInfo]):
    """The user of the token, and the members of teams."""

    record, path = UserInfo, "users"

    def get_my_info(self) -> UserInfo:
        """Return the user of the token. Raises Unauthorized for an invalid token."""
        return UserInfo.parse(self._transport.post("users.me", {}))

    def get_member_info_by_login(self, team_id: int, login: str) -> UserInfo:
        """Return the member with that login. Raises NotFound with the existing logins; the SDK returns None."""
        data = {"teamId": team_id, "filter": [clause("login", "=", login)]}
        members = [UserInfo.parse(row) for row in self.get_list_all_pages("members.list", data)]
        found = [member for member in members if member.login == login]
        if found:
            return found[0]
        every = self.get_list_all_pages("members.list", {"teamId": team_id, "filter": []})
        logins = ", ".join(sorted(UserInfo.parse(row).login for row in every)[:SHOWN])
        raise NotFound(f'the team has no member "{login}"', status=404, remedy=f"its members: {logins}")


class WorkspaceApi(Records[WorkspaceInfo]):
    """Workspaces of a team."""

    record, path = WorkspaceInfo, "workspaces"

    def get_list(self, team_id: int, filters: Sequence[Mapping[str, Any]] | None = None) -> list[WorkspaceInfo]:
        """List the workspaces of a team."""
        return self._list({"teamId": team_id, "filter": list(filters or ())})

    def get_info_by_name(self, team_id: int, name: str) -> WorkspaceInfo:
        """Return the one workspace of that name. Raises NotFound with similar names."""
        return only_one("workspace", name, self.get_list(team_id, by_name(name)), lambda: self.get_list(team_id))
