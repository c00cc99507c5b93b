"""A rehearsal of a for_each over a result has one placeholder item, and runs every task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taskspec.cli.main import run
from taskspec.errors import ExitCode

SPEC = """
taskspec: 1
name: rehearsed
tasks:
  import:
    module: owner/app
    version: v1
    results: {folders: "{{ launch.output.folders }}"}
  train:
    module: owner/app
    version: v1
    for_each: "{{ tasks.import.results.folders }}"
    results: {map: "{{ launch.output.map }}"}
  compare:
    module: owner/app
    version: v1
    params: {best: "{{ tasks.train | map(attribute='results.map') | max }}"}
"""


def test_a_for_each_over_a_result_is_played_with_one_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(["apply", "spec.yaml", "--rehearse", "--json"]) == ExitCode.DONE
    events = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    outcomes = {task["address"]: task["outcome"] for task in events[-1]["tasks"]}
    assert outcomes == dict.fromkeys(["import", "train[1]", "compare"], "succeeded")
