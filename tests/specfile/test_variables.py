"""Where the value of a variable comes from, how its text is read, and what it must fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.specfile.fields.value_types import VariableType
from taskspec.specfile.model import SpecFile
from taskspec.specfile.variables import Assigned, VariableFile, assign_variables

from .reading import parse, with_task


def declare(variables: str) -> SpecFile:
    return parse(with_task(head=f"variables: {variables}"))


def assign(
    declared: str, *flags: str, files: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> dict[str, Assigned]:
    return _assign(declare(declared), flags, files, environment)


def _assign(
    spec: SpecFile, flags: tuple[str, ...], files: tuple[str, ...], environment: dict[str, str] | None
) -> dict[str, Assigned]:
    named = [VariableFile(f"values{n}.yaml", text.encode()) for n, text in enumerate(files)]
    return assign_variables(spec, environment=environment or {}, files=named, flags=flags)


def refused(declared: str, *flags: str, files: tuple[str, ...] = ()) -> tuple[Diagnostic, ...]:
    spec = declare(declared)
    with pytest.raises(SpecError) as error:
        _assign(spec, flags, files, None)
    return error.value.diagnostics


SOURCES: list[tuple[str, dict[str, Any]]] = [
    ("default", {}),
    ("environment TASKSPEC_VAR_x", {"environment": {"TASKSPEC_VAR_x": "1"}}),
    ("values0.yaml", {"files": ("x: 2",)}),
    ("values1.yaml", {"files": ("x: 2", "x: 3")}),
]


@pytest.mark.parametrize("last", range(len(SOURCES)))
def test_the_later_source_wins(last: int) -> None:
    sources: dict[str, Any] = {}
    for _, source in SOURCES[: last + 1]:
        sources |= source
    assert assign("{x: {default: 0}}", **sources)["x"] == Assigned(last, SOURCES[last][0])
    assert assign("{x: {default: 0}}", "x=8", "x=9", **sources)["x"] == Assigned(9, "--var")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "no", "no"), ("string", "3.10", "3.10"), ("string", "", ""), ("string", "a=b", "a=b"),
        ("string", "[1", "[1"),
        ("string", "{{ var.y }}", "{{ var.y }}"), ("integer", "7", 7), ("number", "7", 7), ("number", "1e-3", 0.001),
        ("boolean", "true", True),
        ("list", "[a, 1]", ["a", 1]), ("map", "{a: {b: 1}}", {"a": {"b": 1}}), ("any", "7", 7), ("any", "no", "no"),
        ("any", "3.10", "3.10"),
        ("any", "a: b", {"a": "b"}), ("any", "", None), ("any", "'7'", "7"), ("any", "[1", "[1"),
        ("any", "2024-01-01", "2024-01-01"),
    ],
)  # fmt: skip
def test_text_is_read_by_the_type_of_the_variable(kind: str, text: str, value: object) -> None:
    declared = f"{{x: {{type: {kind}}}}}"
    assert assign(declared, f"x={text}")["x"].value == value
    assert assign(declared, environment={"TASKSPEC_VAR_x": text})["x"].value == value


FITTING = {
    "string": ["a"],
    "integer": ["1"],
    "number": ["1", "0.5"],
    "boolean": ["true"],
    "list": ["[]"],
    "map": ["{}"],
    "any": ["a", "1", "0.5", "true", "[]", "{}", "null"],
}


@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize("written", FITTING["any"])
def test_a_value_fits_its_own_type_only(kind: str, written: str) -> None:
    declared, files = f"{{x: {{type: {kind}}}}}", (f"x: {written}",)
    if written in FITTING[kind]:
        assign(declared, files=files)
    else:
        assert [p.code for p in refused(declared, files=files)] == [Code.VARIABLE_VALUE]


def test_every_type_has_a_case() -> None:
    assert set(FITTING) == set(VariableType)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("enum: [a, 1, true]", ["a", "1", "true"], ["b", "1.0", "'1'", "'true'"]),
        ("minimum: 0", ["0", "0.5", "text"], ["-1", "-0.001"]),
        ("maximum: 10", ["10", "-3"], ["10.5", "11"]),
        ("pattern: '[a-z]+[0-9]'", ["ab1"], ["ab", "1ab1", "ab1x", "AB1"]),
    ],
)
def test_a_value_keeps_the_rules_of_its_declaration(rule: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        assign(f"{{x: {{{rule}}}}}", f"x={text}")
    for text in bad:
        assert [p.code for p in refused(f"{{x: {{{rule}}}}}", f"x={text}")] == [Code.VARIABLE_VALUE]
    assert [p.code for p in refused(f"{{x: {{{rule}, default: {bad[0]}}}}}")] == [Code.VARIABLE_VALUE], "defaults too"


def test_everything_wrong_with_the_variables_is_reported_at_once() -> None:
    found = refused("{a: {}, b: {type: integer}, c: {default: 1}}", "b=x", "d=1", "e", files=("f: 1", "[g]"))
    assert sorted(p.code for p in found) == sorted(
        [Code.VARIABLE_MISSING, Code.VARIABLE_VALUE, Code.VARIABLE_VALUE, *[Code.VARIABLE_UNKNOWN] * 3]
    )


def test_what_a_broken_file_would_have_given_is_not_missing() -> None:
    assert {p.code for p in refused("{a: {}}", files=("a: [1",))} == {Code.YAML_SYNTAX}


def test_the_environment_may_hold_values_for_other_specs() -> None:
    assert assign("{x: {default: 1}}", environment={"TASKSPEC_VAR_other": "2", "x": "3"})["x"].value == 1


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
def test_a_string_variable_takes_any_text_as_it_is(text: str) -> None:
    assert assign("{x: {type: string}}", f"x={text}")["x"].value == text
