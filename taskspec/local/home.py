"""Where the local server keeps its things, and the token that opens it.

Knows the disk and file modes, not HTTP. Everything below the home is readable by its owner only: the token lets its
holder run programs as this user.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from taskspec.errors import LocalServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME_VARIABLE = "TASKSPEC_HOME"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the last server of a home wrote down about itself. Only the lock says whether it still runs."""

    address: str
    port: int
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class ServerHome:
    """The folder of one local server: database, token, app copies, run directories."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "server.db"

    @property
    def lock(self) -> Path:
        return self.path / "server.lock"

    @property
    def info(self) -> Path:
        return self.path / "server.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def token(self) -> Path:
        return self.path / "token"

    @property
    def modules(self) -> Path:
        return self.path / "modules"

    @property
    def tasks(self) -> Path:
        return self.path / "tasks"

    @property
    def storage(self) -> Path:
        """Contents of Team Files and of files of launches."""
        return self.path / "storage"

    @property
    def environments(self) -> Path:
        return self.path / "environments"

    @property
    def agent_storage(self) -> Path:
        return self.path / "agent_storage"

    def task(self, task_id: int) -> Path:
        return self.tasks / str(task_id)

    def create(self) -> None:
        """Make the folders, closed to everybody else. Raises LocalServerError when the home is not ours to use."""
        try:
            for folder in (self.path, self.modules, self.tasks, self.storage, self.environments, self.agent_storage):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner = self.path.stat().st_uid
            if owner == os.geteuid():
                self.path.chmod(0o700)
        except OSError as error:
            raise LocalServerError(
                f'the local server cannot use its folder "{self.path}": {error}',
                remedy=f"set {HOME_VARIABLE} to a folder you can write to",
            ) from None
        if owner != os.geteuid():
            raise LocalServerError(
                f'the local server\'s folder "{self.path}" belongs to user {owner}, not to you ({os.geteuid()})',
                remedy=f"set {HOME_VARIABLE} to a folder of your own",
            )


def find_home(environ: Mapping[str, str]) -> ServerHome:
    """The home an environment asks for: TASKSPEC_HOME, else the user's state folder."""
    base = environ.get(HOME_VARIABLE)
    root = Path(base).expanduser() if base else platformdirs.user_state_path("taskspec")
    return ServerHome(root.absolute() / "server")


def read_token(home: ServerHome) -> str:
    """The token of a home, made on first use and kept afterwards: apps that outlive a server still hold it."""
    home.create()
    if not home.token.exists():
        _make_token(home.token)
    return _existing_token(home.token)


def _make_token(path: Path) -> None:
    """Write the token under another name, then link it: two starters agree on one, no reader meets half of it."""
    temporary = path.with_suffix(f".{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()


def _existing_token(path: Path) -> str:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise LocalServerError(
            f'the token file "{path}" can be read by other users', remedy=f"delete it, or run: chmod 600 {path}"
        )
    token = path.read_text().strip()
    if not token:
        raise LocalServerError(
            f'the token file "{path}" is empty', remedy="delete it; a new one is made on the next start"
        )
    return token


def read_info(home: ServerHome) -> ServerInfo | None:
    """What the last server wrote about itself; None when there is nothing readable."""
    try:
        record = json.loads(home.info.read_text())
        return ServerInfo(
            address=str(record["address"]),
            port=int(record["port"]),
            pid=int(record["pid"]),
            started=str(record["started"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_info(home: ServerHome, info: ServerInfo) -> None:
    """Replace server.json in one step, so that no reader meets half of it."""
    temporary = home.info.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(asdict(info)))
    temporary.replace(home.info)
