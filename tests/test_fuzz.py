"""The short form of benchmarks/fuzz.py: a hundred inputs of each kind, and a bug that is seen when there is one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parent.parent / "benchmarks" / "fuzz.py"


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TASKSPEC_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("kind", ["trees", "grafts", "lines", "expressions", "raw", "others"])
def test_whatever_a_spec_holds_it_is_answered_with_a_documented_exit_code(
    fuzz: ModuleType, tmp_path: Path, kind: str
) -> None:
    tally = fuzz.play(kind, 0, 100, 20, 60.0, tmp_path / "kept")
    assert tally.offences == []
    assert tally.inputs == 100


def test_sound_parts_put_together_are_accepted_now_and_then(fuzz: ModuleType, tmp_path: Path) -> None:
    """Else nothing behind the first checks would ever be reached."""
    assert fuzz.play("grafts", 0, 100, 20, 60.0, tmp_path).accepted >= 5


@pytest.mark.parametrize("error", [RecursionError, MemoryError, SystemExit, AssertionError])
def test_a_bug_is_an_offence_and_what_caused_it_is_kept(
    fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(_: Sequence[str]) -> int:
        raise error("lemons")

    monkeypatch.setattr(fuzz, "run", broken)
    tally = fuzz.play("raw", 7, 1, 1, 60.0, tmp_path / "kept")
    assert tally.offences == [f"{tmp_path / 'kept' / 'raw-7'}: {error.__name__}: lemons"]
    assert (tmp_path / "kept" / "raw-7" / "spec.yaml").is_file()


def test_the_same_seed_gives_the_same_inputs(fuzz: ModuleType) -> None:
    for make in fuzz.KINDS.values():
        assert make(fuzz.random.Random("1/x")) == make(fuzz.random.Random("1/x"))
