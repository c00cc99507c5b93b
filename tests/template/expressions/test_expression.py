"""Expressions: what they refer to, the type they keep, and that the short way gives what the sandbox gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskspec.template.expressions.expression import (
    Dynamic,
    Expression,
    Expressions,
    Index,
    Reference,
    _parse_full,
    _parse_simple,
)
from taskspec.template.expressions.task_views import TasksView, TaskView, unknown_view
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.values import Unknown, unknowns

CFG = {"a": 1, "b": [10, 20, {"c": "deep"}], "items": "an item", "with space": True, "nothing": None, "0": "zero"}
SCOPE: dict[str, Any] = {
    "var": {"lr": 0.001, "name": "lemons", "cfg": CFG, "on": True, "off": False, "none": None, "n": 3},
    "local": {"run": "x"},
    "each": {"key": "yolo", "value": {"w": 5}},
    "tasks": TasksView(),
}
SCOPE["tasks"].put("done", None, TaskView("done", 17, {"report": 99, "map": {"x": 0.5}}))
SCOPE["tasks"].put("open", None, unknown_view("open", ["report"]))
SCOPE["tasks"].put("cells", "a", TaskView("cells[a]", 1, {"r": 0.5}))
SCOPE["tasks"].put("cells", "b", unknown_view("cells[b]", ["r"]))


def value(text: str) -> Any:
    return Expressions().parse(text).value(SCOPE)


def shown(found: Any) -> Any:
    """A value in a form that can be compared: an unknown compares to nothing."""
    if isinstance(found, Unknown):
        return found.describe()
    if isinstance(found, dict):
        return {key: shown(item) for key, item in found.items()}
    return [shown(item) for item in found] if isinstance(found, list) else found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ var.lr }}", 0.001), ("{{var.n}}", 3), ("{{ var.on }}", True), ("{{ var.none }}", None),
        ("{{ var.cfg.items }}", "an item"), ("{{ var.cfg['with space'] }}", True), ("{{ var.cfg.b[2].c }}", "deep"),
        ("{{ var.cfg[0] }}", "zero"), ("{{ var.cfg.b }}", [10, 20, {"c": "deep"}]), ("{{- var.n -}}", 3),
        ("{{ var.n + 1 }}", 4), ("{{ 'x' ~ var.on ~ var.cfg.b[0] }}", "xtrue10"), ("{{ -var.n }}", -3),
        ("{{ -1 }}", -1), ("{{ +1 }}", 1), ("{{ - var.n }}", -3),
        ("{{ var.n - 1 }}", 2), ("{{ 1, 2 }}", [1, 2]), ("{{ [1, var.n] }}", [1, 3]), ("{{ {'k': var.n} }}", {"k": 3}),
        ("{{ 'a' if var.on else 'b' }}", "a"), ("{{ var.cfg.b[-1].c }}", "deep"), ("{{ var.name[0] }}", "l"),
        ("{{ var.cfg.b | map('string') | list }}", ["10", "20", '{"c":"deep"}']), ("{{ '10' }}", "10"),
        ("{{ 'no' }}", "no"),
        ("{{ var.missing | default(5) }}", 5), ("{{ var.none | default('x', true) }}", "x"), ("{{ tasks.done }}", 17),
        ("{{ tasks.done.results }}", {"report": 99, "map": {"x": 0.5}}), ("{{ tasks.cells | length }}", 2),
        ("{{ tasks.cells['a'].results.r }}", 0.5), ("{{ '[1, {\"a\": null}]' | fromjson }}", [1, {"a": None}]),
    ],
)  # fmt: skip
def test_one_expression_keeps_its_type(text: str, expected: object) -> None:
    found = value(text)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr={{ var.lr }}", "lr=0.001"), ("{{ var.n }}{{ var.n }}", "33"), (" {{ var.n }}", " 3"),
        ("{{ var.n }}\n", "3\n"),
        ("{{ var.on }}/{{ var.off }}", "true/false"), ("x {{ var.cfg.b }}", 'x [10,20,{"c":"deep"}]'),
        ("x {{ var.on and var.off }}", "x false"), ("x {{ tasks.done }}", "x 17"),
        ("x {{ [1] | map('string') }}", 'x ["1"]'),
        ("a {{ '}}' }} b", "a }} b"), ("{# remark #}{{ var.n }}", "3"), ("{{ 1.5 | round(1) }} s", "1.5 s"),
    ],
)  # fmt: skip
def test_anything_else_is_text(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ tasks.open.results.report in 'a text' }}", "{{ 'x' if tasks.open.results.report in 'a text' else 'y' }}",
        "{{ tasks.open.results.report in ['a'] }}", "{{ tasks.open.results.report in {'a': 1} }}",
        "{{ tasks.open.results.report not in var.cfg }}", "{{ {'a': 1}[tasks.open.results.report] }}",
        "{{ [tasks.open.results.report, tasks.cells['b'].results.r] | unique | list | length }}",
        "{{ 'report' in tasks.open.results.report }}", "{{ tasks.open.results.report is string }}",
    ],
)  # fmt: skip
def test_what_is_looked_for_and_not_known_yet_is_neither_there_nor_missing(text: str) -> None:
    assert isinstance(value(text), Unknown)


def test_what_is_wrong_whatever_the_run_brings_is_reported_at_once() -> None:
    with pytest.raises(ExpressionError, match="requires string"):
        value("{{ 1 in 'a text' and tasks.open.results.report }}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ var.name > 0.5 }}", "a text and a number cannot be compared with >"),
        ("{{ var.n <= var.none }}", "a number and null cannot be compared with <="),
        ("{{ [1, 'a'] | sort }}", "a text and a number cannot be compared with <"),
    ],
)
def test_values_without_an_order_are_named_in_words(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words) as raised:
        value(text)
    assert "type: number" in raised.value.remedy


def test_what_an_expression_gives_is_no_template_again() -> None:
    scope = {"var": {"evil": "{{ var.secret }}", "secret": "s"}}
    for text, expected in [("{{ var.evil }}", "{{ var.secret }}"), ("x {{ var.evil ~ '' }}", "x {{ var.secret }}")]:
        assert Expressions().parse(text).value(scope) == expected


@pytest.mark.parametrize(
    ("text", "producers"),
    [
        ("{{ tasks.open.id }}", ["tasks.open.id"]),
        ("{{ tasks.open }}", ["tasks.open.id"]),
        ("{{ tasks.open.results.report.deep[3] }}", ["tasks.open.results.report"]),
        ("report {{ tasks.open.results.report }}", ["tasks.open.results.report"]),
        ("all {{ tasks.open.results }}", ["tasks.open.results.report"]),
        ("{{ tasks.open.results | tojson }}", ["tasks.open.results.report"]),
        ("launch {{ tasks.open }} of {{ tasks.done }}", ["tasks.open.id"]),
        ("{{ tasks.open.id + 1 }}", ["tasks.open.id"]),
        ("{{ 1 - tasks.open.id }}", ["tasks.open.id"]),
        ("{{ 2 * tasks.open.id }}", ["tasks.open.id"]),
        ("{{ -tasks.open.id }}", ["tasks.open.id"]),
        ("{{ tasks.open.id > 3 }}", ["tasks.open.id"]),
        ("{{ 3 == tasks.open.id }}", ["tasks.open.id"]),
        ("{{ 1 if tasks.open.id else 2 }}", ["tasks.open.id"]),
        ("{{ tasks.open.id is none }}", ["tasks.open.id"]),
        ("{{ tasks.open.id is number }}", ["tasks.open.id"]),
        ("{{ tasks.open.id is sequence }}", ["tasks.open.id"]),
        ("{{ tasks.open.id in [1, 2] }}", ["tasks.open.id"]),
        ("{{ tasks.open.results.report | length }}", ["tasks.open.results.report"]),
        ("{{ tasks.open.results.report | list }}", ["tasks.open.results.report"]),
        ("{{ tasks.open.results.report | map(attribute='x') | list }}", ["tasks.open.results.report"]),
        ("{{ tasks.open.results.report | default(0) }}", ["tasks.open.results.report"]),
        ("{{ tasks.open.results.report | fromjson }}", ["tasks.open.results.report"]),
        ("{{ [tasks.open.id, 1] | join(',') }}", ["tasks.open.id"]),
        ("{{ [tasks.open.id, 1] | sum }}", ["tasks.open.id"]),
        ("{{ [tasks.open.id, 1] | max }}", ["tasks.open.id"]),
        ("{{ var.cfg.b[tasks.open.id] }}", ["tasks.open.id"]),
        ("{{ var.name ~ tasks.open.id ~ tasks.open.results.report }}", ["tasks.open.id", "tasks.open.results.report"]),
        ("{{ tasks.cells | map(attribute='results.r') | list }}", ["tasks.cells[b].results.r"]),
        ("{{ tasks.cells | map(attribute='results.r') | join }}", ["tasks.cells[b].results.r"]),
    ],
)
def test_what_touches_an_unknown_is_unknown_and_names_who_produces_it(text: str, producers: list[str]) -> None:
    found = [producer for unknown in unknowns(value(text)) for producer in unknown.producers]
    assert found == producers


def test_unknown_parts_of_a_collection_leave_the_rest_known() -> None:
    assert shown(value("{{ [tasks.open.id, 1] }}")) == ["(known after apply: tasks.open.id)", 1]
    assert value("{{ tasks.open.id is defined }}") is True
    assert value("{{ [tasks.open.id, 1] | length }}") == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ var.nmae }}", 'there is no "nmae" here; there is: cfg, lr, n, name, none, off, on'),
        ("{{ nowhere.x }}", '"nowhere" is not defined'),
        ("{{ var.none.x }}", 'null has no "x"'),
        ("{{ var.lr.x }}", 'a number has no "x"'),
        ("{{ var.cfg.b[7] }}", 'a list has no "7"'),
        ("{{ var.name.upper }}", 'a text has no "upper"'),
        ("{{ tasks.done.rseults }}", 'there is no "rseults" here; there is: id, name, outcome, results'),
        ("{{ tasks.cells['c'].id }}", 'there is no "c" here; there is: a, b'),
    ],
)
@pytest.mark.parametrize("form", ["{}", "x {}", "brackets", "list"])
def test_a_missing_name_says_what_is_there_instead(text: str, message: str, form: str) -> None:
    inner = text[3:-3]
    written = {"brackets": f"{{{{ ({inner}) }}}}", "list": f"{{{{ [{inner}] }}}}"}.get(form, form.format(text))
    with pytest.raises(ExpressionError) as error:
        value(written)
    assert error.value.message == message
    assert error.value.name, "a missing name has a code of its own"


@pytest.mark.parametrize(
    "text", ["x {{ var.none }}", "x{{ var.none }}{{ var.n + 1 }}", "{{ 'x' ~ var.none }}", "{{ [none] | join(',') }}"]
)
def test_null_is_no_part_of_text(text: str) -> None:
    with pytest.raises(ExpressionError, match="null cannot be a part of text"):
        value(text)


REFERENCES = [
    ("{{ tasks.train.results.x }}", [Reference("tasks", ("train", "results", "x"))]),
    ("{{ tasks['train'].id }}", [Reference("tasks", ("train", "id"))]),
    ("{{ tasks[var.which].id }}", [Reference("tasks", (Dynamic(Index.COMPUTED), "id")), Reference("var", ("which",))]),
    (
        "{{ tasks.train[each.key].id }}",
        [Reference("tasks", ("train", Dynamic(Index.EACH_KEY), "id")), Reference("each", ("key",))],
    ),
    (
        "{{ tasks.train[each.value].id }}",
        [Reference("tasks", ("train", Dynamic(Index.COMPUTED), "id")), Reference("each", ("value",))],
    ),
    (
        "{{ tasks.a.id if var.x else tasks.b.id }}",
        [Reference("tasks", ("a", "id")), Reference("var", ("x",)), Reference("tasks", ("b", "id"))],
    ),
    (
        "{{ [tasks.a | default(local.b)] | map(attribute='id') }}",
        [Reference("tasks", ("a",)), Reference("local", ("b",))],
    ),
    ("{{ (var.a ~ 'x').y }}", [Reference("var", ("a",))]),
    ("{{ 'tasks.train' }}", []),
    ("a {{ var.a }} b {{ var.b[0] }}", [Reference("var", ("a",)), Reference("var", ("b", 0))]),
]


@pytest.mark.parametrize(("text", "expected"), REFERENCES)
def test_every_path_an_expression_reads_is_a_reference(text: str, expected: list[Reference]) -> None:
    found = Expressions().parse(text).references
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (Reference("tasks", ("train", Dynamic(Index.EACH_KEY), "id")), "tasks.train[each.key].id"),
        (Reference("tasks", ("train", Dynamic(Index.COMPUTED), "id")), "tasks.train"),
        (Reference("var", ("a", 3, "with space")), "var.a[3]['with space']"),
    ],
)
def test_a_reference_is_shown_as_it_is_written(reference: Reference, text: str) -> None:
    assert reference.text == text


NAMES = st.sampled_from(
    ["var", "local", "each", "tasks", "cfg", "b", "items", "done", "open", "cells", "results", "report"]
) | (
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True)
    | st.sampled_from(
        ["lr", "name", "on", "none", "true", "not", "in", "é", "key", "value", "id", "a", "self", "loop", "if"]
    )
)
STEPS = st.one_of(
    NAMES.map(".{}".format),
    st.text(st.characters(codec="utf-8", exclude_characters="'\"\\\r\n{}%#"), max_size=5).flatmap(
        lambda key: st.sampled_from([f"['{key}']", f'["{key}"]'])
    ),
    st.integers(0, 12).map("[{}]".format),
    st.sampled_from(["[-1]", "[ 1 ]", "[each.key]", "['a']", "[00]", "[٣]"]),
)
PATHS = st.tuples(NAMES, st.lists(STEPS, max_size=4)).map(lambda parts: parts[0] + "".join(parts[1]))
BLANKS = st.sampled_from(["", " ", "  ", "\n", "\t"])
HOLES = st.tuples(BLANKS, PATHS, BLANKS).map(lambda parts: "{{" + "".join(parts) + "}}")
LITERALS = st.text(st.characters(codec="utf-8", exclude_characters="{}#%\r"), max_size=6)
TEMPLATES = HOLES | st.lists(HOLES | LITERALS, min_size=1, max_size=5).map("".join)


def outcome(parse: Callable[[str], Expression | None], text: str) -> tuple[str, Any, Any]:
    try:
        expression = parse(text)
    except ExpressionError:
        return ("refused", None, None)
    if expression is None:
        return ("left to the sandbox", None, None)
    references = sorted(map(repr, expression.references))
    try:
        return ("value", shown(expression.value(SCOPE)), references)
    except ExpressionError as error:
        return ("error", (error.message, bool(error.name)), references)


@settings(max_examples=1500)
@given(TEMPLATES)
@example("{{ var.cfg.b[00] }}")
@example("{{ var.cfg.b }} and {{ var.none }}")
@example("{{ tasks.open.results }} {{ tasks.cells }}")
@example("{{ tasks.cells }}")
@example("{{var.lr}}{{var.n}}\n")
def test_the_short_way_gives_the_value_the_references_and_the_error_of_the_sandbox(text: str) -> None:
    short = outcome(_parse_simple, text)
    if short[0] != "left to the sandbox":
        assert short == outcome(_parse_full, text)


def test_most_scalars_take_the_short_way() -> None:
    """A plan of ten thousand tasks hangs on it."""
    for text in (
        "{{ var.lr }}",
        "data/{{ var.name }}",
        "{{ tasks.a.results['x'][0].y }}",
        "{{ each.value.w }}-{{ each.key }}",
    ):
        assert _parse_simple(text) is not None
