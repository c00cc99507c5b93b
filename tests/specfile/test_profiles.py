"""What a profile changes, and in which order it counts."""

from __future__ import annotations

import textwrap

import pytest

from taskspec.diagnostics import Code, Severity
from taskspec.errors import SpecError
from taskspec.specfile.fields.retries_and_deadlines import read_deadlines
from taskspec.specfile.model import SpecFile
from taskspec.specfile.parser import parse_spec
from taskspec.specfile.variables import VariableFile, assign_variables

SPEC = """
taskspec: 1
variables: {n: {type: integer, default: 1}, m: {default: 1}}
defaults: {agent: 3, log_level: debug, deadlines: {queued: 1m, running: 2m}, params: {a: 1, deep: {x: 1, y: 2}}}
profiles:
  dev:
  prod:
    variables: {n: 5}
    defaults: {agent: gpu, deadlines: {running: 9m}, params: {deep: {y: 9}}}
tasks:
  plain: {module: acme/a, version: v1.0.0}
  own: {module: acme/a, version: v1.0.0, agent: 7, params: {deep: {y: 0}}}
"""


def parse(profile: str) -> SpecFile:
    return parse_spec("spec.yaml", textwrap.dedent(SPEC).encode(), profile)[0]


def test_defaults_of_a_profile_lie_over_those_of_the_spec_and_under_the_task() -> None:
    spec = parse("prod")
    plain, own = spec.tasks["plain"], spec.tasks["own"]
    assert (plain.agent, plain.log_level) == ("gpu", "debug")
    assert plain.params == {"a": 1, "deep": {"x": 1, "y": 9}}
    assert plain.deadlines == read_deadlines({"queued": "1m", "running": "9m"})
    assert (own.agent, own.params) == (7, {"a": 1, "deep": {"x": 1, "y": 0}})


def test_an_empty_profile_and_none_change_nothing() -> None:
    assert parse("dev").tasks == parse("").tasks


@pytest.mark.parametrize(
    ("given", "n"),
    [
        ({}, 5),
        ({"environment": {"TASKSPEC_VAR_n": "6"}}, 6),
        ({"files": [VariableFile("v.yaml", b"n: 7")]}, 7),
        ({"flags": ["n=8"]}, 8),
    ],
)
def test_a_variable_of_a_profile_lies_over_its_default_and_under_what_is_given(
    given: dict[str, object], n: int
) -> None:
    sources: dict[str, object] = {"environment": {}, "files": [], "flags": [], **given}
    values = assign_variables(parse("prod"), **sources)  # type: ignore[arg-type]  # a mixture of keyword arguments
    assert values["n"].value == n
    assert values["m"].value == 1


def test_the_place_of_a_value_is_where_the_profile_writes_it() -> None:
    spec = parse("prod")
    assert str(spec.task_span("plain", "agent")) == "spec.yaml:9:23"
    assert str(spec.task_span("plain", "params", "a")) == "spec.yaml:4:90"
    assert str(spec.task_span("own", "agent")) == "spec.yaml:12:49"


def test_a_profile_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError) as error:
        parse("prods")
    assert [problem.code for problem in error.value.diagnostics] == [Code.PROFILE]
    assert 'Did you mean "prod"?' in error.value.diagnostics[0].remedy


def test_a_profile_for_a_spec_without_any_is_refused() -> None:
    with pytest.raises(SpecError) as error:
        parse_spec("spec.yaml", b"taskspec: 1\ntasks: {a: {module: acme/a, version: v1.0.0}}", "prod")
    assert error.value.diagnostics[0].summary == 'the spec has no profile "prod"'


def test_no_choice_among_profiles_is_worth_a_warning() -> None:
    _, warnings = parse_spec("spec.yaml", SPEC.encode())
    assert [(problem.code, problem.severity) for problem in warnings] == [(Code.PROFILE, Severity.WARNING)]
    assert parse_spec("spec.yaml", SPEC.encode(), "dev")[1] == []


def test_anchors_under_keys_of_the_author_serve_as_snippets() -> None:
    text = b"""
taskspec: 1
x-tiles: &tiles {size: 1024, overlap: [1, 2]}
tasks:
  a: {module: acme/a, version: v1.0.0, params: {tiles: *tiles}}
  b: {module: acme/a, version: v1.0.0, params: *tiles}
"""
    spec, _ = parse_spec("spec.yaml", text)
    assert spec.tasks["a"].params == {"tiles": {"size": 1024, "overlap": [1, 2]}}
    assert spec.tasks["b"].params == {"size": 1024, "overlap": [1, 2]}
