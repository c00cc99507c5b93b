"""Secrets and included specs: they go in with inputs and come out with results, and are shown nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.operations.project import Request, open_project
from taskspec.plan.request import Facts, LaunchRequest, ModuleFacts
from taskspec.secrets.sensitive import reveal, to_marks
from taskspec.values import Json

PLANTED = "hidden-5b1e"
PART = """
taskspec: 1
variables: {token: {sensitive: true, default: "env:TOKEN"}}
locals: {header: "Bearer {{ var.token }}"}
tasks:
  call:
    module: acme/call
    version: v1.0.0
    params: {header: "{{ local.header }}"}
    results: {header: "{{ launch.params.header }}"}
results: {header: "{{ local.header }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.yaml").write_text(PART)
    return tmp_path


def refused(folder: Path, root: str, environment: Mapping[str, str], address: str = "part.call") -> list[Diagnostic]:
    """What is said about a spec that cannot be planned."""
    with pytest.raises(SpecError) as error:
        params(folder, root, environment, address)
    return error.value.diagnostics


def params(folder: Path, root: str, environment: Mapping[str, str], address: str = "part.call") -> Json:
    """The params of a task as they are planned."""
    (folder / "spec.yaml").write_text(dedent(root))
    project = open_project(Request(folder / "spec.yaml", "spec.yaml", environment))
    instance = next(i for i in project.expansion.instances if i.address == address)
    key = project.evaluator.module_key(instance)
    facts = {key: ModuleFacts(identity="acme/call", version="v1.0.0", is_branch=False, name="call", defaults={})}
    request = project.evaluator.request(instance, Facts(facts))
    assert isinstance(request, LaunchRequest)
    assert PLANTED not in json.dumps(request.inputs)
    return request.params


ALONE = "{taskspec: 1, include: {part: parts/part.yaml}, tasks: {one: {module: acme/one, version: v1.0.0}}}"


def test_a_secret_of_an_included_spec_is_looked_up_and_hidden(folder: Path) -> None:
    found = params(folder, ALONE, {"TOKEN": PLANTED})
    assert reveal(found) == {"header": f"Bearer {PLANTED}"}
    assert PLANTED not in str(to_marks(found))


def test_a_secret_that_cannot_be_looked_up_is_reported_with_its_place(folder: Path) -> None:
    (problem,) = refused(folder, ALONE, {})
    assert "TOKEN is not set" in problem.summary
    assert problem.span is not None
    assert problem.span.source.name == "parts/part.yaml"


@pytest.mark.parametrize("declared", ["sensitive: true", "sensitive: false"])
def test_a_secret_goes_in_with_an_input_whatever_the_variable_there_says(folder: Path, declared: str) -> None:
    (folder / "parts" / "part.yaml").write_text(PART.replace('sensitive: true, default: "env:TOKEN"', declared))
    found = params(
        folder,
        """
        taskspec: 1
        variables: {mine: {sensitive: true, default: "env:MINE"}}
        include: {part: {spec: parts/part.yaml, inputs: {token: "{{ var.mine }}"}}}
        tasks: {one: {module: acme/one, version: v1.0.0}}
        """,
        {"MINE": PLANTED},
    )
    assert reveal(found) == {"header": f"Bearer {PLANTED}"}


def test_a_file_is_looked_for_next_to_the_spec_that_names_it(folder: Path) -> None:
    (folder / "secret.txt").write_text(PLANTED)
    (folder / "parts" / "secret.txt").write_text(f"{PLANTED}-inside")
    (folder / "parts" / "part.yaml").write_text(PART.replace("env:TOKEN", "file:secret.txt"))
    assert reveal(params(folder, ALONE, {})) == {"header": f"Bearer {PLANTED}-inside"}
    given = ALONE.replace("parts/part.yaml", "{spec: parts/part.yaml, inputs: {token: 'file:secret.txt'}}")
    assert reveal(params(folder, given, {})) == {"header": f"Bearer {PLANTED}"}


def test_a_secret_written_as_an_input_is_refused_and_not_shown(folder: Path) -> None:
    given = ALONE.replace("parts/part.yaml", f"{{spec: parts/part.yaml, inputs: {{token: {PLANTED}}}}}")
    (problem,) = refused(folder, given, {})
    assert "its secret is written in the spec" in problem.summary
    assert problem.span is not None
    assert PLANTED not in problem.span.source.text


def test_a_secret_does_not_reach_a_title_by_way_of_an_included_spec(folder: Path) -> None:
    outside = """
        taskspec: 1
        include: {part: parts/part.yaml}
        tasks: {one: {module: acme/one, version: v1.0.0, title: "{{ tasks.part.results.header }}"}}
    """
    problems = refused(folder, outside, {"TOKEN": PLANTED}, "one")
    (problem,) = (problem for problem in problems if problem.code is Code.SECRET_SHOWN)
    assert '"tasks.part.results.header" is secret' in problem.summary
    (folder / "parts" / "part.yaml").write_text(
        PART.replace('sensitive: true, default: "env:TOKEN"', "").replace(
            "    params:", '    title: "{{ var.token }}"\n    params:'
        )
    )
    inside = """
        taskspec: 1
        variables: {mine: {sensitive: true, default: "env:MINE"}}
        include: {part: {spec: parts/part.yaml, inputs: {token: "{{ var.mine }}"}}}
        tasks: {one: {module: acme/one, version: v1.0.0}}
    """
    problems = refused(folder, inside, {"MINE": PLANTED})
    assert [problem.code for problem in problems] == [Code.SECRET_SHOWN]
    assert '"var.token" is secret' in problems[0].summary


def test_secrets_of_one_name_in_two_specs_are_both_hidden(folder: Path) -> None:
    root = """
        taskspec: 1
        variables: {token: {sensitive: true, default: "env:OTHER"}}
        include: {part: parts/part.yaml}
        tasks: {one: {module: acme/one, version: v1.0.0, params: {token: "{{ var.token }}"}}}
    """
    (folder / "spec.yaml").write_text(dedent(root))
    project = open_project(Request(folder / "spec.yaml", "spec.yaml", {"TOKEN": PLANTED, "OTHER": "the-other-one"}))
    said = project.evaluator.secrets.redact(f"first {PLANTED}, then the-other-one")
    assert PLANTED not in said
    assert "the-other-one" not in said
