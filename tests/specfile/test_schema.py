"""The shape of a spec: pairs of what fits and what does not, and the schema in step with the code."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code
from taskspec.specfile.fields.kinds import COMMON_KEYS, NEEDED_KEYS, OWN_KEYS, Kind, PartialRule, Readiness, RunOn
from taskspec.specfile.fields.value_types import VariableType
from taskspec.specfile.model import Rerun, TaskDecl
from taskspec.specfile.schema import check_shape, load_schema, passes_fast_check, strict_validator
from taskspec.specfile.yaml.yaml_reader import read_document

from .reading import parse, problems, with_task

SCHEMA: dict[str, Any] = load_schema("spec")
TASK: dict[str, Any] = SCHEMA["definitions"]["task"]["properties"]


@pytest.mark.parametrize(
    "body",
    [
        "", "params: {a: [1, null, {b: true}]}", "agent: gpu-01", "agent: 5", "agent: null", "workspace: 7",
        "workspace: '{{ var.w }}'",
        "for_each: [a, 1, true]", "for_each: {a: 1}", "for_each: '{{ var.l }}'", "for_each: []", "depends_on: train",
        "depends_on: [train]",
        "rerun: never", "restart_policy: on_error", "log_level: debug", "target: {images_project: 5}",
        "results: {a: 1, b: '{{ launch.id }}'}",
        "checks: [{assert: '{{ true }}'}, {assert: false, message: m}]", "outputs: {text: {title: t}, replace: true}",
        "description: ''",
        "outputs: {error: {title: t, description: d, show_logs: true}}",
        "outputs: {experiment: {experiment_info: {a: 1}}}", "title: t",
    ],
)  # fmt: skip
def test_what_fits(body: str) -> None:
    assert check_shape(read_document("spec.yaml", with_task(body, head="variables: {w: {}, l: }").encode())) == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("params: []", "6:13"), ("agent: 5.0", "6:12"), ("agent: [a]", "6:12"), ("agent: true", "6:12"),
        ("workspace: null", "6:16"),
        ("for_each: 3", "6:15"), ("depends_on: [1]", "6:18"), ("rerun: sometimes", "6:12"), ("rerun: null", "6:12"),
        ("restart_policy: always", "6:21"), ("target: {images_project: 5.0}", "6:30"),
        ("target: {images_project: [5]}", "6:30"),
        ("results: [a]", "6:14"), ("results: {'a-b': 1}", "6:15"), ('results: {"a\\n": 1}', "6:15"),
        ("checks: {assert: x}", "6:13"),
        ("checks: [{message: x}]", "6:14"), ("checks: [{assert: 3}]", "6:23"), ("outputs: {text: done}", "6:21"),
        ("outputs: {txt: {}}", "6:15"),
        ("outputs: {text: {title: 3}}", "6:29"), ("outputs: {replace: 1}", "6:24"), ("title: 3", "6:12"),
        ("kind: machine", "6:11"), ("keep: true", "6:5"), ("matrix: []", "6:13"),
        ("version: 1.0", "6:5"), ("no_such_key: 1", "6:5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_reported_at_its_place(body: str, place: str) -> None:
    found = problems(with_task(body))
    assert [f"{p.span.line}:{p.span.column}" for p in found if p.span] == [place]


def test_all_problems_are_reported_at_once() -> None:
    text = "taskspec: 2\nname: ''\ntsks: {}\ntasks: {a: {modul: x}, b: 3, 'c-d': {module: m, version: 1.5}}\n"
    assert {p.code for p in problems(text)} == {Code.WRONG_VALUE, Code.UNKNOWN_KEY, Code.MISSING_KEY}
    assert len(problems(text)) == 8


@pytest.mark.parametrize("name", ["x-anything", "x-"])
def test_keys_of_the_authors_own_are_left_alone_at_the_top_only(name: str) -> None:
    assert problems(f"{name}: [1]\n" + with_task()) == ()
    assert [p.code for p in problems(with_task(f"{name}: [1]"))] == [Code.UNKNOWN_KEY]


def test_every_key_of_a_task_in_the_schema_is_read_and_every_field_has_a_key() -> None:
    fields = {field.name for kind in get_args(TaskDecl) for field in dataclasses.fields(kind)} - {
        "name",
        "has_for_each",
    }
    assert fields | COMMON_KEYS | set().union(*OWN_KEYS.values()) == set(TASK)
    assert fields <= set(TASK)


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_needs_only_keys_that_it_has(kind: Kind) -> None:
    assert set(NEEDED_KEYS[kind]) <= OWN_KEYS[kind]
    assert not OWN_KEYS[kind] & COMMON_KEYS


def test_defaults_are_settings_of_a_task_with_the_same_shape() -> None:
    for key, shape in SCHEMA["properties"]["defaults"]["properties"].items():
        assert TASK[key] == shape


def test_the_closed_sets_of_the_schema_are_those_of_the_code() -> None:
    variable = SCHEMA["definitions"]["variable"]["properties"]
    assert set(TASK["rerun"]["enum"]) == set(Rerun)
    assert set(TASK["kind"]["enum"]) == set(Kind)
    assert set(TASK["ready"]["enum"]) == set(Readiness)
    assert set(TASK["run_on"]["enum"]) == set(RunOn)
    assert set(TASK["partial"]["enum"]) == set(PartialRule)
    assert set(variable["type"]["enum"]) == set(VariableType)


def test_every_key_an_author_meets_is_described() -> None:
    for properties in (SCHEMA["properties"], TASK, SCHEMA["properties"]["defaults"]["properties"]):
        assert [
            name
            for name, shape in properties.items()
            if not shape.get("description") and name != "tasks" and "$ref" not in shape
        ] == []


def test_the_schema_states_no_defaults() -> None:
    """They live in the parser, in one place; a schema that repeats them will lie one day."""

    def keys(node: Any) -> set[str]:
        if isinstance(node, dict):
            return set(node).union(*map(keys, node.values()))
        return set().union(*map(keys, node)) if isinstance(node, list) else set()

    own = dict(SCHEMA, definitions={k: v for k, v in SCHEMA["definitions"].items() if k != "variable"})
    assert "default" not in keys(own)


def test_what_the_parser_adds_when_a_task_says_nothing() -> None:
    task = parse(with_task()).tasks["train"]
    assert (task.restart_policy, task.log_level, task.rerun, task.agent) == (
        "never",
        "info",
        Rerun.UPSTREAM_RERUNS,
        None,
    )


NAMES = {"pattern": "^[a-z_]+$"}
SHORT_CUTS: list[dict[str, Any]] = [
    {"type": "string"}, {"type": ["string", "integer", "null"]}, {"type": "boolean", "description": "d"},
    {"enum": ["a", "b"]}, {"type": "string", "pattern": "^a$"}, {"pattern": "^a$"}, {"type": "object"},
    {"type": "object", "propertyNames": NAMES}, {"propertyNames": NAMES}, {"type": "array"}, {"type": "number"},
    {"type": ["array", "object"], "propertyNames": NAMES, "pattern": "^x"}, {},
]  # fmt: skip


@given(st.recursive(
    st.sampled_from(["a", "b", "a\n", "x y", "", 0, 1, 1.0, 2.5, True, False, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "a b", "1", "a\n"]), inner),
    max_leaves=4,
), st.sampled_from(SHORT_CUTS))  # fmt: skip
def test_what_is_plainly_right_is_right(value: Any, schema: dict[str, Any]) -> None:
    validator = strict_validator(schema)
    assert passes_fast_check(validator, schema, value) == validator.is_valid(value)


@pytest.mark.parametrize("body", ["every: 500ms", "timeout: soon"])
def test_what_is_no_duration_is_answered_with_how_durations_look(body: str) -> None:
    spec = f"taskspec: 1\ntasks:\n  file: {{kind: wait, wait: {{team_file: /x}}, {body}}}\n"
    (problem,) = check_shape(read_document("spec.yaml", spec.encode()))
    assert "must be a duration as 90s, 30m, 12h, 2d or 1h30m, or a number of seconds" in problem.summary
