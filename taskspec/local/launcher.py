"""How a launch becomes a process: the one seam between the agent and whatever runs programs.

Any launcher starts the same shim, which claims the run directory before the app begins and leaves the exit status in
it. The files are the record; the process is a hint.
"""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from taskspec.errors import LocalServerError
from taskspec.local.command import plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The claim comes first and is atomic: whoever starts this twice runs the app once (noclobber opens with O_EXCL; mkdir
# would be one process more). The trap keeps the shim alive when the whole group is asked to stop, while the app gets
# the signal's ordinary meaning. The last line takes along what the app left running in its group, as the end of a
# container would.
SHIM = """
set -C
{ printf '%s\\n' "$$" >"$1/claim"; } 2>/dev/null || exit 0
trap : HUP INT TERM
exit=$1/exit
cd "$2" && shift 2 && "$@"
printf '%s\\n' "$?" >"$exit"
kill -KILL 0
"""
_RESET = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class RunDir:
    """The files of one attempt."""

    path: Path

    @property
    def stdout(self) -> Path:
        return self.path / "stdout.log"

    @property
    def stderr(self) -> Path:
        return self.path / "stderr.log"

    @property
    def is_claimed(self) -> bool:
        return (self.path / "claim").exists()

    @property
    def claimant(self) -> int | None:
        """The pid of the shim that holds the claim, once it has written it down."""
        return _read_number(self.path / "claim")

    @property
    def exit_status(self) -> int | None:
        return _read_number(self.path / "exit")

    def claim(self) -> bool:
        """Take the claim so that no shim can; False when one has it already."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "claim").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt, ready to run."""

    run_dir: RunDir
    work_dir: Path
    command: str
    environment: Mapping[str, str]
    # What the reader of the log should know before the app says anything.
    notes: tuple[str, ...] = ()


class Launcher(Protocol):
    def start(self, job: Job) -> int:
        """Start the shim and return the pid of its group. Raises LocalServerError when nothing was started."""


class ProcessLauncher:
    """Runs launches as processes of this machine, each in a session of its own."""

    def __init__(self) -> None:
        self._bash = shutil.which("bash")

    def start(self, job: Job) -> int:
        if self._bash is None:
            raise LocalServerError("no bash on this machine", remedy="install bash: apps are started through it")
        run = job.run_dir
        run.path.mkdir(mode=0o700, exist_ok=True)
        words = plain_words(job.command, job.environment.get("PATH", os.defpath)) or [self._bash, "-c", job.command]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            # Not subprocess.Popen: its object insists on being waited for, and these processes may outlive us.
            return os.posix_spawn(
                self._bash,
                ["bash", "-c", SHIM, "taskspec-launch", str(run.path), str(job.work_dir), *words],
                job.environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(run.stdout), append, 0o600),
                    (os.POSIX_SPAWN_OPEN, 2, str(run.stderr), append, 0o600),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=_RESET,
            )
        except (OSError, ValueError) as error:
            # ValueError: a NUL in a value; E2BIG: more environment than the kernel takes.
            raise LocalServerError(
                f"the app's process cannot be started: {error}", remedy="make the params smaller, or pass a file"
            ) from None


def _read_number(path: Path) -> int | None:
    """A number with its newline; without it the file is still being written and does not count."""
    try:
        text = path.read_text()
        return int(text) if text.endswith("\n") else None
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
