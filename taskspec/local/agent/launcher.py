"""Start the process of a launch: a shim, which runs the app.

The shim claims the run directory before the app starts and writes the exit status into it. The agent trusts these files
more than the process.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from taskspec.errors import LocalServerError
from taskspec.local.agent.command import plain_words

# The claim comes first and is atomic, so two shims run the app once (noclobber opens with O_EXCL; mkdir would need one
# more process). The trap keeps the shim alive when its group receives a stop signal; the app gets the default handler.
# The last line kills what the app left running in its group, as the end of a container does.
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
_find_once = cache(shutil.which)


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
        """The pid of the shim that holds the claim, once the shim has written it."""
        return _read_number(self.path / "claim")

    @property
    def exit_status(self) -> int | None:
        return _read_number(self.path / "exit")

    def claim(self) -> bool:
        """Take the claim so that no shim can. Return False when a shim already has it."""
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
    # Lines for the log, before the output of the app.
    notes: tuple[str, ...] = ()


def start(job: Job) -> int:
    """Start the shim in a new session. Return its pid. Raises LocalServerError when no process was started."""
    bash = _find_once("bash")
    if bash is None:
        raise LocalServerError(
            "bash is not installed on this machine", remedy="install bash: apps are started through it"
        )
    run = job.run_dir
    run.path.mkdir(mode=0o700, exist_ok=True)
    words = plain_words(job.command, job.environment.get("PATH", os.defpath)) or [bash, "-c", job.command]
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        # Not subprocess.Popen: a Popen object must be waited for, and these processes may outlive the server.
        return os.posix_spawn(
            bash,
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
        # ValueError: a NUL in a value. E2BIG: the environment is too large for the kernel.
        raise LocalServerError(
            f"the app's process cannot be started: {error}", remedy="make the params smaller, or pass a file"
        ) from None


def _read_number(path: Path) -> int | None:
    """Read a number with its newline. Without the newline, the file is still being written."""
    try:
        text = path.read_text()
        return int(text) if text.endswith("\n") else None
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
