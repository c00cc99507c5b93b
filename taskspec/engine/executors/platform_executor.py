"""The platform calls: clone a project, upload, copy and remove files, remove a project. Each gives results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from taskspec.api import LaunchStatus, TaskInfo
from taskspec.api.tasks.waiting import poll_until
from taskspec.engine.executors.call_protocol import CallFailed, CallOrder, Pause, team_of
from taskspec.engine.server.connection import Server
from taskspec.files.uploads import files_to_upload
from taskspec.specfile.fields.platform_calls import ARGUMENTS, PlatformCall
from taskspec.specfile.fields.retries_and_deadlines import FailureKind, show
from taskspec.values import Json

LOOK_SHORTEST, LOOK_LONGEST = 0.05, 5.0
"""Between two looks whether a clone is done, in seconds."""
FILES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class PlatformExecutor:
    """Makes platform calls on one server; files to upload lie in the folder of the spec."""

    server: Server
    folder: Path
    clock: Callable[[], float]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        """What the call gave."""
        call = PlatformCall(order.body["call"])
        arguments = _checked(call, order.body.get("with", {}))
        make = {
            PlatformCall.CLONE_PROJECT: self._clone_project,
            PlatformCall.UPLOAD_FILES: self._upload_files,
            PlatformCall.COPY_FILES: self._copy_files,
            PlatformCall.REMOVE_FILES: self._remove_files,
            PlatformCall.REMOVE_PROJECT: self._remove_project,
        }
        return make[call](order, arguments, pause)

    def _clone_project(self, order: CallOrder, arguments: Mapping[str, Json], pause: Pause) -> Json:
        api = self.server.api
        workspace = arguments.get("workspace") or self.server.workspace(order.workspace)
        task = api.project.clone(arguments["project"], workspace, arguments["name"])
        project = _project_in(self._end_of(task, order, pause))
        return {"project": project, "name": arguments["name"], "workspace": workspace, "task": task}

    def _end_of(self, task: int, order: CallOrder, pause: Pause) -> TaskInfo:
        """The task of a clone, once it has ended."""
        limit = order.call.timeout

        def ended() -> TaskInfo | None:
            info = self.server.api.task.get_info_by_id(task)
            return info if info.status is not None and info.status.is_terminal else None

        info = poll_until(
            ended, clock=self.clock, pause=pause, timeout=limit, first=LOOK_SHORTEST, longest=LOOK_LONGEST
        )
        if info is None:
            raise CallFailed(f"task {task} did not end within {show(limit or 0)}", remedy="raise `timeout`")
        return info

    def _upload_files(self, order: CallOrder, arguments: Mapping[str, Json], pause: Pause) -> Json:
        files = files_to_upload(self.folder / order.folder, arguments["from"])
        paths, targets = [file.path for file in files], [_target(arguments["to"], file.name) for file in files]
        team = team_of(self.server, order)
        for first in range(0, len(files), FILES_AT_ONCE):
            pause(0)
            few = slice(first, first + FILES_AT_ONCE)
            self.server.api.file.upload_bulk(team, paths[few], targets[few])
        return {"folder": arguments["to"], "count": len(files), "paths": targets}

    def _copy_files(self, order: CallOrder, arguments: Mapping[str, Json], pause: Pause) -> Json:
        """By way of this machine, one file at a time: the server has no copy of its own."""
        api, team = self.server.api, team_of(self.server, order)
        source = str(PurePosixPath(arguments["from"]))
        info = api.file.get_info_by_path(team, source)
        found = api.file.list(team, source) if info.is_dir else [info]
        base = PurePosixPath(source) if info.is_dir else PurePosixPath(source).parent
        targets = []
        with tempfile.TemporaryDirectory(prefix="taskspec-") as folder:
            held = Path(folder) / "file"
            for file in found:
                pause(0)
                targets.append(_target(arguments["to"], str(PurePosixPath(file.path).relative_to(base))))
                api.file.download(team, file.path, held)
                api.file.upload(team, held, targets[-1])
        return {"folder": arguments["to"], "count": len(targets), "paths": targets}

    def _remove_files(self, order: CallOrder, arguments: Mapping[str, Json], _: Pause) -> Json:
        path = str(PurePosixPath(arguments["path"]))
        if not path.startswith("/") or path.strip("/") == "" or ".." in PurePosixPath(path).parts:
            raise CallFailed(f'"{path}" is not a path below / in Team Files', FailureKind.INPUTS)
        team = team_of(self.server, order)
        existed = self.server.api.file.exists(team, path)
        if existed:
            self.server.api.file.remove(team, path)
        return {"path": path, "existed": existed}

    def _remove_project(self, _: CallOrder, arguments: Mapping[str, Json], __: Pause) -> Json:
        info = self.server.api.project.get_info_by_id(arguments["project"])
        self.server.api.project.remove(info.id)
        return {"project": info.id, "name": info.name}


def _checked(call: PlatformCall, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The arguments, now that every one of them is known."""
    for name, value in arguments.items():
        problem = ARGUMENTS[call][name].problem(value)
        if problem:
            raise CallFailed(f"{call}: {name} {problem}", FailureKind.INPUTS)
    return arguments


def _target(folder: str, name: str) -> str:
    """Where a file goes; `folder` is a folder of Team Files."""
    return f"/{folder.strip('/')}/{name}" if folder.strip("/") else f"/{name}"


def _project_in(info: TaskInfo) -> int:
    """The project that a clone has made. Raises CallFailed where it has made none."""
    if info.status is not LaunchStatus.FINISHED:
        raise CallFailed(f"the clone (task {info.id}) ended with status {info.raw_status}", remedy="see its log")
    project = info.output.get("project")
    number = project.get("id") if isinstance(project, Mapping) else None
    if not isinstance(number, int):
        raise CallFailed(f"the clone (task {info.id}) does not say which project it made", remedy="look at the server")
    return number
