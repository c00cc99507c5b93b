"""`validate` and `plan --offline` for untrusted specs: no server, no process, no file outside, no secret."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command

SPEC = """\
variables:
  token: {sensitive: true, default: "cmd:touch ran"}
tasks:
  good:
    module: ./good
    params: {token: "{{ var.token }}"}
  far: {module: acme/far, version: v1.0.0, agent: gpu-1, params: {map: "{{ tasks.good.id }}"}}
"""


@pytest.fixture
def sealed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment where opening a connection or starting a process fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is asked and nothing is run")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setenv("TASKSPEC_HOME", str(folder / "no-server-here"))
    return folder


@pytest.mark.usefixtures("sealed")
def test_an_offline_plan_says_what_it_could_not_check(spec: Callable[[str], Path], taskspec: Command) -> None:
    path = spec(SPEC)
    result = taskspec("plan", "--offline", str(path))
    assert result.code == 0, result
    assert "Plan: 2 to start." in result.out
    assert "params.token: (sensitive)" in result.out or '"(sensitive)"' in result.out
    assert "Not checked: whether these apps exist at these versions, and their defaults: acme/far." in result.err
    assert "Not checked: whether the agents exist." in result.err
    assert "Not checked: secrets, which count as unchanged: token." in result.err
    document = json.loads(taskspec("plan", "--offline", "--json", str(path)).out)
    assert [task["fingerprint"] is None for task in document["tasks"]] == [False, True]
    assert taskspec("validate", str(path)).code == 0
    assert not path.with_name("ran").exists()
    assert not path.with_name(".taskspec").exists()


def test_an_offline_plan_goes_by_the_record(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "a secret that works")
    path = spec(
        'variables: {t: {sensitive: true, default: "env:HOOK"}}\n'
        'tasks: {good: {module: ./good, params: {t: "{{ var.t }}"}}}'
    )
    assert taskspec("apply", str(path)).code == 0
    monkeypatch.delenv("HOOK")
    result = taskspec("plan", "--offline", str(path))
    assert "nothing to do, 1 to keep" in result.out, result
    assert "the status of past launches" in result.err
    (folder / "good" / "more.py").write_text("print()")
    assert "1 to rerun" in taskspec("plan", "--offline", str(path)).out


@pytest.mark.parametrize("module", ["../outside", "{outside}", "./link", "./linked_config"])
@pytest.mark.parametrize("command", [["validate"], ["plan", "--offline"]])
def test_an_app_folder_outside_of_the_project_is_not_read(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, module: str, command: list[str]
) -> None:
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "config.json").write_text('{"name": "not yours to see"}')
    (folder / "link").symlink_to(outside)
    (folder / "linked_config").mkdir()
    (folder / "linked_config" / "config.json").symlink_to(outside / "config.json")
    path = spec(f"tasks: {{a: {{module: {json.dumps(module.format(outside=outside))}}}}}")
    result = taskspec(*command, str(path))
    assert result.code == 3
    assert "TS173" in result.err
    assert "spec.yaml:3:" in result.err
    assert "not yours" not in result.out + result.err
    assert taskspec(*command, "--allow-outside", str(path)).code == 0


def test_a_project_is_what_git_looks_after(folder: Path, spec: Callable[[str], Path], taskspec: Command) -> None:
    inner = folder / "specs"
    inner.mkdir()
    (inner / "spec.yaml").write_text("taskspec: 1\ntasks: {a: {module: ../good}}\n")
    assert taskspec("validate", str(inner / "spec.yaml")).code == 3
    (folder / ".git").mkdir()
    assert taskspec("validate", str(inner / "spec.yaml")).code == 0


def test_a_record_that_leads_outside_is_not_read(folder: Path, spec: Callable[[str], Path], taskspec: Command) -> None:
    (folder / ".taskspec").symlink_to(folder.parent)
    result = taskspec("plan", "--offline", str(spec("tasks: {a: {module: ./good}}")))
    assert result.code == 3
    assert "leads outside" in result.err


@pytest.mark.parametrize(
    "config", ["[" * 100_000, '{"a": 1e999}', '{"a": NaN}', '{"a": ' + "9" * 5000 + "}", '{"a": "\\ud800"}']
)
def test_a_config_that_is_made_to_hurt_is_explained(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, config: str
) -> None:
    (folder / "good" / "config.json").write_text(config)
    result = taskspec("validate", str(spec("tasks: {a: {module: ./good}}")))
    assert (result.code, "TS151" in result.err) == (3, True), result


@pytest.mark.parametrize("mark", ["taskspec.root", "pyproject.toml"])
def test_without_git_a_file_of_the_project_marks_its_root(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, mark: str
) -> None:
    inner = folder / "specs"
    inner.mkdir()
    path = inner / "spec.yaml"
    path.write_text("taskspec: 1\ntasks: {a: {module: ../good}}\n")
    result = taskspec("validate", str(path))
    assert result.code == 3
    assert (
        f'outside of the project, "{inner}", which is the folder of the spec, since none above it holds' in result.err
    )
    assert "taskspec.root" in result.err
    assert "--allow-outside" in result.err
    (folder / mark).touch()
    assert taskspec("validate", str(path)).code == 0
    assert taskspec("plan", "--offline", str(path)).code == 0


@pytest.mark.parametrize("mark", ["taskspec.root", "pyproject.toml"])
def test_a_marked_root_is_not_left_either(folder: Path, taskspec: Command, mark: str) -> None:
    inner = folder / "project"
    (inner / "specs").mkdir(parents=True)
    (inner / mark).touch()
    (inner / "link").symlink_to(folder / "good")
    for module in ("../../good", "../link"):
        path = inner / "specs" / "spec.yaml"
        path.write_text(f"taskspec: 1\ntasks: {{a: {{module: {module}}}}}\n")
        result = taskspec("validate", str(path))
        assert result.code == 3
        assert (
            f'outside of the project, "{inner}", which is the nearest folder above the spec with {mark}' in result.err
        )


@pytest.mark.parametrize("command", [["plan"], ["plan", "--offline"], ["validate"], ["apply", "-y"]])
def test_every_command_refuses_an_app_outside_of_the_project(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, command: list[str]
) -> None:
    path = spec("tasks: {a: {module: ../good}}")
    inside = folder / "project"
    inside.mkdir()
    (inside / ".git").mkdir()
    path = path.rename(inside / "spec.yaml")
    refused = taskspec(*command, str(path))
    assert (refused.code, "TS173" in refused.err) == (3, True), refused
    if command != ["validate"]:
        assert taskspec(*command, "--allow-outside", str(path)).code == 0


@pytest.mark.parametrize("command", [["plan"], ["plan", "--offline"], ["validate"], ["fmt", "--diff"], ["explain"]])
def test_no_command_shows_a_file_behind_a_link_that_leads_out(
    folder: Path, taskspec: Command, command: list[str]
) -> None:
    (folder / "credentials").write_text("PASSWORD: open-sesame\n- broken: [\n", encoding="ascii")
    project = folder / "project"
    project.mkdir()
    (project / ".git").mkdir()
    (project / "spec.yaml").symlink_to(folder / "credentials")
    result = taskspec(*command, str(project / "spec.yaml"))
    assert result.code == 3, result
    assert "sesame" not in result.out + result.err


def test_two_specs_that_would_share_a_state_are_refused(spec: Callable[[str], Path], taskspec: Command) -> None:
    path = spec("tasks: {a: {module: ./good}}")
    path.with_suffix(".yml").write_bytes(path.read_bytes())
    refused = taskspec("plan", str(path))
    assert (refused.code, "would have the same state" in refused.err) == (3, True), refused
