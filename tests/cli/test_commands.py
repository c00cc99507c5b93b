"""What commands print, and where: results on standard output, progress and trouble on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from taskspec.specfile.schema import load_schema

from .conftest import Command

Write = Callable[[str], Path]
ESCAPE = "\x1b["
PLAN, EVENT = (Draft7Validator(load_schema(name)) for name in ("plan", "events"))
TWO = """
    tasks:
      first:
        module: ./good
        params: {lr: 0.2}
        results: {id: "{{ launch.id }}", greeting: "{{ launch.status }}"}
      second:
        module: ./good
        depends_on: first
    results:
      id: "{{ tasks.first.results.id }}"
      said: "{{ tasks.first.results.greeting }}"
"""


def test_an_apply_puts_its_result_on_stdout_and_its_progress_on_stderr(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    result = taskspec("apply", "spec.yaml")
    assert result.code == 0
    assert "Plan: 2 to start." in result.out
    assert "Applied: 2 succeeded in" in result.out
    assert "said = finished" in result.out
    assert "first: started launch" in result.err
    assert "second: succeeded" in result.err
    assert "started launch" not in result.out
    assert "Plan:" not in result.err


def test_a_plan_touches_nothing(taskspec: Command, spec: Write, folder: Path) -> None:
    spec(TWO)
    before = sorted(folder.rglob("*"))
    assert taskspec("plan", "spec.yaml").err == ""
    assert sorted(folder.rglob("*")) == before


def test_a_plan_made_twice_is_the_same_to_the_byte(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    for flags in ([], ["--json"], ["--full"]):
        assert taskspec("plan", "spec.yaml", *flags) == taskspec("plan", "spec.yaml", *flags)
    taskspec("apply", "spec.yaml")
    assert taskspec("plan", "spec.yaml", "--json") == taskspec("plan", "spec.yaml", "--json")


def test_a_plan_as_json_fits_its_schema(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    first = json.loads(taskspec("plan", "spec.yaml", "--json").out)
    taskspec("apply", "spec.yaml")
    second = json.loads(taskspec("plan", "spec.yaml", "--json").out)
    for plan in (first, second):
        PLAN.validate(plan)
    assert (first["has_changes"], second["has_changes"]) == (True, False)
    assert second["results"]["said"] == "finished"


@pytest.mark.parametrize("module", ["./good", "./bad"])
def test_an_apply_as_json_is_one_event_a_line_and_nothing_else(taskspec: Command, spec: Write, module: str) -> None:
    spec(f"tasks: {{a: {{module: {module}}}, b: {{module: ./good, depends_on: a}}}}")
    result = taskspec("apply", "spec.yaml", "--json")
    assert (result.code, result.err) == (int(module == "./bad"), "")
    events = [json.loads(line) for line in result.out.splitlines()]
    for event in events:
        EVENT.validate(event)
    assert (events[0]["type"], events[-1]["type"]) == ("run_began", "run_ended")
    assert sorted(task["address"] for task in events[-1]["tasks"]) == ["a", "b"]


def test_a_run_id_is_the_same_in_the_events_and_in_the_list_of_runs(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    began = json.loads(taskspec("apply", "spec.yaml", "--json").out.splitlines()[0])
    runs = json.loads(taskspec("runs", "spec.yaml", "--json").out)["runs"]
    assert [run["run"] for run in runs] == [began["run"]]
    assert runs[0]["counts"] == {"succeeded": 2}
    assert began["run"] in taskspec("runs", "spec.yaml").out


def test_the_newest_run_comes_first(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    ids = [json.loads(taskspec("apply", "spec.yaml", "--json").out.splitlines()[0])["run"] for _ in range(2)]
    shown = [line.split()[0] for line in taskspec("runs", "spec.yaml").out.splitlines()]
    assert shown == ids[::-1]


def test_without_a_terminal_there_is_no_colour_and_a_user_may_force_it(
    taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(TWO)
    assert ESCAPE not in taskspec("plan", "spec.yaml").out
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert ESCAPE not in taskspec("plan", "spec.yaml").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE in taskspec("plan", "spec.yaml").out
    assert ESCAPE not in taskspec("plan", "spec.yaml", "--no-color").out
    assert ESCAPE not in taskspec("plan", "spec.yaml", "--json").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in taskspec("plan", "spec.yaml").out


def test_no_colour_in_errors_either(taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    spec("tasks: {a: {module: ./nowhere}}")
    assert ESCAPE not in taskspec("plan", "spec.yaml").err


def test_a_big_plan_is_shortened_unless_all_of_it_is_asked_for(taskspec: Command, spec: Write) -> None:
    spec("tasks: {cell: {module: ./good, for_each: " + json.dumps(list(range(31))) + "}}")
    short, full = taskspec("plan", "spec.yaml").out, taskspec("plan", "spec.yaml", "--full").out
    assert short.count("+ cell[") == full.count("+ cell[") == 31
    assert "params.lr" not in short
    assert full.count("params.lr: 0.1") == 31


def test_c_changes_the_folder_first(
    taskspec: Command,
    spec: Write,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    spec(TWO)
    there = taskspec("plan", "spec.yaml")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert taskspec("-C", str(folder), "plan", "spec.yaml") == there
    assert Path.cwd() == folder


def test_without_a_name_the_spec_is_the_taskspec_yaml_of_the_folder(taskspec: Command, spec: Write) -> None:
    spec(TWO).rename("taskspec.yaml")
    assert "Plan: 2 to start." in taskspec("plan").out


def test_results_are_those_of_the_last_launches(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    assert "not known yet" in taskspec("results", "spec.yaml").out
    assert taskspec("results", "spec.yaml", "--name", "said").code == 3
    taskspec("apply", "spec.yaml")
    assert taskspec("results", "spec.yaml", "--name", "said").out == "finished\n"
    assert taskspec("results", "spec.yaml", "--name", "first.greeting").out == "finished\n"
    assert taskspec("results", "spec.yaml", "--name", "said", "--json").out == '"finished"\n'
    document = json.loads(taskspec("results", "spec.yaml", "--json").out)
    assert document["results"]["said"] == "finished"
    assert document["tasks"]["first"]["greeting"] == "finished"
    assert "sadi" in taskspec("results", "spec.yaml", "--name", "sadi").err


def test_status_tells_what_was_launched_and_what_left_the_spec(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    assert taskspec("status", "spec.yaml").out == "Nothing was launched yet.\n"
    taskspec("apply", "spec.yaml")
    spec("tasks: {first: {module: ./good}}")
    result = taskspec("status", "spec.yaml").out
    assert "first   succeeded" in result
    assert "no longer in the spec" in result
    document = json.loads(taskspec("status", "spec.yaml", "--json").out)
    assert {task["address"]: task["in_spec"] for task in document["tasks"]} == {"first": True, "second": False}


def test_logs_are_those_of_the_last_launch(taskspec: Command, spec: Write) -> None:
    spec("tasks: {first: {module: ./good}, cell: {module: ./bad, for_each: [a b]}}")
    taskspec("apply", "spec.yaml")
    assert "hello" in taskspec("logs", "spec.yaml", "first").out
    assert "sorry" in taskspec("logs", "spec.yaml", "cell[a b]", "--follow").out
    assert taskspec("logs", "spec.yaml", "first", "--tail", "0").out == ""
    lines = taskspec("logs", "spec.yaml", "first", "--json").out.splitlines()
    assert any(json.loads(line)["message"] == "hello" for line in lines)


def test_stop_stops_what_runs_and_says_so(taskspec: Command, spec: Write, folder: Path) -> None:
    spec("tasks: {only: {module: ./good}}")
    assert taskspec("stop", "spec.yaml").out == "Nothing was launched yet.\n"
    taskspec("apply", "spec.yaml")
    assert taskspec("stop", "spec.yaml").out == "Nothing is running.\n"
    wrong = taskspec("stop", "spec.yaml", "nobody")
    assert wrong.code == 3
    assert "nobody" in wrong.err


@pytest.mark.parametrize("kind", ["text", "dot", "mermaid", "json"])
def test_the_graph_is_drawn_without_a_server(
    taskspec: Command, spec: Write, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKSPEC_HOME", "/dev/null/nowhere")
    spec(TWO)
    result = taskspec("graph", "spec.yaml", "--format", kind)
    assert result.code == 0
    assert "first" in result.out
    assert "second" in result.out


def test_validate_needs_no_server(taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKSPEC_HOME", "/dev/null/nowhere")
    spec(TWO)
    assert taskspec("validate", "spec.yaml").out == "spec.yaml is valid: 2 tasks, 2 to launch at most.\n"
    assert json.loads(taskspec("validate", "spec.yaml", "--json").out) == {"valid": True, "problems": []}
    spec("tasks: {a: {module: ./good, colr: red}}")
    result = taskspec("validate", "spec.yaml", "--json")
    assert result.code == 3
    problem = json.loads(result.out)["problems"][0]
    assert (problem["place"]["line"], problem["severity"]) == (3, "error")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(taskspec: Command, shell: str) -> None:
    assert "_TASKSPEC_COMPLETE" in taskspec("completion", shell).out


def test_the_server_tells_where_it_is(taskspec: Command, folder: Path, shared_home: Path) -> None:
    assert taskspec("server", "start").out.startswith("The local server runs at http://127.0.0.1:")
    assert f"Home: {shared_home}/server" in taskspec("server", "status").out


def test_a_selection_reaches_the_plan(taskspec: Command, spec: Write) -> None:
    spec(TWO)
    assert "Plan: 1 to start." in taskspec("plan", "spec.yaml", "--target", "first").out
    assert "Plan: 1 to start." in taskspec("plan", "spec.yaml", "--exclude", "second").out
    taskspec("apply", "spec.yaml")
    assert "Plan: 1 to rerun, 1 to keep." in taskspec("plan", "spec.yaml", "--rerun", "second").out


def test_variables_reach_the_spec(
    taskspec: Command, spec: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec("variables: {lr: {type: number}}\ntasks: {only: {module: ./good, params: {lr: '{{ var.lr }}'}}}")
    (folder / "values.yaml").write_text("lr: 0.3\n")
    assert "params.lr: 0.2" in taskspec("plan", "spec.yaml", "--var", "lr=0.2").out
    assert "params.lr: 0.3" in taskspec("plan", "spec.yaml", "--var-file", "values.yaml").out
    monkeypatch.setenv("TASKSPEC_VAR_lr", "0.4")
    assert "params.lr: 0.4" in taskspec("plan", "spec.yaml").out
    monkeypatch.delenv("TASKSPEC_VAR_lr")
    assert taskspec("plan", "spec.yaml").code == 3


def test_a_version_that_does_not_exist_is_reported_with_those_that_do(
    taskspec: Command, spec: Write, folder: Path
) -> None:
    added = taskspec("server", "modules", "add", str(folder / "good"), "--slug", "me/good", "--version", "v1.0.0")
    assert added.code == 0
    result = taskspec("plan", str(spec("tasks: {a: {module: me/good, version: v1.0.1}}")))
    assert result.code == 3
    assert 'has no release "v1.0.1"' in result.err
    assert 'Did you mean "v1.0.0"?' in result.err
