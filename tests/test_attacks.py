"""Specs made to hurt: each is read in a process with little time and memory, and gives a plan or diagnostics.

tests/cases/attacks/<attack>.yaml. Nothing is run and nothing outside is shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskspec.cli.main import run

CASES = Path(__file__).parent / "cases" / "attacks"
CPU_SECONDS = 20
WALL_SECONDS = 60
MEMORY = 700 * 2**20
"""More than this process has already; a spec of a few megabytes needs a part of it."""


@dataclass(frozen=True)
class End:
    """How a process ended: its exit code, or minus the signal that killed it, and what it said."""

    code: int
    said: str


def confined(arguments: list[str], output: Path) -> End:
    """Run a command line in a process of its own, with a limit to its time and its memory."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            with output.open("w", encoding="utf-8") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - this process ends below
                sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
                signal.alarm(WALL_SECONDS)
                resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
                code = int(run(arguments))
                sys.stdout.flush()
                sys.stderr.flush()
        except BaseException:
            with contextlib.suppress(BaseException):
                traceback.print_exc()
                sys.stderr.flush()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return End(os.waitstatus_to_exitcode(status), output.read_text(encoding="utf-8", errors="replace"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an app, and with links and pipes that an attack may name."""
    folder = tmp_path / "project"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "config.json").write_text(json.dumps({"name": "app"}))
    (folder / "link_to_etc").symlink_to("/etc")
    (folder / "loop").symlink_to("loop")
    (folder / "pipe_as_config").mkdir()
    os.mkfifo(folder / "pipe_as_config" / "config.json")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return folder


def check(here: Path, tmp_path: Path, command: list[str]) -> None:
    end = confined([*command, "spec.yaml"], tmp_path / "said.txt")
    assert end.code in (0, 3), end
    assert end.code == 0 or "Error" in end.said
    assert "Traceback" not in end.said
    assert " object at 0x" not in end.said
    assert "<class" not in end.said
    assert "root:x:0" not in end.said
    assert not [c for c in end.said if not c.isprintable() and c not in "\n"], "control characters reach the terminal"
    assert len(end.said) < 3_000_000
    assert not (here / "ran").exists()


@pytest.mark.parametrize("command", [["validate"], ["plan", "--offline"]], ids=" ".join)
@pytest.mark.parametrize("attack", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_attack_gives_a_plan_or_diagnostics(here: Path, tmp_path: Path, attack: Path, command: list[str]) -> None:
    (here / "spec.yaml").write_bytes(attack.read_bytes())
    check(here, tmp_path, command)


@pytest.mark.parametrize("attack", ["escape_class", "grow_power", "yaml_python_tag", "secret_from_passwd"])
def test_an_attack_is_refused_and_not_only_survived(here: Path, tmp_path: Path, attack: str) -> None:
    (here / "spec.yaml").write_bytes((CASES / f"{attack}.yaml").read_bytes())
    assert confined(["validate", "spec.yaml"], tmp_path / "said.txt").code == 3
