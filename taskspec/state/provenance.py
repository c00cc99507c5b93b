"""Refuse a state that came with a checkout: one that is a link, that another user owns, or that git tracks.

A state decides which launches are stopped and which results are passed on. So only the user's own state is used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from taskspec.errors import StateError
from taskspec.state.marker import marker_of

STATE_FOLDER = ".taskspec"


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
    """Whether the index of git names the state. No process is started, because a plan may be forbidden to."""
    place = path.absolute()
    root = next((folder for folder in place.parents if (folder / ".git").exists()), None)
    if root is None or not path.exists():
        return False
    try:
        index = (_git_folder(root / ".git") / "index").read_bytes()
    except OSError:
        return False
    # Version 4 of an index leaves out what a name has in common with the one before it.
    names = [place, marker_of(place)]
    start = place.parent.parent if index[4:8] == b"\0\0\0\4" else root
    return any(f"{name.relative_to(start).as_posix()}\0".encode() in index for name in names)


def _git_folder(place: Path) -> Path:
    """The folder of a repository; in a worktree or a submodule `.git` is a file that names it."""
    if place.is_dir():
        return place
    return place.parent / place.read_text(encoding="utf-8", errors="replace").removeprefix("gitdir:").strip()
