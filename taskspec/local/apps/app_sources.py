"""The files of an app, from a folder, a tag or a branch. Each content is copied once.

Knows the disk and git, not the catalogue.
"""

from __future__ import annotations

import gzip
import posixpath
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from taskspec.files.app_folder import SIZE_LIMIT, AppFolderError, app_files, read_app_folder
from taskspec.local.apps.git import RepositoryError, Revision, find_revision, write_archive


@dataclass(frozen=True, slots=True)
class AppSource:
    """An app whose files have been copied. `branch` is set when the files of this name can change."""

    name: str
    version: str
    digest: str
    config: Mapping[str, Any]
    config_dir: str = ""
    branch: str | None = None


def from_folder(path: Path, copies: Path, version: str | None = None) -> AppSource:
    """Copy the current files of a folder. Without a version, the version is the digest of the content."""
    folder = read_app_folder(path)
    if not (copies / folder.digest).is_dir():
        # The folder may change while it is read, so the copy determines the content.
        with _new_copy(copies) as copy:
            for file in app_files(folder.path):
                target = copy / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder.path / file, target)
            copied = read_app_folder(copy)
            _settle(copy, copies / copied.digest)
            return AppSource(
                str(copied.config.get("name") or path.name), version or copied.version, copied.digest, copied.config
            )
    return AppSource(folder.name, version or folder.version, folder.digest, folder.config)


def from_repository(path: Path, copies: Path, kind: str, name: str) -> AppSource:
    """Copy the files of a tag, which is the version, or the current files of a branch."""
    revision = find_revision(path, kind, name)
    final = copies / revision.digest
    if not final.is_dir():
        with _new_copy(copies) as copy:
            _unpack(revision, copy)
            _settle(copy, final)
    try:
        folder = read_app_folder(final / revision.folder)
    except AppFolderError as error:
        raise RepositoryError(f"{error.message} (at commit {revision.commit[:12]})", remedy=error.remedy) from None
    title = str(folder.config.get("name") or (revision.repository / revision.folder).name)
    version, branch = (name, None) if kind == "tag" else (f"{name}@{revision.tree}", name)
    return AppSource(title, version, revision.digest, folder.config, revision.folder, branch)


def _unpack(revision: Revision, folder: Path) -> None:
    with tempfile.NamedTemporaryFile(prefix="taskspec-", suffix=".tar") as file:
        write_archive(revision, Path(file.name))
        with tarfile.open(file.name) as tar:
            if sum(member.size for member in tar) > SIZE_LIMIT:
                raise RepositoryError(
                    f'"{revision.repository}" holds more than {SIZE_LIMIT // 2**20} MiB',
                    remedy="keep data out of the repository",
                )
            _extract(tar, folder)


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack. Refuse links and names that lead out of the folder."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    # Python before 3.11.4 has no filters.
    for member in tar:
        _refuse_outside(member)
    tar.extractall(folder)  # noqa: S202 - every member was checked above


def _refuse_outside(member: tarfile.TarInfo) -> None:
    target = posixpath.join(posixpath.dirname(member.name), member.linkname) if member.issym() else member.name
    path = posixpath.normpath(target)
    is_plain = member.isfile() or member.isdir() or member.issym()
    if not is_plain or posixpath.isabs(path) or path.split("/", 1)[0] == "..":
        raise RepositoryError(f'"{member.name}" leads out of the repository', remedy="remove the link")


@contextmanager
def _new_copy(copies: Path) -> Iterator[Path]:
    temporary = Path(tempfile.mkdtemp(prefix=".copy-", dir=copies))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _settle(copy: Path, final: Path) -> None:
    """Rename the copy in one step. Another registration may have added the same content already."""
    if not final.is_dir():
        copy.rename(final)


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
