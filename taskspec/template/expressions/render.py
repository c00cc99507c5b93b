"""Renders values: every expression in them is replaced by what it gives.

What an expression gives is never evaluated a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from taskspec.diagnostics import Code, Diagnostic, Span
from taskspec.json_tree import leaves
from taskspec.template.expressions.budget import Budget
from taskspec.template.expressions.expression import Expression, Expressions, Reference, Scope, is_template
from taskspec.template.expressions.functions import FUNCTION_NAMES, Functions
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.values import Json, Path, not_json


class RenderError(Exception):
    """An expression could not be evaluated; `path` leads from the rendered value to it."""

    def __init__(self, path: Path, text: str, error: ExpressionError) -> None:
        super().__init__(error.message)
        self.path = path
        self.text = text
        self.error = error

    def diagnostic(self, span: Span, owner: str) -> Diagnostic:
        code = Code.TEMPLATE_UNDEFINED if self.error.name else Code.TEMPLATE_FAILED
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "…"
        detail = f"while evaluating {shown}"
        return Diagnostic(code, f"{owner}: {self.error.message}", span, detail, self.error.remedy)


class Renderer:
    """Renders values in a scope, within a budget if there is one; remembers every expression it has parsed.

    The functions are those of the scope; one that brings none has those given here.
    """

    def __init__(self, functions: Functions | None = None, budget: Budget | None = None) -> None:
        self._expressions = Expressions()
        self.functions = functions or Functions()
        self._budget = budget

    def stop_counting(self) -> None:
        """Go on without a budget, here and in the specs that share it: all was rendered once, and approved."""
        if self._budget is not None:
            self._budget.stop_counting()

    def parse(self, text: str) -> Expression:
        return self._expressions.parse(text)

    def references(self, value: Json) -> Iterator[Reference]:
        """What the expressions of a value read. One that cannot be parsed is left out: its problem is reported."""
        for _, text in templates_in(value):
            with suppress(ExpressionError):
                yield from self.parse(text).references

    def render(self, value: Json, scope: Scope, path: Path = ()) -> Json:
        """`value` with every expression replaced by what it gives. Raises RenderError at the first that fails."""
        if isinstance(value, str):
            return self._scalar(value, scope, path) if is_template(value) else value
        if isinstance(value, Mapping):
            return {key: self.render(item, scope, (*path, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.render(item, scope, (*path, index)) for index, item in enumerate(value)]
        return value

    def _scalar(self, text: str, scope: Scope, path: Path) -> Json:
        try:
            expression = self.parse(text)
            if expression.calls and FUNCTION_NAMES[0] not in scope:
                scope = {**self.functions.scope, **scope}
            value = self._value(expression, scope)
            problem = not_json(value)
            if problem:
                raise ExpressionError(problem[1])
        except ExpressionError as error:
            raise RenderError(path, text, error) from None
        return value

    def _value(self, expression: Expression, scope: Scope) -> Json:
        budget = self._budget
        if budget is None:
            return expression.value(scope)
        if expression.passes:
            budget.charge_expression(expression, scope)
        value = expression.value(scope)
        budget.take(value)
        return value


def templates_in(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every scalar of `value` that holds an expression, with its path."""
    return ((place, leaf) for place, leaf in leaves(value, path) if isinstance(leaf, str) and is_template(leaf))
