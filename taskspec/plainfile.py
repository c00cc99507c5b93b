"""Files that a stranger may have put there: opened without waiting, and read only where they are plain and small."""

from __future__ import annotations

import os
import stat
from pathlib import Path

SIZE_LIMIT = 32 * 2**20
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NoPlainFile(OSError):
    """It is there, and it is nothing we read."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)

    def __str__(self) -> str:
        return str(self.strerror)


def read_plain(path: Path, limit: int = SIZE_LIMIT) -> bytes:
    """The bytes of a plain file. Raises OSError, and NoPlainFile for a pipe, a device, or more than `limit` bytes."""
    _check(path.stat().st_mode)
    # What stands at the path may have become a pipe since: without this flag opening it would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        _check(found.st_mode)
        if found.st_size > limit:
            raise NoPlainFile(f"it has {found.st_size:,} bytes, and may have {limit:,}")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NoPlainFile(f"it has more than {limit:,} bytes")
    return content


def why_no_path(path: Path) -> str:
    """Why nothing can be read or written at a path whatever is there; empty where it is a path like any other."""
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
        raise NoPlainFile(f"it is {next((name for is_kind, name in _KINDS if is_kind(mode)), 'no file')}")
