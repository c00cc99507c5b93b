"""Tar archives: Team Files as a stream, and the files of an app as one gzip. Knows the disk, not the wire."""

from __future__ import annotations

import gzip
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHUNK = 256 * 1024
_END = b"\0" * 2 * tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive: its name in the archive, and the path of its content."""

    name: str
    content: Path
    size: int

    @property
    def header(self) -> bytes:
        info = tarfile.TarInfo(self.name)
        info.size = self.size
        return info.tobuf(tarfile.PAX_FORMAT)

    @property
    def padding(self) -> bytes:
        return b"\0" * (-self.size % tarfile.BLOCKSIZE)


class TarStream:
    """An archive of known length, made while it is sent. It needs no disk space and little memory."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members

    def __len__(self) -> int:
        return sum(len(m.header) + m.size + len(m.padding) for m in self._members) + len(_END)

    def __iter__(self) -> Iterator[bytes]:
        for member in self._members:
            yield member.header
            with member.content.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
            yield member.padding
        yield _END


def write_gzip(folder: Path, top: str, target: IO[bytes]) -> None:
    """Write a folder below one top folder. The same content gives the same bytes."""
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"{top}/{path.relative_to(folder)}", recursive=False, filter=_anonymous)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = 0
    return info
