"""--profile, TASKSPEC_PROFILE and --allow-outside, as users give them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command

PROFILES = """
variables: {n: {type: integer, default: 1}}
profiles:
  dev: {server: local, variables: {n: 2}}
  prod: {server: "https://app.example.com", variables: {n: 3}}
tasks: {one: {module: ./good, params: {n: "{{ var.n }}"}}}
"""
READERS = [
    ("plan", "spec.yaml"),
    ("apply", "spec.yaml", "-y"),
    ("status", "spec.yaml"),
    ("results", "spec.yaml"),
    ("runs", "spec.yaml"),
    ("stop", "spec.yaml"),
    ("logs", "spec.yaml", "one"),
]


def test_the_option_comes_before_the_environment(
    taskspec: Command, spec: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(PROFILES)
    assert "params.n: 1" in taskspec("plan", "spec.yaml").out
    monkeypatch.setenv("TASKSPEC_PROFILE", "dev")
    assert "params.n: 2" in taskspec("plan", "spec.yaml").out
    assert taskspec("validate", "spec.yaml", "--profile", "prod").code == 0
    assert taskspec("plan", "spec.yaml", "--profile", "prod").code == 3
    monkeypatch.setenv("TASKSPEC_PROFILE", "prod")
    assert "params.n: 2" in taskspec("plan", "spec.yaml", "--profile", "dev").out


@pytest.mark.parametrize("arguments", READERS, ids=lambda arguments: str(arguments[0]))
def test_every_command_refuses_the_profile_of_another_server(
    taskspec: Command, spec: Callable[[str], Path], arguments: tuple[str, ...]
) -> None:
    path = spec(PROFILES)
    result = taskspec(*arguments, "--profile", "prod")
    assert result.code == 3
    assert 'profile "prod" is for https://app.example.com, and the configured server is local' in result.err
    assert not (path.parent / ".taskspec").exists()


def test_a_profile_that_does_not_exist_names_the_nearest(taskspec: Command, spec: Callable[[str], Path]) -> None:
    spec(PROFILES)
    result = taskspec("plan", "spec.yaml", "--profile", "prodd")
    assert (result.code, 'Did you mean "prod"?' in result.err) == (3, True)


def test_a_choice_does_not_outlive_its_command(taskspec: Command, spec: Callable[[str], Path]) -> None:
    spec(PROFILES)
    taskspec("plan", "spec.yaml", "--profile", "dev", "--allow-outside")
    assert "params.n: 1" in taskspec("plan", "spec.yaml").out


def test_files_outside_of_the_project_need_permission(
    taskspec: Command, spec: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "note.txt").write_text("hello")
    (outside / "part.yaml").write_text("taskspec: 1\ntasks: {a: {module: acme/a, version: v1.0.0}}")
    spec(
        f"""
        include: {{part: "{outside}/part.yaml"}}
        locals: {{note: "{{{{ file('{outside}/note.txt') }}}}"}}
        tasks: {{one: {{module: ./good, params: {{note: "{{{{ local.note }}}}"}}}}}}
        """
    )
    refused = taskspec("validate", "spec.yaml")
    assert refused.code == 3
    assert "is outside of the project" in refused.err
    assert taskspec("validate", "spec.yaml", "--allow-outside").code == 0


def test_a_long_text_is_shortened_in_a_plan(taskspec: Command, spec: Callable[[str], Path]) -> None:
    path = spec("""tasks: {one: {module: ./good, params: {note: "{{ file('long.txt') }}"}}}""")
    (path.parent / "long.txt").write_text("first line\n" + "word " * 20_000)
    result = taskspec("plan", "spec.yaml")
    assert result.code == 0
    assert 'params.note: "first line' in result.out
    assert max(map(len, result.out.splitlines())) < 200


def test_an_included_spec_is_valid_without_the_values_of_the_variables_it_is_given(
    taskspec: Command, spec: Callable[[str], Path]
) -> None:
    path = spec(
        """
        variables: {items: {type: list}}
        include: {part: {spec: part.yaml, inputs: {items: "{{ var.items }}"}}}
        tasks: {one: {module: ./good, depends_on: [part]}}
        """
    )
    (path.parent / "part.yaml").write_text(
        "taskspec: 1\nvariables: {items: {type: list}}\ntasks: {a: {module: ./good, for_each: '{{ var.items }}'}}"
    )
    assert taskspec("validate", "spec.yaml").code == 0
    assert taskspec("plan", "spec.yaml", "--var", "items=[x, y]").out.count("part.a[") == 2
    apply = taskspec("apply", "spec.yaml", "--var", "items=[x, y]", "-y")
    assert apply.code == 0
    assert taskspec("logs", "spec.yaml", "part.a[x]").out.count("hello") == 1
