"""Whole messages for everything an author can get wrong: tests/cases/errors/<case>/{spec.yaml, stderr.txt, exit.txt}.

`command.txt` holds the command line where it is not `validate spec.yaml`. A large spec comes from large_specs.py. A
case runs in a copy of its folder, so that paths in messages are relative and nothing is left behind.
`pytest tests/test_error_cases.py --update-cases` rewrites what is expected; the difference is then reviewed.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskspec.cli.main import run
from tests import large_specs

CASES = Path(__file__).parent / "cases" / "errors"


@dataclass(frozen=True)
class Outcome:
    code: int
    stderr: str


def outcome(case: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> Outcome:
    """What a person sees; the only thing changed is the name of the temporary folder."""
    command = case / "command.txt"
    arguments = shlex.split(command.read_text()) if command.exists() else ["validate", "spec.yaml"]
    code = int(run(arguments))
    return Outcome(code, capsys.readouterr().err.replace(str(here), "<here>"))


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_the_message_is_the_expected_one(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], update_cases: bool
) -> None:
    here = tmp_path / "here"
    shutil.copytree(case, here)
    if case.name in large_specs.ERRORS:
        (here / "spec.yaml").write_text(large_specs.ERRORS[case.name])
    monkeypatch.chdir(here)
    seen = outcome(case, here, capsys)
    if update_cases:
        (case / "stderr.txt").write_text(seen.stderr)
        (case / "exit.txt").write_text(f"{seen.code}\n")
    assert seen == Outcome(int((case / "exit.txt").read_text()), (case / "stderr.txt").read_text())


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_no_mistake_of_an_author_is_a_bug_of_ours(case: Path) -> None:
    """A rewritten expectation cannot make a traceback or a silent failure acceptable."""
    code, stderr = int((case / "exit.txt").read_text()), (case / "stderr.txt").read_text()
    assert code in (0, 3)
    assert stderr.startswith(("Error", "Usage", "Warning")) or code == 0
    assert "bug in taskspec" not in stderr
    assert "<taskspec." not in stderr
    assert " object at 0x" not in stderr
