"""Apps in a git repository: the files of a tag, or of the tip of a branch. Only this module runs git.

Reads commits and never the working tree, so another user can get the same files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from taskspec.errors import UsageError

_SECONDS = 120
# No hooks and watchers of the user run, and git must not ask for a password.
_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


class RepositoryError(UsageError):
    """The repository, the tag or the branch does not exist."""


@dataclass(frozen=True, slots=True)
class Revision:
    """The files of a repository at one commit, and the folder of the app in it."""

    repository: Path
    folder: str
    commit: str
    tree: str

    @property
    def digest(self) -> str:
        """The name of the content: the id of git's tree."""
        return f"git-{self.tree}"


def find_revision(path: Path, kind: str, name: str) -> Revision:
    """Return a tag, or the tip of a branch, which is local or else of the remote."""
    for place in {"tag": ("tags",), "branch": ("heads", "remotes/origin")}[kind]:
        found = _revision(path, f"refs/{place}/{name}")
        if found is not None:
            return found
    raise RepositoryError(f'the repository of "{path}" has no {kind} "{name}"', remedy=f"check the {kind}, or fetch it")


def exact_tag(path: Path) -> str | None:
    """Return the tag of the checked-out commit, or None without a tag, a repository or a clean working tree."""
    try:
        tag = _git(path, "describe", "--tags", "--exact-match", "--dirty")
    except RepositoryError:
        return None
    return None if tag.endswith("-dirty") else tag


def write_archive(revision: Revision, target: Path) -> None:
    """Write every file of the revision to a tar."""
    _git(revision.repository, "archive", "--format=tar", f"--output={target}", revision.commit)


def _revision(path: Path, reference: str) -> Revision | None:
    folder = _git(path, "rev-parse", "--show-prefix").rstrip("/")
    try:
        commit = _git(path, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    except RepositoryError:
        return None
    tree = _git(path, "rev-parse", "--verify", f"{commit}^{{tree}}")
    root = path.resolve()
    for _ in filter(None, folder.split("/")):
        root = root.parent
    return Revision(root, folder, commit, tree)


def _git(path: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise RepositoryError("git is not installed on this machine", remedy="install git, or register with a version")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [program, "-C", str(path), *_OPTIONS, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            env={**kept, **_ENVIRONMENT},
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise RepositoryError(f'git cannot be run in "{path}": {error}', remedy="see what git says there") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise RepositoryError(f'git says about "{path}": {said}', remedy="check the folder")
    return done.stdout.decode(errors="replace").strip()
