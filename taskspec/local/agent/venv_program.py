"""Make the virtual environment of an app from requirements.txt. Runs before the app, once per environment.

Usage: `python -I venv_program.py ENVIRONMENT REQUIREMENTS`.

Uses only the standard library. It is started by its path, so that no module of the app's folder is imported. A second
process waits for the first one. The program runs in the app's process group. Its output is part of the app's log, a
stop ends it, and a new server adopts it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

READY = "taskspec-ready"


def main(arguments: list[str]) -> int:
    """Return 0 when the environment is ready. Otherwise the reason is on stderr."""
    folder, requirements = Path(arguments[0]), Path(arguments[1])
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / READY).exists():
            return 0
        return _make(folder, requirements)


def _make(folder: Path, requirements: Path) -> int:
    sys.stdout.write(f"installing {requirements.name} into a virtual environment of its own\n")
    sys.stdout.flush()
    shutil.rmtree(folder, ignore_errors=True)  # an earlier attempt may have left a part
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", str(requirements)]
    for command in ([sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "python"), *install]):
        code = _run(command, requirements.parent)
        if code != 0:
            # The format of an app's own error dialog: the agent makes it the error of the launch.
            sys.stderr.write(f"Error title: {requirements.name} cannot be installed\n")
            return code if code > 0 else 128 - code
    (folder / READY).touch()
    return 0


def _run(command: list[str], folder: Path) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
