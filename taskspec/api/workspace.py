"""Workspaces, which contain the launches and projects of a team.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.api.named import by_name, only_one
from taskspec.api.paging import Paged
from taskspec.api.records import WorkspaceInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WorkspaceApi(Paged):
    """Workspaces of a team."""

    def get_list(self, team_id: int, filters: Sequence[Mapping[str, Any]] | None = None) -> list[WorkspaceInfo]:
        """List the workspaces of a team."""
        data = {"teamId": team_id, "filter": list(filters or ())}
        return [WorkspaceInfo.parse(row) for row in self.get_list_all_pages("workspaces.list", data)]

    def get_info_by_id(self, id: int) -> WorkspaceInfo:
        """Return the workspace. Raises NotFound; the SDK returns None."""
        return WorkspaceInfo.parse(self._transport.post("workspaces.info", {"id": id}))

    def get_info_by_name(self, team_id: int, name: str) -> WorkspaceInfo:
        """Return the one workspace of that name. Raises NotFound with similar names."""
        return only_one("workspace", name, self.get_list(team_id, by_name(name)), lambda: self.get_list(team_id))
