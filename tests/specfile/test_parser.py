"""From a shaped document to a SpecFile: defaults, versions, names of other tasks, and the places they lead back to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code
from taskspec.json_tree import merge
from taskspec.specfile.fields.kinds import ApiCall, LocalCall, RequestCall, WaitCall
from taskspec.specfile.model import CallDecl, JobDecl, ServiceDecl, is_folder
from taskspec.specfile.parser import parse_spec

from .reading import parse, problems, with_task

MAPS: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {p: v for key, item in value.items() for p, v in leaves(item, (*path, key)).items()}


@given(MAPS, MAPS)
def test_what_is_laid_over_wins_and_the_rest_stays(base: Any, over: Any) -> None:
    merged = leaves(merge(base, over))
    assert merged.items() >= leaves(over).items()
    for path, value in leaves(base).items():
        covered = any(path[: len(other)] == other[: len(path)] for other in leaves(over))
        assert covered or merged[path] == value


@given(MAPS, MAPS, MAPS)
def test_laying_over_is_associative_has_a_neutral_element_and_changes_nothing_given(a: Any, b: Any, c: Any) -> None:
    before = repr((a, b, c))
    if all(isinstance(x, dict) == isinstance(y, dict) for x, y in shared(a, b, c)):
        assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, {}) == a == merge({}, a) == merge(a, a)
    assert repr((a, b, c)) == before


def shared(*maps: Any) -> list[tuple[Any, Any]]:
    """Values that stand at one path in two of the maps."""
    pairs: list[tuple[Any, Any]] = []
    for index, one in enumerate(maps):
        for other in maps[index + 1 :]:
            for key in one.keys() & other.keys():
                pairs.append((one[key], other[key]))
                if isinstance(one[key], dict) and isinstance(other[key], dict):
                    pairs += shared(one[key], other[key])
    return pairs


def test_a_task_overrides_the_defaults_and_params_are_merged_key_by_key() -> None:
    head = "defaults: {agent: gpu, workspace: 7, rerun: never, params: {seed: 1, opt: {lr: 0.1, wd: 0.2}, l: [1, 2]}}\n"
    spec = parse(with_task("agent: null\nparams: {opt: {lr: 0.5}, l: [3]}", head=head))
    task = spec.tasks["train"]
    assert (task.agent, task.workspace, task.rerun) == (None, 7, "never")
    assert task.params == {"seed": 1, "opt": {"lr": 0.5, "wd": 0.2}, "l": [3]}


def test_the_place_of_an_inherited_value_is_where_it_is_written() -> None:
    spec = parse(with_task("params: {a: 1}", head="defaults: {workspace: 7, params: {b: 2}}"))
    assert spec.task_span("train", "workspace").line == 2
    assert spec.task_span("train", "params", "b").line == 2
    assert spec.task_span("train", "params", "a").line == 7
    assert spec.task_span("train").column == 3


def test_the_name_of_a_spec_is_that_of_its_file_when_it_has_none() -> None:
    assert parse_spec("folder/pipeline.yaml", with_task().encode())[0].name == "pipeline"
    assert parse(with_task(head="name: lemons")).name == "lemons"


@pytest.mark.parametrize(
    ("module", "folder"),
    [("./app", True), ("../app", True), ("/srv/app", True), ("acme/app", False), (".app", False), (42, False)],
)
def test_a_folder_begins_with_a_dot_or_a_slash(module: str | int, folder: bool) -> None:
    assert is_folder(module) is folder


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("module: acme/a\nversion: v1", None), ("module: 42\nversion: v1", None), ("module: ./a", None),
        ("module: '{{ var.m }}'", None),
        ("module: acme/a\nbranch: dev", None), ("module: acme/a", Code.VERSION), ("module: 42", Code.VERSION),
        ("module: acme/a\nversion: v1\nbranch: dev", Code.VERSION),
        ("module: ./a\nversion: v1\nbranch: dev", Code.VERSION),
    ],
)  # fmt: skip
def test_an_app_that_is_not_a_folder_names_one_release_or_one_branch(lines: str, code: Code | None) -> None:
    text = "taskspec: 1\ntasks:\n  a:\n" + "".join(f"    {line}\n" for line in lines.splitlines())
    assert [p.code for p in problems(text)] == ([code] if code else [])


def test_a_branch_is_a_warning() -> None:
    _, warnings = parse_spec("s.yaml", b"taskspec: 1\ntasks: {a: {module: acme/a, branch: dev}}\n")
    assert [(warning.code, warning.is_error) for warning in warnings] == [(Code.VERSION, False)]


def test_a_name_that_depends_on_is_named_twice_counts_once() -> None:
    text = "taskspec: 1\ntasks:\n  a: {module: ./a}\n  b: {module: ./b, depends_on: [a, a]}\n"
    assert parse(text).tasks["b"].depends_on == ("a",)


@pytest.mark.parametrize(
    ("body", "declared", "call"),
    [
        ("{module: a/b, version: v1}", JobDecl, None),
        ("{kind: service, module: a/b, version: v1}", ServiceDecl, None),
        ("{kind: request, service: 1, method: m}", CallDecl, RequestCall),
        ("{kind: wait, wait: {team_file: /a}}", CallDecl, WaitCall),
        ("{kind: api, call: copy_files, with: {from: /a, to: /b}}", CallDecl, ApiCall),
        ("{kind: local, command: [echo]}", CallDecl, LocalCall),
    ],
)
def test_every_kind_of_task_has_a_class_of_its_own(body: str, declared: type, call: type | None) -> None:
    spec, _ = parse_spec("spec.yaml", f"taskspec: 1\ntasks: {{a: {body}}}".encode())
    task = spec.tasks["a"]
    assert type(task) is declared
    assert (type(task.call) if isinstance(task, CallDecl) else None) is call
