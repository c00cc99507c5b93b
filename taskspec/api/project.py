"""Projects: what apps read and write.

Facts: wire protocol, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.api.named import by_name, only_one
from taskspec.api.paging import Paged
from taskspec.api.record import is_integer
from taskspec.api.records import ProjectInfo
from taskspec.errors import OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REMOVAL_SECONDS = 300.0
"""How long a removal may take: it is not sent again, and nobody knows what became of one without an answer."""


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

    def clone(self, id: int, dst_workspace_id: int, dst_name: str) -> int:
        """Begin to copy a project, sent once; the id of the task that does it, whose output names the new project."""
        data = {"id": id, "workspaceId": dst_workspace_id, "name": dst_name}
        answer = self._transport.post("projects.clone", data, safe=False)
        task_id = answer.get("taskId") if isinstance(answer, dict) else None
        if not is_integer(task_id):
            raise OutcomeUnknown("projects.clone: the server did not say which task clones", remedy="look at its tasks")
        return int(str(task_id))

    def remove(self, id: int) -> None:
        """Put a project away, sent once; it can be restored in the web interface."""
        self._transport.tell("projects.archive", {"id": id}, safe=False, deadline=REMOVAL_SECONDS)
