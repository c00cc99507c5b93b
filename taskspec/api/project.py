"""Projects: what apps read and write.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.api.named import by_name, only_one
from taskspec.api.paging import Paged
from taskspec.api.records import ProjectInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ProjectApi(Paged):
    """Projects of a workspace."""

    def get_list(self, workspace_id: int, filters: Sequence[Mapping[str, Any]] | None = None) -> list[ProjectInfo]:
        """The projects of a workspace."""
        data = {"workspaceId": workspace_id, "filter": list(filters or ())}
        return [ProjectInfo.parse(row) for row in self.get_list_all_pages("projects.list", data)]

    def get_info_by_id(self, id: int) -> ProjectInfo:
        """The project. Raises NotFound; the SDK returns None."""
        return ProjectInfo.parse(self._transport.post("projects.info", {"id": id}))

    def get_info_by_name(self, parent_id: int, name: str) -> ProjectInfo:
        """The one project of that name in a workspace. Raises NotFound with near names."""
        return only_one("project", name, self.get_list(parent_id, by_name(name)), lambda: self.get_list(parent_id))
