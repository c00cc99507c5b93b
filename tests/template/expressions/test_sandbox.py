"""The sandbox: only expressions over our own values evaluate, and none costs more than it shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskspec.template.expressions.expression import Expressions
from taskspec.template.expressions.filters import TEXT_LIMIT
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.task_views import TasksView, TaskView, unknown_view
from taskspec.template.expressions.undefined import ExpressionError

SCOPE: dict[str, Any] = {
    "var": {"s": "text", "l": [1, 2, 3], "m": {"a": 1}, "long": "x" * TEXT_LIMIT, "n": 7},
    "tasks": TasksView(),
}
SCOPE["tasks"].put("done", None, TaskView("done", 5, {"r": 1}))
SCOPE["tasks"].put("open", None, unknown_view("open", ["r"]))

ATTACKS = [
    # towards Python
    "{{ var.s.__class__ }}", "{{ var.s['__class__'] }}", "{{ var.s['__cla' ~ 'ss__'] }}",
    "{{ ''.__class__.__mro__[1] }}",
    "{{ var.s | attr('__class__') }}", "{{ [var.s] | map(attribute='__class__') | list }}",
    "{{ [var.s] | map('attr', 'x') | list }}",
    "{{ var.l.append(4) }}", "{{ var.m.update({}) }}", "{{ var.m.items() }}", "{{ var.s.format(1) }}",
    "{{ '%s' % var.s }}",
    "{{ '%999999999d' % 1 }}", "{{ '{0.__class__}'.format(1) }}", "{{ '%s' | format(1) }}", "{{ tasks.done.look_up }}",
    "{{ tasks.done.__slots__ }}", "{{ tasks._tasks }}", "{{ tasks['_tasks'] }}", "{{ tasks.look_up('x') }}",
    "{{ self }}",
    "{{ self.__init__ }}", "{{ self._TemplateReference__context }}", "{{ cycler }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum }}", "{{ lipsum() }}", "{{ namespace() }}", "{{ joiner() }}", "{{ dict(a=1) }}", "{{ range(3) }}",
    "{{ request }}",
    "{{ config }}", "{{ url_for }}", "{{ get_flashed_messages }}", "{{ loop }}", "{{ caller() }}", "{{ context }}",
    "{{ super() }}",
    "{{ environment }}", "{{ __builtins__ }}", "{{ open('/etc/passwd') }}", "{{ import os }}", "{{ (1).__class__ }}",
    "{{ var.s | string | attr('format') }}", "{{ var.l | tojson | safe }}", "{{ var.s | pprint }}",
    "{{ var.s | xmlattr }}",
    "{{ var.l | groupby('x') }}", "{{ var.l | random }}", "{{ var.s | wordwrap(1) }}",
    "{{ var.s | center(999999999) }}",
    "{{ var.s | indent(999999999) }}", "{{ var.l | batch(1) }}", "{{ var.m | dictsort }}", "{{ var.s is callable }}",
    "{{ var.s is filter }}", "{{ var.s is sameas var.s }}", "{{ lambda: 1 }}", "{{ x := 1 }}",
    "{{ [i for i in var.l] }}", "{{ [1e308 + 1e308] | tojson }}",
    # statements
    "{% for i in var.l %}{{ i }}{% endfor %}",
    "{% for a in var.long %}{% for b in var.long %}x{% endfor %}{% endfor %}",
    "{% set x = 1 %}", "{% set x %}y{% endset %}", "{% include 'x' %}", "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}", "{% macro f() %}{% endmacro %}", "{% call f() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% block b %}{% endblock %}", "{% if true %}x{% endif %}", "{% with %}{% endwith %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do 1 %}", "{% break %}", "{% debug %}", "{% trans %}{% endtrans %}",
    # costs
    "{{ 'x' * 10 ** 9 }}", "{{ 'x' * 1000000000 }}", "{{ 1000000000 * 'x' }}", "{{ [0] * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 1.5 | round(999999999) }}", "{{ 1.5 | round(999999999, 'ceil') }}", "{{ 1.5 | round(-999999999, 'floor') }}",
    "{{ 15 | round(precision=99999999, method='ceil') }}", "{{ var.long | replace('', var.long) }}",
    "{{ var.long | replace('x', var.long) }}", "{{ var.long | list | join(var.long) }}",
    "{{ (var.long ~ 'x') | upper }}",
    "{{ var.long ~ 'x' }}", "{{ (1, 2) | join(var.long) }}", "{{ " + "9" * 2000 + " * " + "9" * 2000 + " }}",
    "{{ 1e308 * 10 }}", "{{ 1e308 + 1e308 }}", "{{ 1e999 }}", "{{ [1e999] }}",
    "{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}", "{{ " + "[" * 300 + "]" * 300 + " }}", "{{ " + "-" * 300 + "1 }}",
    "{{ " + "not " * 300 + "1 }}", "{{ " + " + ".join(["1"] * 200) + " }}", "{{ " + "1 if 1 else " * 200 + "1 }}",
    "{{ 1" + " | abs" * 200 + " }}", "{{ var.m" + ".a" * 200 + " }}", "{{ var.m" + "['a']" * 200 + " }}",
    "{{ '" + "x" * 5000 + "' }}",
    "{{ '\\ud800' }}", "{{ '\"\\\\ud800\"' | fromjson }}", "{{ '[NaN]' | fromjson }}", "{{ '1e999' | fromjson }}",
    "{{ ('[' * 20000) | fromjson }}", "{{ '" + "[" * 2000 + "' | fromjson }}",
    "{{ '" + "9" * 4000 + "99999' | fromjson }}",
]  # fmt: skip


@pytest.mark.parametrize("template", ATTACKS, ids=lambda template: template[:40])
@pytest.mark.parametrize("form", ["{}", "text {}"])
def test_no_attack_evaluates(template: str, form: str) -> None:
    with pytest.raises(RenderError):
        Renderer().render(form.format("") + template, SCOPE)


def test_a_refusal_before_evaluation_needs_no_value() -> None:
    """What can be seen in the text is refused while the spec is validated, not when a launch is due."""
    for template in (
        "{{ var.s.__class__ }}",
        "{{ range(3) }}",
        "{% if true %}x{% endif %}",
        "{{ 9 ** 9 }}",
        "{{ self }}",
    ):
        with pytest.raises(ExpressionError):
            Expressions().parse(template)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ [3, 1, 2] | sort | join('-') }}", "1-2-3"),
        ("{{ [true, 1.5, {'a': [1]}] | join(' ') }}", 'true 1.5 {"a":[1]}'),
        ("{{ [{'a': 1}, {'a': 2}] | join(',', attribute='a') }}", "1,2"), ("{{ [1, 2] | join(d='+') }}", "1+2"),
        ("{{ 'aXbX' | replace('X', '-') }}", "a-b-"), ("{{ 'aXbX' | replace('X', '-', 1) }}", "a-bX"),
        ("{{ 101 | replace('0', '.') }}", "1.1"),
        ("{{ 2.345 | round(2) }}", round(2.345, 2)), ("{{ 2.1 | round(method='ceil') }}", 3.0), ("{{ 2 | round }}", 2),
        ("{{ true | string }}", "true"), ("{{ {'b': 1, 'a': [true]} | tojson }}", '{"a":[true],"b":1}'),
        ("{{ [1, 2, 3] | select('odd') }}", [1, 3]),
        ("{{ [[1], [2]] | map('first') | map('string') | list }}", ["1", "2"]),
        ("{{ [1, 1, 2] | unique }}", [1, 2]), ("{{ 'a,b'[0:1] }}", "a"), ("{{ '{}' | fromjson }}", {}),
        ("{{ [] | first is undefined }}", True),
        ("{{ [1, 2] | reject('equalto', 1) | first }}", 2),
        ("{{ [{'a': 1}] | selectattr('a', '==', 1) | list }}", [{"a": 1}]),
        ("{{ tasks.done | string }}", "5"), ("{{ [tasks.done] | tojson }}", "[5]"),
        ("{{ var.long | length }}", TEXT_LIMIT),
        ("{{ 7 // 2 }}", 3), ("{{ 7 % 4 }}", 3), ("{{ 7 / 2 }}", 3.5), ("{{ 'a' in 'abc' }}", True),
        ("{{ 1 < 2 < 3 }}", True),
    ],
)  # fmt: skip
def test_what_only_computes_is_there(template: str, value: object) -> None:
    found = Renderer().render(template, SCOPE)
    assert (type(found), found) == (type(value), value)


PIECES = st.sampled_from(
    [*"()[]{}.,:|~+-*/%<>=!'\" 019", "var", "var.s", "var.l", "var.m", "var.n", "tasks.done", "tasks.open",
    "tasks.open.results"]
    + [".r", "['a']", "[0]", "[:2]", " is ", " not ", " in ", " and ", " or ", " if ", " else ", "none", "true",
    "attribute='id'"]
    + [f" | {name}" for name in ("map", "list", "join", "sum", "sort", "tojson", "fromjson", "default(1)", "round",
    "replace('a','b')")]
)  # fmt: skip


@settings(max_examples=1500)
@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(["{{{{ {} }}}}", "a {{{{ {} }}}}"]))
def test_an_expression_gives_a_value_or_a_reason(pieces: str, form: str) -> None:
    try:
        Renderer().render(form.format(pieces), SCOPE)
    except RenderError as error:
        reason = str(error)
    else:
        reason = "none needed"
    assert reason
