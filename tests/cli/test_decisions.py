"""What conditions, clean-up and failing fast mean for exit codes and for what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command

Write = Callable[[str], Path]

CONDITIONAL = """
    variables: {deploy: {type: boolean, default: false}}
    tasks:
      train: {module: ./good}
      deploy: {module: ./good, depends_on: train, when: "{{ var.deploy }}"}
"""


def test_a_run_with_nothing_but_successes_and_false_conditions_exits_with_0(taskspec: Command, spec: Write) -> None:
    spec(CONDITIONAL)
    result = taskspec("apply", "spec.yaml")
    assert result.code == 0
    assert "Applied: 1 succeeded, 1 skipped in" in result.out
    assert "deploy  its condition is false: {{ var.deploy }} with var.deploy = false" in result.out
    assert "deploy: skipped: its condition is false" in result.err
    again = taskspec("plan", "spec.yaml", "--detailed-exitcode")
    assert again.code == 0
    assert "Plan: nothing to do, 1 to keep, 1 to skip." in again.out


def test_a_condition_that_has_become_true_is_a_change(taskspec: Command, spec: Write) -> None:
    spec(CONDITIONAL)
    taskspec("apply", "spec.yaml")
    assert taskspec("plan", "spec.yaml", "--var", "deploy=true", "--detailed-exitcode").code == 2


CLEANED = """
    tasks:
      train: {module: ./APP}
      undo: {module: ./good, depends_on: train, run_on: failure}
      tidy: {module: ./TIDY, depends_on: train, run_on: always}
"""


@pytest.mark.parametrize(
    ("app", "tidy", "code", "counts"),
    [
        pytest.param("good", "good", 0, "2 succeeded, 1 skipped", id="all green"),
        pytest.param("bad", "good", 1, "2 succeeded, 1 failed", id="clean-up turns no red run green"),
        pytest.param("good", "bad", 1, "1 succeeded, 1 failed, 1 skipped", id="clean-up that fails turns it red"),
    ],
)
def test_clean_up_and_exit_codes(taskspec: Command, spec: Write, app: str, tidy: str, code: int, counts: str) -> None:
    spec(CLEANED.replace("APP", app).replace("TIDY", tidy))
    result = taskspec("apply", "spec.yaml")
    assert result.code == code
    assert f"Applied: {counts} in" in result.out


def test_after_a_green_run_clean_up_is_no_change(taskspec: Command, spec: Write) -> None:
    spec(CLEANED.replace("APP", "good").replace("TIDY", "good"))
    taskspec("apply", "spec.yaml")
    result = taskspec("plan", "spec.yaml", "--detailed-exitcode")
    assert result.code == 0
    assert "○ undo   only if something that it needs fails: nothing that it needs runs now" in result.out


FAST = """
    fail_fast: FAST
    tasks:
      fails: {module: ./bad}
      slow: {module: ./waiting}
      later: {module: ./good, depends_on: slow}
"""


@pytest.mark.parametrize(
    ("written", "flags", "later"),
    [
        ("true", (), "skipped"),
        ("false", (), "succeeded"),
        ("false", ("--fail-fast",), "skipped"),
        ("true", ("--keep-going",), "succeeded"),
    ],
)
def test_a_flag_decides_over_the_spec_whether_a_failure_ends_the_run(
    taskspec: Command, spec: Write, folder: Path, written: str, flags: tuple[str, ...], later: str
) -> None:
    # What opens the gate begins after the failure, and it is clean-up, so that no order is left to chance.
    (folder / "opening").mkdir()
    config = {"name": "Opening", "entrypoint": f"touch '{folder}/gate'"}
    (folder / "opening" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    opening = "      opens: {module: ./opening, depends_on: fails, run_on: failure}\n"
    spec(FAST.replace("FAST", written) + opening)
    result = taskspec("apply", "spec.yaml", "--json", *flags)
    assert result.code == 1
    report = json.loads(result.out.splitlines()[-1])
    ended = {task["address"]: task for task in report["tasks"]}
    assert ended["later"]["outcome"] == later
    assert ended["later"].get("reason") == ("fail_fast" if later == "skipped" else None)


def test_clean_up_that_needs_nothing_is_a_mistake(taskspec: Command, spec: Write) -> None:
    spec("tasks: {undo: {module: ./good, run_on: failure}}")
    result = taskspec("validate", "spec.yaml")
    assert result.code == 3
    assert "runs on failure and needs nothing" in result.err


def test_a_condition_that_is_no_truth_value_is_a_mistake(taskspec: Command, spec: Write) -> None:
    spec('tasks: {only: {module: ./good, when: "{{ 1 + 1 }}"}}')
    for command in ("validate", "plan"):
        result = taskspec(command, "spec.yaml")
        assert result.code == 3
        assert "a condition must be true or false, and this one is 2 (integer); compare it with something" in result.err


@pytest.mark.parametrize(
    ("ends", "code", "counts"), [("finished", 0, "2 succeeded, 1 skipped"), ("error", 1, "2 succeeded, 1 failed")]
)
def test_a_rehearsal_decides_too(
    taskspec: Command, spec: Write, folder: Path, ends: str, code: int, counts: str
) -> None:
    spec(CLEANED.replace("APP", "good").replace("TIDY", "good"))
    faults = f"taskspec_faults: 1\nlaunches:\n  - {{match: train, ends: {ends}}}\n"
    (folder / "faults.yaml").write_text(faults, encoding="utf-8")
    result = taskspec("apply", "spec.yaml", "--rehearse", "--faults", "faults.yaml")
    assert result.code == code
    assert f"Applied: {counts} in" in result.out
