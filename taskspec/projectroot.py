"""The project of a spec: the folder that an untrusted spec may not read outside of.

Search upwards from the folder of the spec. The project is the nearest folder with `.git` or `taskspec.root`. Without
one, it is the nearest folder with `pyproject.toml`. Without that, it is the folder of the spec.

The marks `taskspec.root` and `pyproject.toml` count only where not every user may write, and never in the root of the
file system. A file that another user puts into /tmp must not open /tmp.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

GIT: Final = ".git"
OWN: Final = "taskspec.root"
PYTHON: Final = "pyproject.toml"


def project_root(folder: Path) -> Path:
    """The root of the project that a folder belongs to, links resolved."""
    here = folder.resolve()
    above = (here, *here.parents)
    return _nearest(above, GIT, OWN) or _nearest(above, PYTHON) or here


def why_root(root: Path) -> str:
    """The reason why `project_root` returned this folder."""
    mark = next((name for name in (GIT, OWN, PYTHON) if _is_marked(root, name)), "")
    if mark:
        return f"the nearest folder above the spec with {mark}"
    return f"the folder of the spec, since none above it holds {GIT}, {OWN} or {PYTHON}"


def _nearest(folders: Sequence[Path], *marks: str) -> Path | None:
    return next((folder for folder in folders if any(_is_marked(folder, mark) for mark in marks)), None)


def _is_marked(folder: Path, mark: str) -> bool:
    try:
        is_there = (folder / mark).exists()
        return is_there and (mark == GIT or _is_ours(folder))
    except OSError:  # a folder that cannot be read has no mark
        return False


def _is_ours(folder: Path) -> bool:
    return folder != folder.parent and not folder.stat().st_mode & stat.S_IWOTH
