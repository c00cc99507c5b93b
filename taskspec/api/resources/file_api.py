"""Team Files: the files of a team on the server (wire protocol 3.5)."""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from taskspec.api.records.paging import REMOVAL_SECONDS, Records
from taskspec.api.records.records import FileInfo
from taskspec.api.transport.form_data import FormPart, MultipartBody
from taskspec.errors import NotFound, OutcomeUnknown, UsageError

Files = list[FileInfo]


class FileApi(Records[FileInfo]):
    """Files and folders of a team. Remote paths begin with a slash."""

    record, path = FileInfo, "file-storage"

    def get_info_by_path(self, team_id: int, remote_path: str) -> FileInfo:
        """Return the file or folder at a path. Raises NotFound; the SDK returns None."""
        found = self._at(team_id, remote_path)
        if found is None:
            raise NotFound(
                f'team {team_id} has no file "{remote_path}"', status=404, remedy="check the path in Team Files"
            )
        return found

    def list(self, team_id: int, path: str, recursive: bool = True) -> Files:
        """List the files and folders below a path."""
        answer = self._transport.post("file-storage.list", {"teamId": team_id, "path": path, "recursive": recursive})
        return _files("file-storage.list", answer)

    def exists(self, team_id: int, remote_path: str) -> bool:
        """Return whether there is a file or folder at the path."""
        return self._at(team_id, remote_path) is not None

    def upload(
        self, team_id: int, src: str | Path, dst: str, progress_cb: Callable[[int], object] | None = None
    ) -> FileInfo:
        """Upload one file. `progress_cb` receives the numbers of bytes sent."""
        return self.upload_bulk(team_id, [src], [dst], progress_cb)[0]

    def upload_bulk(
        self,
        team_id: int,
        src_paths: Sequence[str | Path],
        dst_paths: Sequence[str],
        progress_cb: Callable[[int], object] | None = None,
    ) -> Files:
        """Upload files to their paths, in order, with one request that is never repeated."""
        if len(src_paths) != len(dst_paths):
            raise UsageError(f"{len(src_paths)} files, but {len(dst_paths)} paths", remedy="give every file one path")
        if not src_paths:
            return []
        method = "file-storage.bulk.upload"
        with MultipartBody(_parts(src_paths, dst_paths), progress_cb) as body:
            headers = {"Content-Type": body.content_type}
            reply = self._transport.upload(method, body, headers=headers, query={"teamId": team_id})
        files = _files(method, reply.json())
        if len(files) != len(src_paths):
            raise OutcomeUnknown(
                f"{method}: {len(src_paths)} files sent, {len(files)} confirmed", remedy="list the folder"
            )
        return files

    def download(
        self,
        team_id: int,
        remote_path: str,
        local_save_path: str | Path,
        progress_cb: Callable[[int], object] | None = None,
    ) -> None:
        """Download a file, or a folder as a tar archive. The target is complete or does not exist."""
        target = Path(local_save_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:

                def write(piece: bytes) -> None:
                    file.write(piece)
                    if progress_cb is not None:
                        progress_cb(len(piece))

                self._transport.download("file-storage.download", {"teamId": team_id, "path": remote_path}, write)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def remove(self, team_id: int, path: str) -> None:
        """Delete a file or folder. Never repeated: a repetition could delete a newer file at the same path."""
        body = {"teamId": team_id, "path": path}
        self._transport.post_for_status("file-storage.remove", body, safe=False, deadline=REMOVAL_SECONDS)

    def get_url(self, file_id: int) -> str:
        """Return the path of the file in the web interface."""
        return f"/files/{file_id}"

    def _at(self, team_id: int, remote_path: str) -> FileInfo | None:
        """Find the entry of a path in the listing of its parent. A listing of the path may show only its content."""
        wanted = remote_path.rstrip("/")
        entries = self.list(team_id, str(PurePosixPath(wanted).parent), recursive=False)
        return next((entry for entry in entries if entry.path.rstrip("/") == wanted), None)


def _parts(sources: Sequence[str | Path], targets: Sequence[str]) -> list[FormPart]:
    """Build three parts per file, in the order the server reads them: name, folder, content."""
    parts: list[FormPart] = []
    for source, target in zip(map(Path, sources), map(PurePosixPath, targets), strict=True):
        if not source.is_file():
            raise UsageError(f'"{source}" is not a file', remedy="check the path")
        folder = str(target.parent).rstrip("/") + "/"
        kind = mimetypes.guess_type(target.name)[0] or "application/octet-stream"
        parts.append(FormPart("name", text=target.name))
        parts.append(FormPart("path", text=folder))
        parts.append(FormPart("file", file=source, filename=target.name, content_type=kind))
    return parts


def _files(method: str, answer: Any) -> Files:
    if not isinstance(answer, list):
        raise OutcomeUnknown(f"{method}: the answer is not a list of files", remedy="try again")
    return [FileInfo.parse(row) for row in answer]
