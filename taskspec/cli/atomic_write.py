"""Write a file atomically: a reader sees the old content or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from taskspec.errors import UsageError


def replace_file(path: Path, content: bytes) -> None:
    """Write a file. An existing file keeps its mode, and a link stays a link. Raises UsageError on failure."""
    target = path.resolve()
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".taskspec-") as folder:
            fresh = Path(folder) / "new"
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                fresh.chmod(target.stat().st_mode & 0o7777)
            fresh.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f'"{path}" cannot be written: {reason}', remedy="check the folder and its rights") from None
