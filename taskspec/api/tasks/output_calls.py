"""Outputs of a launch: text, error, report, archive, file, folder, project, experiment.

Each call replaces the previous output. Facts: wire protocol, sections 2.6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from taskspec.api.records.paging import Paged
from taskspec.api.records.records import FileInfo, ProjectInfo
from taskspec.api.records.wire_record import as_object
from taskspec.errors import OutcomeUnknown, UsageError

ICON_COLOR = "#33c94c"
ICON_BACKGROUND = "#d9f7e4"
ERROR_COLOR = "#ff83a6"
ERROR_BACKGROUND = "#ffeae9"
PICTURED = frozenset({"", "images", "videos", "volumes"})
"""Types of projects whose reference image can be scaled down."""


class OutputCalls(Paged):
    """The eight `set_output_*` methods. All can be repeated safely."""

    def set_output_project(
        self, task_id: int, project_id: int, project_name: str | None = None, project_preview: str | None = None
    ) -> dict[str, Any]:
        """Link a project. Without a name, taskspec looks up name and preview.

        Inside an import app, the SDK also writes an import history. taskspec never runs inside one.
        """
        title, preview = project_name, project_preview
        if title is None:
            project = ProjectInfo.parse(self._transport.post("projects.info", {"id": project_id}))
            title, preview = project.name, preview or self._preview(project)
        content = {"id": project_id, "title": title, **({"preview": preview} if preview is not None else {})}
        return self._set_output(task_id, {"project": content})

    def set_output_report(
        self, task_id: int, file_id: int, file_name: str, description: str = "Report"
    ) -> dict[str, Any]:
        """Link a report in Team Files."""
        return self._link(task_id, "zmdi-receipt", file_name, f"/files/{file_id}", description, download=False)

    def set_output_archive(
        self, task_id: int, file_id: int, file_name: str, file_url: str | None = None
    ) -> dict[str, Any]:
        """Offer an archive in Team Files for download. Without an address, taskspec looks it up."""
        url = file_url if file_url is not None else self._storage_path(file_id)
        return self._link(task_id, "zmdi-archive", file_name, url, "Download archive", download=True)

    def set_output_file_download(
        self, task_id: int, file_id: int, file_name: str, file_url: str | None = None, download: bool = True
    ) -> dict[str, Any]:
        """Offer a file in Team Files for download. Without an address, taskspec looks it up."""
        url = file_url if file_url is not None else self._storage_path(file_id)
        return self._link(task_id, "zmdi-file", file_name, url, "Download file", download=download)

    def set_output_directory(self, task_id: int, file_id: int, directory_path: str) -> dict[str, Any]:
        """Link a folder in Team Files."""
        return self._link(task_id, "zmdi-folder", directory_path, f"/files/{file_id}", "Directory", download=False)

    def set_output_error(
        self, task_id: int, title: str, description: str | None = None, show_logs: bool = True
    ) -> dict[str, Any]:
        """Show an error. The status of the launch does not change."""
        icon = _icon("zmdi-alert-octagon", ERROR_COLOR, ERROR_BACKGROUND)
        return self._general(task_id, icon, title, showLogs=show_logs, isError=True, description=description)

    def set_output_text(
        self,
        task_id: int,
        title: str,
        description: str | None = None,
        show_logs: bool = False,
        zmdi_icon: str = "zmdi-comment-alt-text",
        icon_color: str = ICON_COLOR,
        background_color: str = ICON_BACKGROUND,
    ) -> dict[str, Any]:
        """Show a message."""
        icon = _icon(zmdi_icon, icon_color, background_color)
        return self._general(task_id, icon, title, showLogs=show_logs, isError=False, description=description)

    def set_output_experiment(self, task_id: int, experiment_info: Mapping[str, Any]) -> dict[str, Any]:
        """Publish the results of a training, as training apps do."""
        return self._set_output(task_id, {"experiment": {"data": dict(experiment_info)}})

    def _link(
        self, task_id: int, name: str, title: str, url: str, description: str, *, download: bool
    ) -> dict[str, Any]:
        icon = _icon(name, ICON_COLOR, ICON_BACKGROUND)
        return self._general(task_id, icon, title, titleUrl=url, download=download, description=description)

    def _general(self, task_id: int, icon: dict[str, str], title: str, **more: Any) -> dict[str, Any]:
        given = {key: value for key, value in more.items() if value is not None}
        return self._set_output(task_id, {"general": {"icon": icon, "title": title, **given}})

    def _set_output(self, task_id: int, output: dict[str, Any]) -> dict[str, Any]:
        answer = self._transport.post("tasks.output.set", {"taskId": task_id, "output": output})
        return answer if isinstance(answer, dict) else {}

    def _storage_path(self, file_id: int) -> str:
        return FileInfo.parse(self._transport.post("file-storage.info", {"id": file_id})).storage_path

    def _preview(self, project: ProjectInfo) -> str | None:
        """Return the address of a small picture of the project, or None. The SDK crashes without a picture."""
        if not project.reference_image_url or project.type not in PICTURED:
            return None
        small = project.reference_image_url.replace("/image-converter", "/previews/x200,jpeg,q70/image-converter")
        return urljoin(f"{self._transport.address}/", small)


def _icon(name: str, color: str, background: str) -> dict[str, str]:
    return {"className": f"zmdi {name}", "color": color, "backgroundColor": background}


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
