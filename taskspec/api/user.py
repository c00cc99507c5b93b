"""Users: who we are on the server.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from taskspec.api.paging import Paged
from taskspec.api.records import UserInfo


class UserApi(Paged):
    """The user behind the token."""

    def get_my_info(self) -> UserInfo:
        """The user the token belongs to. Raises Unauthorized when it belongs to nobody."""
        return UserInfo.parse(self._transport.post("users.me", {}))

    def get_info_by_id(self, id: int) -> UserInfo:
        """The user. Raises NotFound; the SDK returns None."""
        return UserInfo.parse(self._transport.post("users.info", {"id": id}))
