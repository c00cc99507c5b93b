"""Files that a spec may read: those of its project, and others only with permission.

A spec often comes from a pull request, so its paths are not trusted. Links are resolved before the check. The folder
of the version control is never readable, because it may hold tokens.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from taskspec.diagnostics import nearest
from taskspec.errors import UsageError
from taskspec.files.safe_read import NotARegularFile, TooLarge, path_problem, read_plain
from taskspec.wording import shorten

GIT: Final = ".git"
OWN: Final = "taskspec.root"
PYTHON: Final = "pyproject.toml"


def project_root(folder: Path) -> Path:
    """The root of the project that a folder belongs to, links resolved."""
    return _root_of(folder.resolve())


def _root_of(folder: Path) -> Path:
    above = (folder, *folder.parents)
    return _nearest(above, GIT, OWN) or _nearest(above, PYTHON) or folder


def root_reason(root: Path) -> str:
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


TEXT_LIMIT = 2**20
SPEC_LIMIT = 2**25
_SHOWN = 80


def read_file(path: Path, what: str = "", *, remedy: str = "check the path", allow_outside: bool = False) -> bytes:
    """Read a file that the user names; `what` comes before its name in messages. Raises UsageError.

    A path whose links lead out of the project that it names is refused, because a pull request may bring them.
    Messages about the file would show lines of a file that is not part of the project.
    """
    try:
        root = _root_of(path.absolute().parent)
        if not allow_outside and not path.resolve().is_relative_to(root.resolve()):
            raise UsageError(
                f'{what}"{path}" leads by a link out of the project "{root.name}", which is {root_reason(root)}',
                remedy="name the file itself",
            )
        return read_plain(path)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f'{what}"{path}" cannot be read: {reason}', remedy=remedy) from None


@dataclass(slots=True)
class ProjectFiles:
    """Reads each text of one project once, so that a plan and its apply use the same content."""

    root: Path
    allow_outside: bool = False
    _texts: dict[Path, str] = field(default_factory=dict)

    def reader(self, folder: Path) -> Callable[[str], str]:
        return lambda path: self.text(folder, path)

    def text(self, folder: Path, path: str) -> str:
        """The text at `path`, relative to `folder`. Raises UsageError."""
        place = self.place(folder, path)
        if place not in self._texts:
            self._texts[place] = _decoded(path, self.content(place, path, TEXT_LIMIT))
        return self._texts[place]

    def place(self, folder: Path, path: str) -> Path:
        """Resolve a path and its links. Raises UsageError for one that may not be read."""
        reason = path_problem(folder / path)
        if reason:
            raise UsageError(f'"{shorten(path, _SHOWN)}" cannot be read: {reason}', remedy="Check the path.")
        place = (folder / path).resolve()
        if not self.allow_outside and not place.is_relative_to(self.root.resolve()):
            raise UsageError(
                f'"{path}" is outside of the project',
                remedy=f'The project is "{self.root.name}", {root_reason(self.root)}. --allow-outside permits it.',
            )
        if GIT in place.parts:
            raise UsageError(f'"{path}" belongs to the version control', remedy="Name a file of the project.")
        return place

    def content(self, place: Path, path: str, limit: int) -> bytes:
        """The content of a file of at most `limit` bytes; `path` is its name in messages. Raises UsageError."""
        if not place.exists():
            raise UsageError(f'there is no file "{path}"', remedy=_similar(place))
        try:
            return read_plain(place, limit)
        except TooLarge:
            raise UsageError(f'"{path}" is larger than {limit // 2**20} MiB', remedy="Pass its path instead.") from None
        except NotARegularFile:
            raise UsageError(f'"{path}" is not a file', remedy="Name a file with text in it.") from None
        except OSError as error:
            raise UsageError(f'"{path}" cannot be read: {error.strerror}', remedy="Check who may read it.") from None


def _similar(place: Path) -> str:
    try:
        names = [entry.name for entry in place.parent.iterdir()]
    except OSError:
        return "Paths are relative to the file that names them."
    return nearest(place.name, names) or "Paths are relative to the file that names them."


def _decoded(path: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"{error.reason} at byte {error.start}"
        raise UsageError(f'"{path}" is not valid UTF-8: {problem}', remedy="Save it as UTF-8.") from None
    if "\0" in text:
        raise UsageError(f'"{path}" is not a text file: it contains a zero byte', remedy="Name a file with text in it.")
    return text
