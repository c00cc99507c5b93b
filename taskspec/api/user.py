"""Users: who we are on the server.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from taskspec.api.paging import Paged, clause
from taskspec.api.records import UserInfo
from taskspec.errors import NotFound

SHOWN = 8


class UserApi(Paged):
    """The user behind the token, and the members of teams."""

    def get_my_info(self) -> UserInfo:
        """The user the token belongs to. Raises Unauthorized when it belongs to nobody."""
        return UserInfo.parse(self._transport.post("users.me", {}))

    def get_info_by_id(self, id: int) -> UserInfo:
        """The user. Raises NotFound; the SDK returns None."""
        return UserInfo.parse(self._transport.post("users.info", {"id": id}))

    def get_member_info_by_login(self, team_id: int, login: str) -> UserInfo:
        """The member of a team with that login. Raises NotFound with the logins there are; the SDK returns None."""
        data = {"teamId": team_id, "filter": [clause("login", "=", login)]}
        members = [UserInfo.parse(row) for row in self.get_list_all_pages("members.list", data)]
        found = [member for member in members if member.login == login]
        if found:
            return found[0]
        every = self.get_list_all_pages("members.list", {"teamId": team_id, "filter": []})
        logins = ", ".join(sorted(UserInfo.parse(row).login for row in every)[:SHOWN])
        raise NotFound(f'the team has no member "{login}"', status=404, remedy=f"its members: {logins}")
