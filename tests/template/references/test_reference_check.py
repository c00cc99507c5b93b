"""Found without evaluating anything: what depends on what, and every name that is wrong or not there yet."""

from __future__ import annotations

from typing import Any

import pytest

from taskspec.diagnostics import Code
from taskspec.template.references.reference_check import Dependency
from tests.template.specs import analysed

A: dict[str, Any] = {"results": {"x": 1}}
FAN: dict[str, Any] = {"for_each": ["k", "l"], "results": {"x": 1}}


def dependencies(*found: Dependency) -> list[tuple[str, str | None]]:
    return [(dependency.upstream, dependency.cell) for dependency in found]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"params": {"p": "{{ tasks.a.results.x }}"}}, [("a", None)]),
        ({"params": {"p": ["deep", {"q": "text {{ tasks['a'].id }}"}]}}, [("a", None)]),
        ({"params": {"p": "{{ tasks.a }}"}}, [("a", None)]),
        ({"target": {"images_project": "{{ tasks.a.results.x }}"}}, [("a", None)]),
        ({"results": {"r": "{{ launch.id ~ tasks.a.id }}"}}, [("a", None)]),
        ({"checks": [{"assert": "{{ tasks.a.results.x > 1 }}"}]}, [("a", None)]),
        ({"checks": [{"assert": True, "message": "{{ tasks.a.id }}"}]}, [("a", None)]),
        ({"outputs": {"text": {"title": "{{ tasks.a.id }}"}}}, [("a", None)]),
        ({"outputs": {"error": {"title": "{{ tasks.a.id }}"}}}, [("a", None)]),
        ({"depends_on": ["a"]}, [("a", None)]),
        ({"depends_on": "a", "params": {"p": "{{ tasks.f | length }}"}}, [("a", None), ("f", None)]),
        ({"params": {"p": "{{ tasks.f['k'].id }}"}}, [("f", "k")]),
        ({"params": {"p": "{{ tasks.f.k.results.x }}"}}, [("f", "k")]),
        ({"params": {"p": "{{ tasks.f[each.key].id }}"}, "for_each": ["k"]}, [("f", "each.key")]),
        ({"params": {"p": "{{ tasks.f[each.value].id }}"}, "for_each": ["k"]}, [("f", None)]),
        ({"params": {"p": "{{ tasks.f | map(attribute='results.x') | list }}"}}, [("f", None)]),
        ({"params": {"p": "{{ tasks.a.id if var.v else tasks.f['l'].id }}"}}, [("a", None), ("f", "l")]),
        ({"params": {"p": "{{ 'tasks.a' }}", "q": "tasks.a.id"}}, []),
    ],
)
def test_a_reference_is_a_dependency(body: dict[str, Any], expected: list[tuple[str, str | None]]) -> None:
    analysis = analysed({"a": A, "f": FAN, "t": body}, variables={"v": {}})
    assert not analysis.problems
    assert sorted(dependencies(*analysis.dependencies["t"]), key=str) == sorted(expected, key=str)


def test_a_reference_in_the_defaults_is_a_dependency_of_every_task() -> None:
    analysis = analysed({"a": {"params": {"p": 1}}, "t": {}, "u": {}}, defaults={"params": {"p": "{{ tasks.a.id }}"}})
    assert {name: dependencies(*found) for name, found in analysis.dependencies.items()} == {
        "a": [],
        "t": [("a", None)],
        "u": [("a", None)],
    }


ROOTS = ("var", "local", "tasks", "each", "launch", "results", "failure")
ALLOWED: dict[str, tuple[str, ...]] = {
    "title": ("var", "local", "each"),
    "agent": ("var", "local", "each"),
    "workspace": ("var", "local", "each"),
    "module": ("var", "local", "each"),
    "version": ("var", "local", "each"),
    "for_each": ("var", "local", "tasks"),
    "params": ("var", "local", "each", "tasks"),
    "target": ("var", "local", "each", "tasks"),
    "results": ("var", "local", "each", "tasks", "launch"),
    "checks": ("var", "local", "each", "tasks", "launch", "results"),
    "outputs": ("var", "local", "each", "tasks", "launch", "results", "failure"),
}
USES = {
    "var": "var.v", "local": "local.l", "tasks": "tasks.a.id", "each": "each.key", "launch": "launch.id",
    "results": "results.r",
    "failure": "failure.summary",
}  # fmt: skip


