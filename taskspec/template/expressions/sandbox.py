"""The sandbox for expressions inside scalars, strict about what is missing.

No statements, no calls but three, no globals, no loader; only listed filters and tests. Attribute access on maps reads
keys and nothing else, so `var.items` is the variable "items" and never a method.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from taskspec.secrets.sensitive import Sensitive, SensitiveTouchedError
from taskspec.template.expressions.filters import as_text, narrow_filters, narrow_tests, plain
from taskspec.template.expressions.functions import FUNCTION_NAMES
from taskspec.template.expressions.undefined import KINDS, ExpressionError, MissingError, ScopeObject, UndefinedName
from taskspec.values import Json, Opaque, Unknown

NODE_LIMIT = 500
DEPTH_LIMIT = 50
"""Nesting of an expression; Python refuses to compile what is nested some 200 deep."""
SOURCE_LIMIT = 4096

_NODES = (
    nodes.Add, nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict, nodes.Div,
    nodes.Filter, nodes.FloorDiv, nodes.Getattr, nodes.Getitem, nodes.Keyword, nodes.List, nodes.Mod, nodes.Mul,
    nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Pair, nodes.Pos, nodes.Slice,
    nodes.Sub, nodes.Template, nodes.TemplateData, nodes.Test, nodes.Tuple,
)  # fmt: skip


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, narrowed to expressions over our own values."""

    intercepted_binops = frozenset({"*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Unknown | UndefinedName):
            return obj
        if isinstance(obj, Sensitive):
            raise SensitiveTouchedError
        try:
            if isinstance(obj, ScopeObject):
                return obj.look_up(argument)
            if isinstance(obj, Mapping):
                return obj[argument if isinstance(argument, str) else str(argument)]
            if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
                return obj[argument]
        except (LookupError, TypeError):
            pass
        if isinstance(obj, ScopeObject):
            hint = obj.why_missing(argument)
            return self.undefined(hint, obj=dict.fromkeys(obj.names()), name=str(argument))
        return self.undefined(obj=obj, name=str(argument))

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """Jinja's hook between the syntax tree and the code."""
        return super()._generate(_SpellAlike(self).visit(source), name, filename, defer_init)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Opaque) or isinstance(right, Opaque):
            return left * right
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f'"{operator}" works on numbers only')
        return super().call_binop(context, operator, left, right)


class _SpellAlike(NodeTransformer):
    """`a ~ b` spells true, null and maps as text around an expression does, not as Python does."""

    def __init__(self, environment: Sandbox) -> None:
        self._environment = environment

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - the visitor's name for the node
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno, environment=self._environment)
        return nodes.Filter(parts, "join", [], [], None, None, lineno=node.lineno, environment=self._environment)


def build_sandbox() -> Sandbox:
    """A fresh sandbox. Costs a few milliseconds; one for a whole plan is enough."""
    # Not optimized: Jinja folds constants by writing them as Python, and there is no Python name `inf`.
    sandbox = Sandbox(
        undefined=UndefinedName,
        autoescape=False,
        finalize=as_text,
        cache_size=0,
        keep_trailing_newline=True,
        optimized=False,
    )
    sandbox.globals.clear()
    sandbox.filters = narrow_filters(sandbox.filters)
    known: Any = sandbox.tests
    sandbox.tests = narrow_tests(known)  # type: ignore[assignment]  # jinja2 leaves this type to inference
    return sandbox


def parse(sandbox: Sandbox, text: str) -> nodes.Template:
    """The syntax tree of a scalar, allow-listed. Raises ExpressionError."""
    if len(text) > SOURCE_LIMIT:
        raise ExpressionError(
            f"a template may have {SOURCE_LIMIT} characters, this one has {len(text)}", forbidden=True
        )
    try:
        tree = sandbox.parse(text)
    except TemplateSyntaxError as error:
        raise ExpressionError(error.message or "cannot be read") from None
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply", forbidden=True) from None
    except ValueError as error:
        raise ExpressionError(f"cannot be read: {error}", forbidden=True) from None
    for count, (node, depth) in enumerate(_walk(tree)):
        _check_node(sandbox, node)
        if count > NODE_LIMIT:
            raise ExpressionError(f"an expression may have {NODE_LIMIT} parts", forbidden=True)
        if depth > DEPTH_LIMIT:
            raise ExpressionError("the expression is nested too deeply", forbidden=True)
    return tree


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack.extend((child, depth + 1) for child in node.iter_child_nodes())


