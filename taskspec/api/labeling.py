"""Work for people: labeling jobs and queues, as far as waiting for them needs.

The status words are those of the vendor's SDK: pending, in_progress, on_review, completed, stopped, review_completed.
"""

from __future__ import annotations

from taskspec.api.paging import Paged
from taskspec.api.records import LabelingInfo


class LabelingJobApi(Paged):
    """Labeling jobs."""

    def get_info_by_id(self, id: int) -> LabelingInfo:
        """The job. Raises NotFound; the SDK returns None."""
        return LabelingInfo.parse(self._transport.post("jobs.info", {"id": id}))

    def get_status(self, id: int) -> str:
        """The status as the server spells it."""
        return self.get_info_by_id(id).status

    def set_status(self, id: int, status: str) -> None:
        """Move a job on, as its people do in the web interface."""
        self._transport.tell("jobs.set-status", {"id": id, "status": status})


class LabelingQueueApi(Paged):
    """Labeling queues: jobs handed out item by item."""

    def get_info_by_id(self, id: int) -> LabelingInfo:
        """The queue. Raises NotFound; the SDK returns None."""
        return LabelingInfo.parse(self._transport.post("labeling-queues.info", {"id": id}))

    def get_status(self, id: int) -> str:
        """The status as the server spells it."""
        return self.get_info_by_id(id).status

    def set_status(self, id: int, status: str) -> None:
        """Move a queue on, as its people do in the web interface."""
        self._transport.tell("labeling-queues.set-status", {"id": id, "status": status})
