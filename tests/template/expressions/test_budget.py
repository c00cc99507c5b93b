"""All expressions of a spec have one budget: many small ones over one large value are refused, and few are not."""

from __future__ import annotations

import pytest

from taskspec.template.expressions.budget import PASS, Budget
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.values import VALUE_WORK

TEXT = "x" * 100
LIST = list(range(100))
SCOPE = {"local": {"text": TEXT, "list": LIST, "deep": [[LIST], LIST]}}


def spent(text: str) -> int:
    budget = Budget(left=10**9)
    Renderer(budget=budget).render(text, SCOPE)
    return 10**9 - budget.left


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{{ local.text }}", 100),
        ("a {{ local.text }}", 102),
        ("{{ local.list }}", 101 * VALUE_WORK),
        ("{{ local.list[0] }}", 0),
        ("{{ local.list | length }}", PASS * 101 * VALUE_WORK),
        ("{{ local.list | sort | first }}", 2 * PASS * 101 * VALUE_WORK),
        ("{{ local.list[local.list | first] }}", 2 * PASS * 101 * VALUE_WORK),
        ("{{ local.deep }}", 204 * VALUE_WORK),
        ("{{ local.missing | default(1) }}", 0),
    ],
)
def test_an_expression_pays_for_what_it_goes_through_and_for_what_it_gives(text: str, cost: int) -> None:
    assert spent(text) == cost


def test_what_costs_more_than_is_left_is_refused_and_not_evaluated() -> None:
    renderer = Renderer(budget=Budget(left=150))
    assert renderer.render("{{ local.text }}", SCOPE) == TEXT
    with pytest.raises(RenderError, match="all values of this spec together become larger than"):
        renderer.render("{{ local.text | upper }}", SCOPE)


def test_without_a_budget_nothing_is_counted() -> None:
    renderer = Renderer(budget=Budget(left=0))
    renderer.stop_counting()
    assert renderer.render(["{{ local.text }}"] * 100, SCOPE) == [TEXT] * 100


def test_a_value_that_is_weighed_again_costs_the_same_and_another_in_its_place_its_own() -> None:
    budget = Budget(left=10**6)
    renderer = Renderer(budget=budget)
    for length in (100, 100, 50):
        before = budget.left
        renderer.render("{{ local.list }}", {"local": {"list": list(range(length))}})
        assert before - budget.left == (length + 1) * VALUE_WORK


def test_a_text_of_many_expressions_is_bounded_while_it_is_put_together() -> None:
    with pytest.raises(RenderError, match="larger than 1,048,576 characters"):
        Renderer().render("{{ local.text }}" * 20_000, SCOPE)
