"""taskspec and the vendor's SDK fit into one environment: pip finds versions for both."""

from __future__ import annotations

import subprocess
from pathlib import Path

IMPORTS = "import supervisely, taskspec.cli.main, taskspec.api, taskspec.specfile.schema, taskspec.local.http.http_app"


def test_both_are_imported_by_one_interpreter(sdk_python: Path, home: Path) -> None:
    done = subprocess.run([sdk_python, "-P", "-c", IMPORTS], capture_output=True, text=True, check=False, cwd=home)
    assert done.returncode == 0, done.stderr


def test_no_requirement_of_either_is_broken(sdk_python: Path) -> None:
    done = subprocess.run([sdk_python, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert "taskspec" not in done.stdout, done.stdout
    assert "supervisely" not in done.stdout, done.stdout
