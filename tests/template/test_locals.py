"""Locals: evaluated in whatever order they need each other, and bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code
from taskspec.errors import SpecError
from taskspec.template.expressions.render import Renderer
from taskspec.template.locals import base_scope

from .specs import spec_of


def locals_of(written: dict[str, Any], **variables: Any) -> dict[str, Any]:
    spec = spec_of({"t": {}}, locals=written, variables=dict.fromkeys(variables))
    found: dict[str, Any] = base_scope(spec, variables, Renderer())["local"]
    return found


def problems(written: dict[str, Any], **variables: Any) -> list[tuple[Code, str]]:
    with pytest.raises(SpecError) as error:
        locals_of(written, **variables)
    return [(p.code, p.summary) for p in error.value.diagnostics]


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_in_which_locals_are_written_does_not_matter(names: list[str]) -> None:
    written = {
        "a": "{{ var.n }}",
        "b": "{{ local.a + 1 }}",
        "c": ["{{ local.b }}", "{{ local.a }}"],
        "d": "{{ local.c[0] }}!",
    }
    assert locals_of({name: written[name] for name in names}, n=1) == {"a": 1, "b": 2, "c": [2, 1], "d": "2!"}


def test_a_local_that_fails_is_reported_once_and_what_needs_it_not_at_all() -> None:
    found = problems({"c": "{{ local.b }}", "a": "{{ 1 / 0 }}", "b": "{{ local.a + 1 }}", "d": "{{ 'x' + 1 }}"})
    assert [summary.split(":")[0] for _, summary in found] == ['local "a"', 'local "d"']


def test_a_circle_of_locals_is_reported_as_a_path_from_the_first_that_is_written() -> None:
    written = {"free": 1, "b": "{{ local.c }}", "a": "{{ local.b }}", "c": ["{{ local.a }}"]}
    assert problems(written) == [(Code.CYCLE, "locals need each other: b → c → a → b")]


def test_thousands_of_locals_in_a_row_are_no_recursion() -> None:
    written = {f"l{n}": f"{{{{ local.l{n + 1} }}}}" for n in range(3000)} | {"l3000": "end"}
    assert locals_of(written)["l0"] == "end"


@pytest.mark.parametrize(
    "twice", ["{{ local.LAST }}{{ local.LAST }}", {"a": "{{ local.LAST }}", "b": "{{ local.LAST }}"}]
)
def test_locals_that_double_each_other_are_stopped(twice: Any) -> None:
    def doubled(n: int) -> Any:
        last = f"l{n - 1}"
        return (
            twice.replace("LAST", last)
            if isinstance(twice, str)
            else {k: v.replace("LAST", last) for k, v in twice.items()}
        )

    (problem,) = problems({"l0": "x" * 1000, **{f"l{n}": doubled(n) for n in range(1, 40)}})
    assert "becomes larger than" in problem[1] or "becomes longer than" in problem[1]


def test_a_value_is_never_a_template_a_second_time() -> None:
    found = locals_of({"a": "{{ var.x }}", "b": "{{ local.a }} and {{ local.a }}"}, x="{{ var.secret }}", secret="s")
    assert found == {"a": "{{ var.secret }}", "b": "{{ var.secret }} and {{ var.secret }}"}
