"""`apply --rehearse`: its output, its faults, and that it changes nothing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from taskspec.cli.main import run
from taskspec.errors import ExitCode
from taskspec.specfile.schema import load_schema

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "rehearsal.md").read_text(encoding="utf-8")
SPEC = """
taskspec: 1
name: rehearsed
tasks:
  first:
    module: owner/app
    version: v1
    results: {project: "{{ launch.output.project.id }}"}
  second:
    module: owner/other
    version: v2
    params: {project: "{{ tasks.first.results.project }}"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outcomes(capsys: pytest.CaptureFixture[str], faults: str = "", *options: str) -> tuple[int, dict[str, str], str]:
    """Return exit code, outcomes by address, and the output."""
    if faults:
        Path("faults.yaml").write_text(f"taskspec_faults: 1\n{faults}", encoding="utf-8")
        options = ("--faults", "faults.yaml", *options)
    capsys.readouterr()
    code = run(["apply", "spec.yaml", "--rehearse", "--json", *options])
    result = capsys.readouterr().out
    events = [json.loads(text) for text in result.splitlines()]
    for event in events:
        Draft7Validator(load_schema("events")).validate(event)
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    return code, {task["address"]: task["outcome"] for task in events[-1]["tasks"]}, result


def test_everything_runs_and_nothing_is_touched(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = outcomes(capsys)
    assert (code, found) == (ExitCode.DONE, {"first": "succeeded", "second": "succeeded"})
    assert [path.name for path in folder.iterdir()] == ["spec.yaml"]
    assert not (home / "taskspec").exists()


def test_results_from_elsewhere_and_places_by_name_and_rule_are_played_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "spec.yaml").write_text(
        """
taskspec: 1
tasks:
  first:
    module: owner/app
    version: v1
    workspace: research
    agent: {gpu: required, name: gpu-*}
    settings: {users: [ann]}
    results:
      name: {value: "{{ launch.output.general.title }}", type: string}
      layers: {value: "{{ launch.fields.data.layers }}", type: list}
      map: "{{ launch.fields.data.map }}"
      weights: {file: {folder: "/models/{{ launch.id }}", match: "*.pt"}}
      project: {project: {name: "made by {{ launch.id }}"}}
    checks: [{assert: "{{ launch.files['/models/*.pt'] | length == 1 }}"}]
""",
        encoding="utf-8",
    )
    code, found, result = outcomes(capsys)
    assert (code, found) == (ExitCode.DONE, {"first": "succeeded"}), result


def test_the_same_seed_tells_the_same_story_and_another_seed_another(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def story(seed: str) -> str:
        assert run(["apply", "spec.yaml", "--rehearse", "--seed", seed]) == ExitCode.DONE
        return capsys.readouterr().out

    assert story("1") == story("1")
    assert story("1") != story("2")


@pytest.mark.parametrize(
    ("faults", "first", "says"),
    [
        ("launches: [{match: first, queued_for: 3h}]", "succeeded", '"queued"'),
        ("launches: [{match: first, queued_for: forever}]", "failed", "queued for more than 1d"),
        ("launches: [{match: first, consumed_for: forever}]", "failed", "starting for more than 2h"),
        ("launches: [{match: first, ends: error}]", "failed", "ended with status error"),
        ("launches: [{match: first, ends: stopped}]", "stopped", "stopped on the server"),
        ("launches: [{match: first, ends: error_output}]", "failed", "rehearsed error"),
        ("launches: [{match: first, ends: no_output}]", "failed", "project"),
        ("launches: [{match: first, output_after: 5s}]", "succeeded", "succeeded"),
        ("launches: [{match: first, output_after: 60s}]", "failed", "project"),
        ("launches: [{match: first, vanishes_after: 10s}]", "failed", "vanished"),
        ("launches: [{match: first, restarted: true}]", "succeeded", '"queued"'),
        ("launches: [{match: first, server_deadline: 10s}]", "failed", "it ran for too long"),
        ("launches: [{match: first, start_answer: lost}]", "succeeded", '"adopted": true'),
        ("launches: [{match: first, start_answer: 502_before}]", "succeeded", '"adopted": false'),
        ("launches: [{match: first, start_answer: 502_after}]", "succeeded", '"adopted": true'),
        ("launches: [{match: first, start_answer: truncated}]", "succeeded", '"adopted": true'),
        ("launches: [{match: first, start_answer: hang}]", "succeeded", '"adopted": true'),
        ("launches: [{match: first, start_answer: never_arrives}]", "succeeded", '"adopted": false'),
        ("launches: [{match: first, start_answer: twice}]", "succeeded", "started more than once"),
        ("launches: [{match: first, start_answer: too_many}]", "succeeded", '"adopted": false'),
        ("launches: [{match: first, start_answer: no_connection}]", "succeeded", '"adopted": false'),
        ("launches: [{match: first, start_late_by: 40s}]", "succeeded", '"adopted": true'),
        ("launches: [{match: first, start_refused: the agent is offline}]", "failed", "the agent is offline"),
        ("server: {list_lag: 50s}", "succeeded", "succeeded"),
        ("server: {status_500: 2}", "succeeded", "succeeded"),
        ("server: {page_shift: 2}", "succeeded", "succeeded"),
    ],
)
def test_each_fault_has_its_outcome(
    folder: Path, capsys: pytest.CaptureFixture[str], faults: str, first: str, says: str
) -> None:
    code, found, result = outcomes(capsys, faults)
    second = "succeeded" if first == "succeeded" else "skipped"
    assert found == {"first": first, "second": second}
    assert code == (ExitCode.DONE if first == "succeeded" else ExitCode.TASK_FAILED)
    assert says in result


def test_a_token_that_expires_ends_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("faults.yaml").write_text("taskspec_faults: 1\nserver: {token_expires_after: 20s}\n", encoding="utf-8")
    assert run(["apply", "spec.yaml", "--rehearse", "--faults", "faults.yaml"]) == ExitCode.CONNECTION
    assert "the token has expired" in capsys.readouterr().err


def test_a_slug_the_server_does_not_know_is_a_mistake_in_the_spec(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("faults.yaml").write_text("taskspec_faults: 1\nserver: {unknown_modules: [owner/app]}\n", encoding="utf-8")
    assert run(["apply", "spec.yaml", "--rehearse", "--faults", "faults.yaml"]) == ExitCode.SPEC
    assert "spec.yaml:6" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["taskspec_fault: 1", "taskspec_faults: 1\nlunches: []", "[1]"])
def test_what_is_wrong_with_a_whole_fault_script_is_said_of_the_fault_script(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    Path("faults.yaml").write_text(text, encoding="utf-8")
    assert run(["apply", "spec.yaml", "--rehearse", "--faults", "faults.yaml"]) == ExitCode.SPEC
    result = capsys.readouterr().err
    assert 'the fault script "faults.yaml"' in result
    assert "the spec" not in result


def test_every_mistake_in_a_fault_script_is_reported_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "taskspec_faults: 1\nlaunches:\n  - {match: first, start_anwser: lost}\n  - {match: x, ends: exploded}\n"
    Path("faults.yaml").write_text(text, encoding="utf-8")
    assert run(["apply", "spec.yaml", "--rehearse", "--faults", "faults.yaml"]) == ExitCode.SPEC
    result = capsys.readouterr().err
    assert "faults.yaml:3:20" in result
    assert 'Did you mean "start_answer"?' in result
    assert "faults.yaml:4:22" in result


def test_the_script_on_the_page_plays_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".taskspec"))
    monkeypatch.chdir(tmp_path)
    Path("faults.yaml").write_text(PAGE.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    command = re.findall(r"^    taskspec (.*)$", PAGE, flags=re.M)[0].split()
    assert run(command) == ExitCode.TASK_FAILED
    result = capsys.readouterr().out
    assert "import: attached to launch" in result
    assert re.search(r"2h \d\dm +train\[7\]: failed", result)


def test_every_key_of_a_fault_script_is_on_the_page() -> None:
    properties = load_schema("faults")["properties"]
    for key in (*properties["server"]["properties"], *properties["launches"]["items"]["properties"]):
        assert f"`{key}`" in PAGE or f"`server.{key}`" in PAGE, key
    for answer in properties["launches"]["items"]["properties"]["start_answer"]["enum"]:
        assert f"`{answer}`" in PAGE, answer


SERVED = """
taskspec: 1
name: served
tasks:
  serve: {kind: service, module: owner/serve, version: v1, ready: deployed, results: {url: "{{ launch.output.url }}"}}
  use: {module: owner/use, version: v1, params: {session: "{{ tasks.serve.id }}", url: "{{ tasks.serve.results.url }}"}}
"""


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ("", {"serve": "succeeded", "use": "succeeded"}),
        ("launches: [{match: serve, runs_for: 5s, ends: error}]", {"serve": "failed", "use": "skipped"}),
        ("launches: [{match: use, ends: error}]", {"serve": "succeeded", "use": "failed"}),
    ],
)
def test_a_service_is_up_until_its_user_has_ended(
    folder: Path, capsys: pytest.CaptureFixture[str], faults: str, expected: dict[str, str]
) -> None:
    (folder / "spec.yaml").write_text(SERVED, encoding="utf-8")
    assert outcomes(capsys, faults)[1] == expected
