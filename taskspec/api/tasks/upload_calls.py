"""Files of a launch: the client links known contents by hash and uploads the others (wire protocol 2.5)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.api.records.paging import Paged
from taskspec.api.transport.form_data import FormPart, MultipartBody, json_part
from taskspec.errors import OutcomeUnknown, UsageError

HASH_BATCH = 900
FILE_BATCH = 50


@dataclass(frozen=True, slots=True)
class _PendingUpload:
    path: Path
    name: str
    hash: str


class UploadCalls(Paged):
    """Uploads to a launch."""

    def upload_files(
        self,
        task_id: int,
        abs_paths: Sequence[str | Path],
        names: Sequence[str],
        progress_cb: Callable[[int], object] | None = None,
    ) -> None:
        """Upload files under the given names. `progress_cb` receives the number of files done, each counted once.

        Only the header `x-task-id` names the task on the wire. The SDK sends it only inside an app.
        """
        if len(abs_paths) != len(names):
            raise UsageError(
                f"{len(abs_paths)} paths, but {len(names)} names", remedy="give every file exactly one name"
            )
        rows = [
            _PendingUpload(Path(path), name, _hash(Path(path))) for path, name in zip(abs_paths, names, strict=True)
        ]
        known = self._known({row.hash for row in rows})
        report = progress_cb or (lambda _: None)
        for batch in _batches([row for row in rows if row.hash in known], FILE_BATCH):
            files = [{"name": row.name, "hash": row.hash} for row in batch]
            self._transport.post_for_status("tasks.files.bulk.add-by-hash", {"taskId": task_id, "files": files})
            report(len(batch))
        for batch in _batches([row for row in rows if row.hash not in known], FILE_BATCH):
            self._send(task_id, batch)
            report(len(batch))

    def _known(self, hashes: set[str]) -> set[str]:
        known: set[str] = set()
        for batch in _batches(sorted(hashes), HASH_BATCH):
            answer = self._transport.post("images.internal.hashes.list", batch)
            if not isinstance(answer, list):
                raise OutcomeUnknown("images.internal.hashes.list: the answer is not a list", remedy="try again")
            known.update(answer)
        return known

    def _send(self, task_id: int, batch: Sequence[_PendingUpload]) -> None:
        parts: list[FormPart] = []
        for index, row in enumerate(batch):
            parts.append(json_part(str(index), {"fullpath": row.name, "hash": row.hash}))
            parts.append(FormPart(f"{index}-file", file=row.path, filename=row.name))
        with MultipartBody(parts) as body:
            headers = {"Content-Type": body.content_type, "x-task-id": str(task_id)}
            self._transport.upload("tasks.files.bulk.upload", body, headers=headers)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
    except OSError as error:
        raise UsageError(f'"{path}" cannot be read: {error.strerror}', remedy="check the path") from None


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
