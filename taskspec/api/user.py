"""Users of the server.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from taskspec.api.paging import Paged, clause
from taskspec.api.records import UserInfo
from taskspec.errors import NotFound

SHOWN = 8


class UserApi(Paged):
    """The user of the token, and the members of teams."""

    def get_my_info(self) -> UserInfo:
        """Return the user of the token. Raises Unauthorized for an invalid token."""
        return UserInfo.parse(self._transport.post("users.me", {}))

    def get_info_by_id(self, id: int) -> UserInfo:
        """Return the user. Raises NotFound; the SDK returns None."""
        return UserInfo.parse(self._transport.post("users.info", {"id": id}))

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
