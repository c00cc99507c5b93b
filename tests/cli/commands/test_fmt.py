"""taskspec fmt: what is written, what is only said, and what stays untouched."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from taskspec.cli.main import run

MESSY, NEAT = "a:    'x'   # c\n", "a: x  # c\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "taskspec.yaml"
    path.write_text(MESSY, encoding="utf-8")
    return path


def test_a_file_is_rewritten_and_named_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "taskspec.yaml"]) == 0
    assert (file.read_text(), capsys.readouterr().out) == (NEAT, "taskspec.yaml\n")
    assert run(["fmt"]) == 0
    assert capsys.readouterr().out == ""


def test_check_writes_nothing_and_fails(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "--check", "taskspec.yaml"]) == 3
    assert (file.read_text(), capsys.readouterr().out) == (MESSY, "taskspec.yaml\n")
    file.write_text(NEAT)
    assert run(["fmt", "--check"]) == 0


def test_diff_shows_both_sides_and_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", "--diff"]) == 0
    out = capsys.readouterr().out
    assert "-a:    'x'   # c\n+a: x  # c\n" in out
    assert file.read_text() == MESSY
    assert run(["fmt", "--diff", "--check"]) == 3


def test_the_mode_stays_and_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    assert run(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert (file.read_text(), file.stat().st_mode & 0o777) == (NEAT, 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "taskspec.yaml"]


def test_one_wrong_file_keeps_no_other_from_being_formatted(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("a: [1\n")
    assert run(["fmt", "wrong.yaml", "taskspec.yaml"]) == 3
    assert "TS101" in capsys.readouterr().err
    assert (file.read_text(), wrong.read_text()) == (NEAT, "a: [1\n")


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MESSY.encode())))
    assert run(["fmt", "-"]) == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == NEAT.encode()


def test_a_missing_file_is_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fmt", str(tmp_path / "nowhere.yaml")]) == 3
    assert "cannot be read" in capsys.readouterr().err
