"""The folder of the local server, and the token of the server.

Knows the disk and file modes, not HTTP. Only the owner can read the folder, because the token allows its holder to run
programs as this user.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from taskspec.errors import LocalServerError
from taskspec.files import file_lock

HOME_VARIABLE = "TASKSPEC_HOME"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the last server of a home wrote about itself. Only the lock shows whether it still runs."""

    address: str
    port: int
    pid: int
    started: str


class _Inside:
    """A path inside of the folder of a server, as a read-only attribute."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, home: ServerHome, _owner: type) -> Path:
        return home.path / self._name


@dataclass(frozen=True, slots=True)
class ServerHome:
    """The folder of one local server: database, token, app copies, run directories."""

    path: Path

    database = _Inside("server.db")
    lock = _Inside("server.lock")
    info = _Inside("server.json")
    log = _Inside("server.log")
    token = _Inside("token")
    modules = _Inside("modules")
    tasks = _Inside("tasks")
    storage = _Inside("storage")
    """Contents of Team Files and of the files of launches."""
    environments = _Inside("environments")
    agent_storage = _Inside("agent_storage")

    def task(self, task_id: int) -> Path:
        return self.tasks / str(task_id)

    def create(self) -> None:
        """Make the folders, with access for the owner only. Raises LocalServerError for a home of another user."""
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
    """Find the home: below TASKSPEC_HOME, or else below the user's state folder."""
    base = environ.get(HOME_VARIABLE)
    root = Path(base).expanduser() if base else platformdirs.user_state_path("taskspec")
    return ServerHome(root.absolute() / "server")


def read_token(home: ServerHome) -> str:
    """Return the token, made on first use. It never changes, because apps that outlive a server still use it."""
    home.create()
    path = home.token
    if not path.exists():
        _make_token(path)
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


def _make_token(path: Path) -> None:
    """Write the token to a temporary file, then link it: two starters get the same token, no reader sees a part."""
    temporary = path.with_suffix(f".{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()


def read_info(home: ServerHome) -> ServerInfo | None:
    """Read server.json. Return None when it cannot be read."""
    try:
        record = json.loads(home.info.read_text())
        return ServerInfo(str(record["address"]), int(record["port"]), int(record["pid"]), str(record["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_info(home: ServerHome, info: ServerInfo) -> None:
    """Replace server.json in one step, so that no reader sees a part of it."""
    temporary = home.info.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(asdict(info)))
    temporary.replace(home.info)


def try_lock(home: ServerHome, *, shared: bool = False) -> int | None:
    """Take the lock. Return its descriptor, or None when another process holds the lock."""
    descriptor = os.open(home.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if file_lock.try_lock(descriptor, shared=shared):
        return descriptor
    os.close(descriptor)
    return None


def is_held(home: ServerHome) -> bool:
    """Return whether a server runs or starts in this home."""
    if not home.lock.exists():
        return False
    # With a shared lock, two clients that test at once do not look like servers to each other.
    descriptor = try_lock(home, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
