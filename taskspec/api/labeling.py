"""Labeling jobs and queues, as far as a wait for them needs.

The statuses are those of the vendor's SDK: pending, in_progress, on_review, completed, stopped, review_completed.
"""

from __future__ import annotations

from taskspec.api.paging import Paged
from taskspec.api.records import LabelingInfo


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
