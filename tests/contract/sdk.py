"""The vendor's SDK for tests: an interpreter that has it, and a process that makes the calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("sdk_driver.py")
OWN_ENVIRONMENT = REPOSITORY / ".venv-sdk"
# Read at import: later every test has its own home, and no TASKSPEC_ variable.
ENVIRON = dict(os.environ)
# The environment must have taskspec too.
_VERSION = (
    "from importlib import metadata, util; assert util.find_spec('taskspec'); print(metadata.version('supervisely'))"
)


def pinned() -> str:
    """Return the pinned requirement of the SDK."""
    content = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    (requirement,) = content["dependency-groups"]["compat"]
    return str(requirement)


def version_of(python: Path) -> str | None:
    """Return the SDK's version in an interpreter with taskspec, without the slow import of the SDK."""
    if not python.exists():
        return None
    asked = subprocess.run([python, "-P", "-c", _VERSION], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None


def build(environ: Mapping[str, str]) -> Path:
    """Make an environment with the SDK and taskspec, resolved together. About 850 MB, made once."""
    venv.create(OWN_ENVIRONMENT, with_pip=True)
    python = OWN_ENVIRONMENT / "bin" / "python"
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        pinned(),
        "-e",
        str(REPOSITORY),
    ]
    subprocess.run(command, check=True, env=dict(environ), stdin=subprocess.DEVNULL, stdout=sys.stderr)
    return python


class SdkError(Exception):
    """An exception of the SDK: the name of its class, and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class Sdk:
    """A process with one `sly.Api`. `progress` has the arguments of the last call's progress callback."""

    def __init__(self, python: Path, environ: Mapping[str, str], complaints: Path) -> None:
        self.progress: list[int] = []
        self._complaints = complaints.open("w+")
        # -P: modules in the folder of the driver must not be imported.
        self._process = subprocess.Popen(
            [python, "-P", DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=dict(environ),
            start_new_session=True,
        )
        self.version = str(self._read()["value"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def __call__(self, call: str, *args: Any, **kwargs: Any) -> Any:
        """`sdk("task.get_status", 7)` calls `api.task.get_status(7)` in the process. Raises SdkError for its errors."""
        return self.ask(call, args=args, kwargs=kwargs)

    def ask(self, call: str, **more: Any) -> Any:
        """Call with `then` (methods of the answer) and `environ` (for this call only)."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": call, **more}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        self.progress = answer["progress"]
        if "error" in answer:
            raise SdkError(answer["error"]["type"], answer["error"]["text"])
        return answer["value"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise AssertionError(f"the process with the SDK has ended:\n{self._complaints.read()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def status(word: str) -> dict[str, str]:
    """Refer to a member of an enum of the SDK in an argument."""
    return {"$status": word}


PROGRESS = {"$progress": True}
"""The progress callback, as an argument."""
