"""Refuse a state that came with a checkout: one that is a link, that another user owns, or that git tracks.

A state decides which launches are stopped and which results are passed on. So only the user's own state is used.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from taskspec.errors import StateError
from taskspec.state.marker import marker_of

STATE_FOLDER = ".taskspec"
_GIT_SECONDS = 10


def check_provenance(path: Path) -> None:
    """Raise StateError unless the state at `path` is of this user's own making."""
    for place in _places(path):
        try:
            found = place.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(found.st_mode):
            raise StateError(
                f'state "{path}" cannot be used: "{place}" is a link, and taskspec follows no links to a state',
                remedy="put the folder or the file itself there",
            )
        if found.st_uid != os.geteuid():
            raise StateError(
                f'state "{path}" cannot be used: "{place}" belongs to user {found.st_uid}, not to you ({os.geteuid()})',
                remedy="let its owner write `taskspec state export`, move the folder away, "
                "and run `taskspec state import`",
            )
    if _is_tracked(path):
        raise StateError(
            f'state "{path}" is committed, so it came with a checkout',
            remedy=f'if it is yours, take it out of version control: git rm -r --cached "{path.parent}"',
        )


def _places(path: Path) -> Iterator[Path]:
    if path.parent.parent.name == STATE_FOLDER:
        yield path.parent.parent
    yield from (path.parent, path, marker_of(path))
    yield from (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))


def _is_tracked(path: Path) -> bool:
    """Whether git tracks the state. Without git, or outside of a repository, nothing is tracked."""
    if not any((folder / ".git").exists() for folder in path.absolute().parents):
        return False
    command = ["git", "-c", "core.fsmonitor=", "ls-files", "--", path.name, marker_of(path).name]
    try:
        done = subprocess.run(command, cwd=path.parent, capture_output=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(done.stdout.strip())
