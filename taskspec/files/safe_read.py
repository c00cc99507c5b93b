"""Read files from untrusted authors: only regular ones of bounded size, without waiting for a writer."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

SIZE_LIMIT = 32 * 2**20
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotARegularFile(OSError):
    """The path leads to a folder, a pipe, a socket or a device."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)

    def __str__(self) -> str:
        return str(self.strerror)


class TooLarge(NotARegularFile):
    """The file is regular and larger than its reader permits."""


def read_plain(path: Path, limit: int = SIZE_LIMIT) -> bytes:
    """Return the bytes of a regular file. Raises OSError: NotARegularFile, or TooLarge for more than `limit` bytes."""
    _check(path.stat().st_mode)
    # The path may lead to a pipe by now. Without O_NONBLOCK, opening a pipe waits for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        _check(found.st_mode)
        if found.st_size > limit:
            raise TooLarge(f"it has {found.st_size:,} bytes, and the limit is {limit:,}")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise TooLarge(f"it has more than {limit:,} bytes")
    return content


def files_below(root: Path, ignored: Collection[str] = ()) -> Iterator[Path]:
    """The files of a folder, relative and sorted. Hidden names and links that lead outside are left out."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in ignored)
        for name in sorted(files):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file() and file.resolve().is_relative_to(root.resolve()):
                yield file.relative_to(root)


def path_problem(path: Path) -> str:
    """Return why the file system refuses a path, or an empty text for a valid path."""
    try:
        path.resolve().exists()
    except RuntimeError:
        return "its links lead in a circle"
    except ValueError:
        return "it holds a zero character"
    except OSError as error:
        return error.strerror or "the system refuses it"
    return ""


def _check(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotARegularFile(f"it is {next((name for is_kind, name in _KINDS if is_kind(mode)), 'not a file')}")
