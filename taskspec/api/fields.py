"""The document of a launch on the server: data and state of its widgets, at paths such as `data.chart`.

Facts: wire protocol, section 2.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.api.paging import Paged
from taskspec.api.record import as_object
from taskspec.errors import OutcomeUnknown, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class FieldCalls(Paged):
    """Read and write fields of a launch."""

    def get_field(self, task_id: int, field: str) -> Any:
        """Return the value at one path."""
        return self.get_fields(task_id, [field])[field]

    def get_fields(self, task_id: int, fields: Sequence[str]) -> dict[str, Any]:
        """Return values by path. Raises OutcomeUnknown when the answer lacks one."""
        answer = self._transport.post("tasks.data.get", {"taskId": task_id, "fields": list(fields)})
        result = answer.get("result") if isinstance(answer, dict) else None
        missing = [field for field in fields if field not in as_object(result)]
        if missing:
            raise OutcomeUnknown(
                f'tasks.data.get: the server answered without "{missing[0]}" of task {task_id}',
                remedy="check the path; it begins with data., state. or template",
            )
        return dict(as_object(result))

    def set_field(self, task_id: int, field: str, payload: Any, append: bool = False, recursive: bool = False) -> Any:
        """Write one value. `append` merges it into the old value, with `recursive` at every depth."""
        item = {"field": field, "payload": payload, "append": append, "recursive": recursive}
        return self.set_fields(task_id, [item])

    def set_fields(self, task_id: int, fields: Iterable[Mapping[str, Any]]) -> Any:
        """Write several values. With an `append`, the request is never repeated: that would append twice."""
        items = [dict(item) for item in fields]
        for position, item in enumerate(items):
            missing = [key for key in ("field", "payload") if key not in item]
            if missing:
                raise UsageError(
                    f'fields[{position}] has no "{missing[0]}"', remedy='write {"field": "data.x", "payload": value}'
                )
        appends = any(item.get("append") for item in items)
        return self._transport.post("tasks.data.set", {"taskId": task_id, "fields": items}, safe=not appends)

    def set_fields_from_dict(self, task_id: int, d: Mapping[str, Any]) -> Any:
        """Write values by path."""
        return self.set_fields(task_id, [{"field": field, "payload": payload} for field, payload in d.items()])
