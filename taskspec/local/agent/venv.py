"""The virtual environment of an app: one for each content of requirements.txt and each Python.

Facts: wire protocol, section 4.2 (where a real agent looks for the file).
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from taskspec.local.agent import venv_program
from taskspec.local.agent.launcher import Job

FILE = "requirements.txt"


@dataclass(frozen=True, slots=True)
class VirtualEnvironments:
    """The virtual environments of one server."""

    folder: Path

    def install(self, job: Job, config_dir: str) -> Job:
        """Return the job in its environment, which the job itself makes. Without requirements, return the job."""
        found = _find(job.work_dir, config_dir)
        if found is None:
            return job
        place = self.folder / _digest(found)
        maker = shlex.join([sys.executable, "-I", str(Path(venv_program.__file__)), str(place), str(found)])
        path = os.pathsep.join([str(place / "bin"), job.environment.get("PATH", os.defpath)])
        return replace(
            job,
            command=f"{maker} || exit\n{job.command}",
            environment={**job.environment, "PATH": path, "VIRTUAL_ENV": str(place)},
        )


def _find(root: Path, config_dir: str) -> Path | None:
    """Look in the folder of the config first, then in the root of the repository."""
    places = [root / config_dir / FILE, root / FILE]
    return next((path for path in places if path.is_file() and path.read_bytes().strip()), None)


def _digest(requirements: Path) -> str:
    python = f"{sys.executable}\0{sys.version}\0".encode()
    return hashlib.sha256(python + requirements.read_bytes()).hexdigest()[:16]
