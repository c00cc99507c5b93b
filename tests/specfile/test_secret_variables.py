"""Sensitive variables: where their values come from, and what a problem with one says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.secrets.reference import SecretReference, UnreadableSecret
from taskspec.secrets.sensitive import Secrets, Sensitive, reveal
from taskspec.specfile.parser import parse_spec
from taskspec.specfile.secret_variables import SecretResolver
from taskspec.specfile.variables import VariableFile, assign_variables
from taskspec.view.diagnostic import draw_all
from taskspec.view.terminal_text import Paint

PLANTED = "hidden-7f3a"


def spec_with(variable: str) -> bytes:
    return f"taskspec: 1\nvariables:\n  token: {variable}\ntasks: {{a: {{module: ./a}}}}\n".encode()


def read(reference: SecretReference) -> str:
    """A place that holds the planted secret for trusted references only."""
    if not reference.is_trusted:
        raise UnreadableSecret(f'"{reference}" is out of reach', "Ask.")
    return PLANTED


def assign(
    variable: str, *, flags: tuple[str, ...] = (), file: str = "", environment: Mapping[str, str] | None = None
) -> object:
    spec, _ = parse_spec("spec.yaml", spec_with(variable))
    files = [VariableFile("environment.yaml", file.encode())] if file else []
    keeper = SecretResolver(Secrets(), read)
    found = assign_variables(spec, environment=environment or {}, files=files, flags=flags, keeper=keeper)
    return found["token"].value


def problems(variable: str, **given: object) -> tuple[list[Diagnostic], str]:
    with pytest.raises(SpecError) as caught:
        assign(variable, **given)  # type: ignore[arg-type]  # the keywords of assign
    return list(caught.value.diagnostics), draw_all(caught.value.diagnostics, Paint())


def test_a_secret_in_the_spec_is_an_error_that_does_not_repeat_it() -> None:
    found, drawn = problems(f'{{type: string, sensitive: true, default: "{PLANTED}"}}')
    assert [problem.code for problem in found] == [Code.SECRET_WRITTEN]
    assert "spec.yaml:3:" in drawn
    assert PLANTED not in drawn


@pytest.mark.parametrize("default", ['"env:"', "17", "[a]", '"ENV:X"', '"https://x"'])
def test_what_is_no_reference_is_a_secret_in_the_spec(default: str) -> None:
    found, _ = problems(f"{{sensitive: true, default: {default}}}")
    assert [problem.code for problem in found] == [Code.SECRET_WRITTEN]


@pytest.mark.parametrize("reference", ["env:T", "file:t", "cmd:t"])
@pytest.mark.parametrize("given", ["flags", "environment"])
def test_a_reference_from_the_command_line_or_the_environment_is_trusted(reference: str, given: str) -> None:
    value = (
        assign("{sensitive: true}", flags=(f"token={reference}",))
        if given == "flags"
        else assign("{sensitive: true}", environment={"TASKSPEC_VAR_token": reference})
    )
    assert isinstance(value, Sensitive)
    assert reveal(value) == PLANTED


@pytest.mark.parametrize("where", ["default", "file"])
def test_a_reference_from_a_file_is_not_whatever_the_file_is_called(where: str) -> None:
    found, _ = (
        problems('{sensitive: true, default: "cmd:t"}')
        if where == "default"
        else problems("{sensitive: true}", file='token: "cmd:t"\n')
    )
    assert [problem.code for problem in found] == [Code.SECRET_SOURCE]


def test_without_a_reader_nothing_is_looked_up() -> None:
    spec, _ = parse_spec("spec.yaml", spec_with('{type: integer, sensitive: true, default: "cmd:t"}'))
    value = assign_variables(spec, environment={}, files=[], flags=[])["token"].value
    assert isinstance(value, Sensitive)
    assert value.is_withheld


@pytest.mark.parametrize(
    "variable", ["{type: integer, sensitive: true}", "{sensitive: true, pattern: x, type: string}"]
)
@pytest.mark.parametrize("given", [f"token={PLANTED}", "token=env:T"])
def test_a_secret_that_does_not_fit_is_not_shown(variable: str, given: str) -> None:
    found, drawn = problems(variable, flags=(given,))
    assert [problem.code for problem in found] == [Code.VARIABLE_VALUE]
    assert PLANTED not in drawn


@pytest.mark.parametrize(
    "line", [f"token: [{PLANTED}", f"token: !x {PLANTED}", "token: 0777123", f"token: {PLANTED}: x"]
)
def test_a_file_of_values_that_cannot_be_read_does_not_show_its_secrets(line: str) -> None:
    _, drawn = problems("{sensitive: true}", file=line + "\n")
    assert PLANTED not in drawn
    assert "0777123" not in drawn


def test_a_number_is_read_as_a_number() -> None:
    value = assign("{type: integer, sensitive: true}", flags=("token=31337",))
    assert reveal(value) == 31337


def test_null_is_no_secret() -> None:
    assert assign("{sensitive: true, default: null}") is None
