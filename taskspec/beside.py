"""Files beside a spec that are sent to a server: which of them go, and one digest of what they hold.

Read by the planner's side, to notice a change, and by the engine, to send them, so that both see the same files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskspec.errors import UsageError
from taskspec.plainfile import why_no_path

_CHUNK = 2**20
_SHOWN = 80


class NotBeside(UsageError):
    """There is no such file beside the spec, or it lies elsewhere."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file on disk, and its name below the folder it is sent to."""

    path: Path
    name: str


def files_beside(folder: Path, name: str) -> list[Outgoing]:
    """The file, or the files of a folder in the order of their names. Raises NotBeside where there is none to send.

    What leads out of the spec's folder, by name or by link, is never sent, nor what is hidden: secrets lie there.
    """
    reason = why_no_path(folder / name)
    if reason:
        raise NotBeside(f'"{name[:_SHOWN]}" is no path: {reason}', remedy="check the path")
    source = (folder / name).resolve()
    if not source.is_relative_to(folder.resolve()):
        raise NotBeside(f'"{name}" is not inside the folder of the spec', remedy="copy it there")
    if not source.exists():
        raise NotBeside(f'there is no "{name}" beside the spec', remedy="check the path")
    found = [Outgoing(source, source.name)] if source.is_file() else list(_inside(source))
    if not found:
        raise NotBeside(f'"{name}" holds no file', remedy="check the path; hidden files are not sent")
    return found


def digest_beside(folder: Path, name: str) -> str:
    """Digest of names and bytes of what would be sent. Raises NotBeside."""
    digest = hashlib.sha256()
    for file in files_beside(folder, name):
        try:
            digest.update(f"{file.name}\0{file.path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            with file.path.open("rb") as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise NotBeside(f'"{file.name}" cannot be read: {error.strerror}', remedy="check who may read it") from None
    return digest.hexdigest()


def _inside(root: Path) -> Iterator[Outgoing]:
    for place, folders, names in os.walk(root):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(root):
                yield Outgoing(path, path.relative_to(root).as_posix())
