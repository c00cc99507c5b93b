"""Files in the folder of a spec that a call uploads: which files, and one digest of their names and contents.

The planner reads them to notice a change, and the engine to send them, so both use the same list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from taskspec.errors import UsageError
from taskspec.files.safe_read import files_below, path_problem
from taskspec.wording import shorten

_CHUNK = 2**20
_SHOWN = 80


class UploadNotFound(UsageError):
    """The file does not exist, or it is outside the folder of the spec."""


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file on disk, and its name in the remote folder."""

    path: Path
    name: str


def files_to_upload(folder: Path, name: str) -> list[UploadFile]:
    """Return the file, or the files of a folder sorted by name. Raises UploadNotFound when there are none to send.

    Paths and links that lead out of the spec's folder are never sent, nor are hidden files, which may hold secrets.
    """
    reason = path_problem(folder / name)
    if reason:
        raise UploadNotFound(f'"{shorten(name, _SHOWN)}" is not a valid path: {reason}', remedy="check the path")
    source = (folder / name).resolve()
    if not source.is_relative_to(folder.resolve()):
        raise UploadNotFound(f'"{name}" is not inside the folder of the spec', remedy="copy it there")
    if not source.exists():
        raise UploadNotFound(f'there is no "{name}" in the folder of the spec', remedy="check the path")
    files = [Path(source.name)] if source.is_file() else files_below(source)
    found = [UploadFile(source if source.is_file() else source / file, file.as_posix()) for file in files]
    if not found:
        raise UploadNotFound(f'"{name}" contains no files', remedy="check the path; hidden files are not sent")
    return found


def uploads_digest(folder: Path, name: str) -> str:
    """The digest of the names and bytes of these files. Raises UploadNotFound."""
    digest = hashlib.sha256()
    for file in files_to_upload(folder, name):
        try:
            digest.update(f"{file.name}\0{file.path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            with file.path.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise UploadNotFound(
                f'"{file.name}" cannot be read: {error.strerror}', remedy="check who may read it"
            ) from None
    return digest.hexdigest()