def written(section: str, expression: str) -> dict[str, Any]:
    wrapped: dict[str, Any] = {
        "params": {"p": expression},
        "target": {"images_project": expression},
        "results": {"r": expression},
        "checks": [{"assert": expression}],
        "outputs": {"error": {"title": expression}},
    }
    return {section: wrapped.get(section, expression)}


@pytest.mark.parametrize("section", ALLOWED)
@pytest.mark.parametrize("root", ROOTS)
def test_what_may_be_named_where(section: str, root: str) -> None:
    body = {"for_each": ["k"], "results": {"r": 1}, **written(section, "{{ " + USES[root] + " }}")}
    problems = analysed({"a": A, "t": body}, variables={"v": {}}, locals={"l": 1}).problems
    assert [p.code for p in problems] == ([] if root in ALLOWED[section] else [Code.TEMPLATE_NOT_HERE])


@pytest.mark.parametrize("root", ROOTS)
def test_locals_see_variables_and_the_specs_results_see_tasks_as_well(root: str) -> None:
    expression = "{{ " + USES[root] + " }}"
    in_locals = analysed({"a": A}, variables={"v": {}}, locals={"l": 1, "m": expression}).problems
    in_results = analysed({"a": A}, variables={"v": {}}, locals={"l": 1}, results={"r": expression}).problems
    assert bool(in_locals) == (root not in ("var", "local"))
    assert bool(in_results) == (root not in ("var", "local", "tasks"))


@pytest.mark.parametrize(
    ("expression", "code", "marked", "remedy"),
    [
        ("{{ var.vv }}", Code.TEMPLATE_UNDEFINED, "var.vv", 'Did you mean "v"?'),
        ("{{ v }}", Code.TEMPLATE_UNDEFINED, "v", 'Write "var.v".'),
        ("{{ l }}", Code.TEMPLATE_UNDEFINED, "l", 'Write "local.l".'),
        ("{{ a }}", Code.TEMPLATE_UNDEFINED, "a", 'Write "tasks.a".'),
        ("{{ tasks.b.id }}", Code.UNKNOWN_TASK, "tasks.b", "Tasks: a, f, t."),
        ("{{ tasks[var.v].id }}", Code.UNKNOWN_TASK, "tasks", "Name the task"),
        (
            "{{ tasks.a.outputs }}",
            Code.TEMPLATE_UNDEFINED,
            "tasks.a.outputs",
            "Attributes of a task: id, name, outcome, results.",
        ),
        ("{{ tasks.a.results.y }}", Code.TEMPLATE_UNDEFINED, "tasks.a.results.y", "Its results: x."),
        ("{{ tasks.f.id }}", Code.FAN_OUT, "tasks.f.id", "Say which"),
        ("{{ tasks.f['k'].results.y }}", Code.TEMPLATE_UNDEFINED, "", "Its results: x."),
        ("{{ var.v | nosuch }}", Code.TEMPLATE_SYNTAX, "", ""),
        ("{{ range(3) }}", Code.TEMPLATE_FORBIDDEN, "", ""),
    ],
)
def test_a_wrong_name_is_marked_where_it_stands_and_a_better_one_is_offered(
    expression: str, code: Code, marked: str, remedy: str
) -> None:
    problems = analysed(
        {"a": A, "f": FAN, "t": {"params": {"p": expression}}}, variables={"v": {}}, locals={"l": 1}
    ).problems
    assert [p.code for p in problems] == [code]
    (problem,) = problems
    assert remedy in problem.remedy
    assert problem.span is not None
    text = problem.span.source.text[problem.span.start : problem.span.end]
    assert text == marked or (not marked and expression in text)


def test_every_wrong_name_is_reported_not_the_first_alone() -> None:
    problems = analysed(
        {"t": {"params": {"p": "{{ var.a }} {{ var.b }}", "q": "{{ tasks.c.id }}", "r": "{{ d | e }}"}}}
    ).problems
    assert len(problems) == 4
