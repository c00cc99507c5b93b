"""Run before an app: make its virtual environment from requirements.txt, once; whoever comes meanwhile waits.

    python -I appenv.py ENVIRONMENT REQUIREMENTS

A program of the standard library alone, started by its path, so that nothing of the app's own folder gets in between.
It runs as a part of the app's process: its output is the app's log, a stop ends it, and a new server adopts it.
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
    """0 when the environment stands; anything else, with the reason on stderr, when it does not."""
    folder, requirements = Path(arguments[0]), Path(arguments[1])
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / READY).exists():
            return 0
        return _make(folder, requirements)


def _make(folder: Path, requirements: Path) -> int:
    sys.stdout.write(f"installing {requirements.name} into a virtual environment of its own\n")
    sys.stdout.flush()
    shutil.rmtree(folder, ignore_errors=True)  # what was left half made
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", str(requirements)]
    for command in ([sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "python"), *install]):
        code = _run(command, requirements.parent)
        if code != 0:
            # The words that an app's own dialog would use; they become the error of the launch.
            sys.stderr.write(f"Error title: {requirements.name} cannot be installed\n")
            return code if code > 0 else 128 - code
    (folder / READY).touch()
    return 0


def _run(command: list[str], folder: Path) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
