"""Teams, which own workspaces, agents and files.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.api.named import by_name, only_one
from taskspec.api.paging import Paged
from taskspec.api.records import TeamInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TeamApi(Paged):
    """Teams of the user."""

    def get_list(self, filters: Sequence[Mapping[str, Any]] | None = None) -> list[TeamInfo]:
        """List the teams of the user."""
        return [TeamInfo.parse(row) for row in self.get_list_all_pages("teams.list", {"filter": list(filters or ())})]

    def get_info_by_id(self, id: int) -> TeamInfo:
        """Return the team. Raises NotFound; the SDK returns None."""
        return TeamInfo.parse(self._transport.post("teams.info", {"id": id}))

    def get_info_by_name(self, name: str) -> TeamInfo:
        """Return the one team of that name. Raises NotFound with similar names."""
        return only_one("team", name, self.get_list(by_name(name)), self.get_list)
