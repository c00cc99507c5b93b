"""Find launches: all of a workspace, those above an id, or several by id.

A poll of thousands of launches takes a few pages of one list method, never one call per launch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from taskspec.api.records.paging import PAGE_LIMIT, Records, clause
from taskspec.api.records.records import TaskInfo

METHOD = "tasks.list"


class ListCalls(Records[TaskInfo]):
    """Lists of launches."""

    record, path = TaskInfo, "tasks"

    def get_list(self, workspace_id: int, filters: Sequence[Mapping[str, Any]] | None = None) -> list[TaskInfo]:
        """List the launches of a workspace that match the filters, in order of id."""
        return self._list({"workspaceId": workspace_id, "filter": [dict(item) for item in filters or ()]})

    def get_many(self, workspace_id: int, ids: Iterable[int]) -> dict[int, TaskInfo]:
        """Return those of the launches that the server still knows, by id."""
        wanted = sorted(set(ids))
        found: dict[int, TaskInfo] = {}
        for start in range(0, len(wanted), PAGE_LIMIT):
            part = wanted[start : start + PAGE_LIMIT]
            data = {"workspaceId": workspace_id, "filter": [clause("id", "in", part)], "per_page": PAGE_LIMIT}
            found.update((task.id, task) for task in self._list(data))
        return {each: found[each] for each in wanted if each in found}

    def highest_id(self, workspace_id: int) -> int:
        """Return the highest launch id of the workspace, or 0. Later launches have higher ids."""
        newest = self._newest(workspace_id, [], 1)
        return newest[0].id if newest else 0

    def newest_after(self, workspace_id: int, after_id: int, *, limit: int) -> list[TaskInfo]:
        """Return the launches above an id, the newest first: all of them, or the newest `limit`."""
        newest = self._newest(workspace_id, [clause("id", ">", after_id)], limit)
        return [task for task in newest if task.id > after_id]

    def _newest(self, workspace_id: int, filters: Sequence[Mapping[str, Any]], limit: int) -> list[TaskInfo]:
        order = {"sort": "id", "sort_order": "desc", "per_page": min(limit, PAGE_LIMIT)}
        data = {"workspaceId": workspace_id, "filter": list(filters), **order}
        return [TaskInfo.parse(row) for row in self.get_list_all_pages(METHOD, data, limit=limit)]

    def list_page_after(self, workspace_id: int, after_id: int, *, limit: int = PAGE_LIMIT) -> list[TaskInfo]:
        """Return the next page of launches above an id, in order of id. A short page is the last one.

        Unlike pages by number, pages by id cannot skip a launch while others are added or removed.
        """
        data = {"workspaceId": workspace_id, "filter": [clause("id", ">", after_id)], "per_page": limit}
        tasks = [TaskInfo.parse(row) for row in self.get_list_all_pages(METHOD, data, limit=limit)]
        ids = [task.id for task in tasks]
        if ids == sorted(ids) and all(each > after_id for each in ids):
            return tasks
        # The server ignored the filter, so the page may lack launches: read all of them instead.
        every = sorted(self.get_list(workspace_id), key=lambda task: task.id)
        return [task for task in every if task.id > after_id][:limit]

    def list_after(self, workspace_id: int, after_id: int) -> Iterator[TaskInfo]:
        """Yield every launch above an id, in order of id."""
        page = self.list_page_after(workspace_id, after_id)
        while page:
            yield from page
            page = self.list_page_after(workspace_id, page[-1].id) if len(page) == PAGE_LIMIT else []

    @staticmethod
    def info_sequence() -> list[str]:
        """Return the names of the wire fields of a launch (wire protocol 6). The SDK has none for tasks."""
        return list(FIELDS)

    @staticmethod
    def info_tuple_name() -> str:
        """Return the name of the type of a launch."""
        return TaskInfo.__name__

    @classmethod
    def convert_info_to_json(cls, info: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of the JSON of a launch."""
        return copy.deepcopy(dict(info))


FIELDS = (
    "id", "type", "status", "description", "workspaceId", "teamId", "userId", "userLogin", "createdBy", "agentId",
    "agentName", "moduleId", "appId", "startedAt", "finishedAt", "settings", "meta",
)  # fmt: skip
