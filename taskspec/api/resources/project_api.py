"""Labeling jobs and queues, as far as a wait for them needs.

The statuses are those of the vendor's SDK: pending, in_progress, on_review, completed, stopped, review_completed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskspec.api.records.paging import REMOVAL_SECONDS, Records, by_name, only_one
from taskspec.api.records.records import LabelingInfo, ProjectInfo
from taskspec.api.records.wire_record import is_integer
from taskspec.errors import OutcomeUnknown


class _LabelingApi(Records[LabelingInfo]):
    record = LabelingInfo

    def get_status(self, id: int) -> str:
        """The status as the server spells it."""
        return self.get_info_by_id(id).status

    def set_status(self, id: int, status: str) -> None:
        """Set the status, as users do in the web interface."""
        self._transport.post_for_status(f"{self.path}.set-status", {"id": id, "status": status})


class LabelingJobApi(_LabelingApi):
    """Labeling jobs."""

    path = "jobs"


class LabelingQueueApi(_LabelingApi):
    """Labeling queues, which assign work item by item."""

    path = "labeling-queues"


class ProjectApi(Records[ProjectInfo]):
    """Projects of a workspace."""

    record, path = ProjectInfo, "projects"

    def get_list(self, workspace_id: int, filters: Sequence[Mapping[str, Any]] | None = None) -> list[ProjectInfo]:
        """List the projects of a workspace."""
        return self._list({"workspaceId": workspace_id, "filter": list(filters or ())})

    def get_info_by_name(self, parent_id: int, name: str) -> ProjectInfo:
        """Return the one project of that name in a workspace. Raises NotFound with similar names."""
        return only_one("project", name, self.get_list(parent_id, by_name(name)), lambda: self.get_list(parent_id))

    def clone(self, id: int, dst_workspace_id: int, dst_name: str) -> int:
        """Start to copy a project. Never repeated. Return the id of the task, whose output names the new project."""
        data = {"id": id, "workspaceId": dst_workspace_id, "name": dst_name}
        answer = self._transport.post("projects.clone", data, safe=False)
        task_id = answer.get("taskId") if isinstance(answer, dict) else None
        if not is_integer(task_id):
            raise OutcomeUnknown("projects.clone: the answer has no task id", remedy="look at the tasks of the server")
        return int(str(task_id))

    def remove(self, id: int) -> None:
        """Remove a project. Never repeated. A user can restore it in the web interface."""
        self._transport.post_for_status("projects.archive", {"id": id}, safe=False, deadline=REMOVAL_SECONDS)