def _check_node(sandbox: Sandbox, node: nodes.Node) -> None:
    if isinstance(node, nodes.Call):
        _check_call(node)
    elif not isinstance(node, _NODES):
        what = f"{{% {type(node).__name__.lower()} %}}"
        if isinstance(node, nodes.Pow):
            what = '"**"'
        raise ExpressionError(f"{what} is not part of the template language; write one expression", forbidden=True)
    if isinstance(node, nodes.Filter) and node.name not in sandbox.filters:
        raise ExpressionError(
            f'there is no filter "{node.name}"; there is: {", ".join(sorted(sandbox.filters))}', name=node.name
        )
    if isinstance(node, nodes.Test) and node.name not in sandbox.tests:
        raise ExpressionError(
            f'there is no test "{node.name}"; there is: {", ".join(sorted(filter(str.isalpha, sandbox.tests)))}',
            name=node.name,
        )
    if isinstance(node, nodes.Const) and isinstance(node.value, float) and not math.isfinite(node.value):
        raise ExpressionError("a number too large for JSON", forbidden=True)
    if isinstance(node, nodes.Name) and node.name == "self":
        # Jinja's own name for the template: the only object it would bring in.
        raise ExpressionError('"self" is not defined', name="self", forbidden=True)
    attribute = node.attr if isinstance(node, nodes.Getattr) else None
    if attribute is not None and attribute.startswith("_"):
        raise ExpressionError(f'"{attribute}": names that start with "_" are out of reach', forbidden=True)


def called_function(node: nodes.Call) -> str:
    """The name of the function that a call names, or nothing where it is none of ours."""
    return node.node.name if isinstance(node.node, nodes.Name) and node.node.name in FUNCTION_NAMES else ""


def _check_call(node: nodes.Call) -> None:
    name = called_function(node)
    if not name:
        raise ExpressionError("only file(path), json(text) and yaml(text) can be called", forbidden=True)
    if len(node.args) != 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(f"{name} takes exactly one value in its brackets", forbidden=True)


def compile_expression(sandbox: Sandbox, expression: str) -> Callable[[Mapping[str, Any]], Json]:
    """A function from scope to value, for the text between the braces."""
    compiled = sandbox.compile_expression(expression, undefined_to_none=False)
    return lambda scope: _guarded(lambda: plain(compiled(scope)))


def compile_text(sandbox: Sandbox, text: str) -> Callable[[Mapping[str, Any]], str]:
    """A function from scope to text, for a scalar that mixes text and expressions."""
    template = sandbox.from_string(text)
    return lambda scope: str(_guarded(lambda: template.render(scope)))


def _guarded(evaluate: Callable[[], Any]) -> Any:
    """Evaluate; every way a template can fail becomes an ExpressionError. UnknownTouchedError passes through."""
    try:
        return evaluate()
    except UndefinedError as error:
        name = error.name if isinstance(error, MissingError) else ""
        raise ExpressionError(error.message or "something is not defined", name=name) from None
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise _unlike(error) or ExpressionError(str(error) or type(error).__name__) from None


_UNLIKE = re.compile(r"'(\S+)' not supported between instances of '(\w+)' and '(\w+)'")


def _unlike(error: Exception) -> ExpressionError | None:
    """The error for values that have no order, as a text and a number."""
    found = _UNLIKE.search(str(error)) if isinstance(error, TypeError) else None
    if found is None:
        return None
    left, right = (KINDS.get(name, f"a {name}") for name in found.groups()[1:])
    return ExpressionError(
        f"{left} and {right} cannot be compared with {found[1]}",
        remedy="A result can be declared with `type: number`; a text becomes a number with `| float`.",
    )
