"""The main job on real input: the quickstart, applied over the wire, applied again, changed, and looked at."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_project import ExampleProject

SPEC = "examples/specs/quickstart.yaml"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleProject]:
    place = ExampleProject(tmp_path_factory.mktemp("quickstart"))
    yield place
    place.taskspec("server", "stop")


@pytest.fixture(scope="module")
def applied(place: ExampleProject) -> subprocess.CompletedProcess[str]:
    return place.taskspec("apply", SPEC)


def actions(place: ExampleProject, *arguments: str) -> dict[str, str]:
    plan = json.loads(place.taskspec("plan", SPEC, "--json", *arguments).stdout)
    return {task["address"]: f"{task['action']}: {task['reason']}" for task in plan["tasks"]}


def test_apply_launches_everything_and_leaves_a_page_to_look_at(
    place: ExampleProject, applied: subprocess.CompletedProcess[str]
) -> None:
    assert applied.returncode == 0, applied.stderr
    assert "Applied: 4 succeeded" in applied.stdout
    page = Path(place.taskspec("results", SPEC, "--name", "page").stdout.strip())
    html = page.read_text(encoding="utf-8")
    assert "knn-1" in html
    assert "<svg" in html


def test_results_flow_from_task_to_task(place: ExampleProject, applied: subprocess.CompletedProcess[str]) -> None:
    results = json.loads(place.taskspec("results", SPEC, "--json").stdout)
    assert set(results["tasks"]) == {"import", "train[1]", "train[7]", "report"}
    assert results["results"]["accuracy"] == [
        results["tasks"]["train[1]"]["accuracy"],
        results["tasks"]["train[7]"]["accuracy"],
    ]
    assert all(accuracy > 0.8 for accuracy in results["results"]["accuracy"])


def test_a_second_apply_keeps_everything_and_starts_nothing(
    place: ExampleProject, applied: subprocess.CompletedProcess[str]
) -> None:
    before = json.loads(place.taskspec("status", SPEC, "--json").stdout)
    again = place.taskspec("apply", SPEC)
    assert again.returncode == 0
    assert again.stdout.rstrip().endswith("Plan: nothing to do, 4 to keep.")
    assert json.loads(place.taskspec("status", SPEC, "--json").stdout) == before


def test_a_changed_param_reruns_the_task_and_what_needs_it(
    place: ExampleProject, applied: subprocess.CompletedProcess[str]
) -> None:
    assert actions(place, "--var", "images=400") == {
        "import": "rerun: inputs_changed",
        "train[1]": "rerun: upstream_reruns",
        "train[7]": "rerun: upstream_reruns",
        "report": "rerun: upstream_reruns",
    }
    assert "params.count: 800 → 400" in place.taskspec("plan", SPEC, "--var", "images=400").stdout


def test_a_new_item_starts_one_launch_and_what_joins_it(
    place: ExampleProject, applied: subprocess.CompletedProcess[str]
) -> None:
    assert actions(place, "--var", "neighbours=[1, 3, 7]") == {
        "import": "keep: unchanged",
        "train[1]": "keep: unchanged",
        "train[3]": "start: never_launched",
        "train[7]": "keep: unchanged",
        "report": "rerun: upstream_reruns",
    }


def test_the_output_is_published_on_the_launch(
    place: ExampleProject, applied: subprocess.CompletedProcess[str]
) -> None:
    logs = place.taskspec("logs", SPEC, "report")
    assert "best: knn-" in logs.stdout
    status = json.loads(place.taskspec("status", SPEC, "--json").stdout)
    assert {task["outcome"] for task in status["tasks"]} == {"succeeded"}


def test_nothing_of_ours_is_left_running(place: ExampleProject, applied: subprocess.CompletedProcess[str]) -> None:
    assert place.taskspec("stop", SPEC).stdout.strip() == "Nothing is running."


def test_the_graph_and_the_runs_can_be_seen(place: ExampleProject, applied: subprocess.CompletedProcess[str]) -> None:
    assert place.taskspec("graph", SPEC).stdout.splitlines()[-1].startswith("  report  ←")
    assert "4 succeeded" in place.taskspec("runs", SPEC).stdout
