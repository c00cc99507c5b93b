"""Labeling jobs and queues, as far as a wait for them needs.

The statuses are those of the vendor's SDK: pending, in_progress, on_review, completed, stopped, review_completed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskspec.api.records.paging import Paged, by_name, only_one
from taskspec.api.records.records import LabelingInfo, ProjectInfo
from taskspec.api.records.wire_record import is_integer
from taskspec.errors import OutcomeUnknown


class LabelingJobApi(Paged):
    """Labeling jobs."""

    def get_info_by_id(self, id: int) -> LabelingInfo:
        """Return the job. Raises NotFound; the SDK returns None."""
        return LabelingInfo.parse(self._transport.post("jobs.info", {"id": id}))

    def get_status(self, id: int) -> str:
        """The status as the server spells it."""
        return self.get_info_by_id(id).status

    def set_status(self, id: int, status: str) -> None:
        """Set the status of a job, as users do in the web interface."""
        self._transport.tell("jobs.set-status", {"id": id, "status": status})


class LabelingQueueApi(Paged):
    """Labeling queues, which assign work item by item."""

    def get_info_by_id(self, id: int) -> LabelingInfo:
        """Return the queue. Raises NotFound; the SDK returns None."""
        return LabelingInfo.parse(self._transport.post("labeling-queues.info", {"id": id}))

    def get_status(self, id: int) -> str:
        """The status as the server spells it."""
        return self.get_info_by_id(id).status

    def set_status(self, id: int, status: str) -> None:
        """Set the status of a queue, as users do in the web interface."""
        self._transport.tell("labeling-queues.set-status", {"id": id, "status": status})


REMOVAL_SECONDS = 300.0
"""Seconds that a removal may take. It is never repeated, and without an answer its outcome is unknown."""


class ProjectApi(Paged):
    """Projects of a workspace."""

    def get_list(self, workspace_id: int, filters: Sequence[Mapping[str, Any]] | None = None) -> list[ProjectInfo]:
        """List the projects of a workspace."""
        data = {"workspaceId": workspace_id, "filter": list(filters or ())}
        return [ProjectInfo.parse(row) for row in self.get_list_all_pages("projects.list", data)]

    def get_info_by_id(self, id: int) -> ProjectInfo:
        """Return the project. Raises NotFound; the SDK returns None."""
        return ProjectInfo.parse(self._transport.post("projects.info", {"id": id}))

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
        self._transport.tell("projects.archive", {"id": id}, safe=False, deadline=REMOVAL_SECONDS)
