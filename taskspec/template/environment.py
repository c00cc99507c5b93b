"""The one door to jinja2: a sandbox for expressions inside scalars, strict about what is missing.

No statements, no calls, no globals, no loader; only listed filters and tests. Attribute access on maps reads keys and
nothing else, so `var.items` is the variable "items" and never a method.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from taskspec.values import Json, Unknown, canonical

TEXT_LIMIT = 65_536
"""Characters a filter may produce; a chain of `replace` multiplies otherwise."""
NODE_LIMIT = 500
SOURCE_LIMIT = 4096

_FILTERS = frozenset(
    {
        *("abs", "default", "first", "float", "int", "join", "last", "length", "list", "lower", "map", "max", "min"),
        *("reject", "rejectattr", "replace", "round", "select", "selectattr", "sort", "string", "sum", "trim"),
        *("unique", "upper"),
    }
)
_TESTS = frozenset(
    {
        *("boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "in", "integer"),
        *("le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence", "string", "true", "undefined"),
        "upper",
    }
)

_NODES = (
    nodes.Add, nodes.And, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict, nodes.Div,
    nodes.Filter, nodes.FloorDiv, nodes.Getattr, nodes.Getitem, nodes.Keyword, nodes.List, nodes.Mod, nodes.Mul,
    nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or, nodes.Output, nodes.Pair, nodes.Pos, nodes.Slice,
    nodes.Sub, nodes.Template, nodes.TemplateData, nodes.Test, nodes.Tuple,
)  # fmt: skip


class ExpressionError(Exception):
    """An expression cannot be read or cannot be evaluated; `name` is the missing name where that is the cause."""

    def __init__(self, message: str, *, name: str = "", forbidden: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.name = name
        self.forbidden = forbidden


class Missing(StrictUndefined):
    """A name that is not there; using it says what is there instead."""

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if isinstance(owner, Mapping):
            there = ", ".join(sorted(map(str, owner))[:12])
            return f'there is no "{name}" here; there is: {there}' if there else f'there is no "{name}": it is empty'
        if owner is None or owner.__class__.__name__ == "MissingType":
            return f'"{name}" is not defined' if owner is not None else f'null has no "{name}"'
        return f'{_kind(owner)} has no "{name}"'


def _kind(value: object) -> str:
    names = {str: "a text", int: "a number", float: "a number", bool: "a truth value", list: "a list", tuple: "a list"}
    return names.get(type(value), "the value")


class Addressable:
    """A scope object that decides itself what a name or index on it means."""

    __slots__ = ()

    def look_up(self, key: Any) -> Any:
        """The value under `key`; raises KeyError when there is none."""
        raise KeyError(key)

    def names(self) -> list[str]:
        """What `look_up` knows, for messages."""
        return []


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, narrowed to expressions over our own values."""

    intercepted_binops = frozenset({"*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Unknown):
            return obj
        try:
            if isinstance(obj, Addressable):
                return obj.look_up(argument)
            if isinstance(obj, Mapping):
                return obj[argument if isinstance(argument, str) else str(argument)]
            if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
                return obj[argument]
        except (LookupError, TypeError):
            pass
        if isinstance(obj, Addressable):
            return self.undefined(obj=dict.fromkeys(obj.names()), name=str(argument))
        return self.undefined(obj=obj, name=str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return left * right
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f'"{operator}" works on numbers only')
        return super().call_binop(context, operator, left, right)


def as_text(value: Json) -> str:
    """How a value looks inside text: YAML's spelling of truth values, JSON for maps and lists; null is refused."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise ExpressionError('null cannot be a part of text; give it a default: {{ x | default("…", true) }}')
    if isinstance(value, Mapping | list | tuple):
        return canonical(value)
    return str(value)


def _capped(function: Callable[..., Any]) -> Callable[..., Any]:
    def capped(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        if isinstance(result, str) and len(result) > TEXT_LIMIT:
            raise SecurityError(f"a filter made more than {TEXT_LIMIT} characters")
        return result

    for marker in ("jinja_pass_arg", "jinja_async_variant"):
        if hasattr(function, marker):
            setattr(capped, marker, getattr(function, marker))
    return capped


def build_sandbox() -> Sandbox:
    """A fresh sandbox. Costs a few milliseconds; one for a whole plan is enough."""
    sandbox = Sandbox(undefined=Missing, autoescape=False, finalize=_finalize, cache_size=0, keep_trailing_newline=True)
    sandbox.globals.clear()
    filters = {name: _capped(sandbox.filters[name]) for name in _FILTERS}
    filters["tojson"] = canonical
    filters["fromjson"] = _from_json
    sandbox.filters = {**filters, "d": filters["default"], "count": filters["length"]}
    sandbox.tests = {name: sandbox.tests[name] for name in _TESTS} | {
        operator: sandbox.tests[operator] for operator in ("==", "!=", "<", "<=", ">", ">=")
    }
    return sandbox


def _finalize(value: Any) -> str:
    if isinstance(value, Missing | Unknown):
        return str(value)
    return as_text(value)


def _from_json(text: str) -> Json:
    if len(text) > TEXT_LIMIT:
        raise SecurityError(f"more than {TEXT_LIMIT} characters of JSON")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ExpressionError(f"fromjson: {error}") from None


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
    except (RecursionError, ValueError) as error:
        raise ExpressionError(f"cannot be read: {error}", forbidden=True) from None
    for count, node in enumerate(_walk(tree)):
        _check_node(sandbox, node)
        if count > NODE_LIMIT:
            raise ExpressionError(f"an expression may have {NODE_LIMIT} parts", forbidden=True)
    return tree


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.iter_child_nodes())


def _check_node(sandbox: Sandbox, node: nodes.Node) -> None:
    if not isinstance(node, _NODES):
        what = "a call" if isinstance(node, nodes.Call) else f"{{% {type(node).__name__.lower()} %}}"
        if isinstance(node, nodes.Pow):
            what = '"**"'
        raise ExpressionError(f"{what} is not part of the template language; write one expression", forbidden=True)
    if isinstance(node, nodes.Filter) and node.name not in sandbox.filters:
        raise ExpressionError(
            f'there is no filter "{node.name}"; there is: {", ".join(sorted(sandbox.filters))}', name=node.name
        )
    if isinstance(node, nodes.Test) and node.name not in sandbox.tests:
        raise ExpressionError(f'there is no test "{node.name}"; there is: {", ".join(sorted(_TESTS))}', name=node.name)
    attribute = node.attr if isinstance(node, nodes.Getattr) else None
    if attribute is not None and attribute.startswith("_"):
        raise ExpressionError(f'"{attribute}": names that start with "_" are out of reach', forbidden=True)


def compile_expression(sandbox: Sandbox, expression: str) -> Callable[[Mapping[str, Any]], Json]:
    """A function from scope to value, for the text between the braces."""
    compiled = sandbox.compile_expression(expression, undefined_to_none=False)
    return lambda scope: _checked(_guarded(lambda: compiled(scope)))


def compile_text(sandbox: Sandbox, text: str) -> Callable[[Mapping[str, Any]], str]:
    """A function from scope to text, for a scalar that mixes text and expressions."""
    template = sandbox.from_string(text)
    return lambda scope: str(_guarded(lambda: template.render(scope)))


def _checked(value: Any) -> Json:
    if isinstance(value, Missing):
        _guarded(lambda: str(value))
    if isinstance(value, Iterator):
        return _guarded(lambda: list(value))
    return value


def _guarded(evaluate: Callable[[], Any]) -> Any:
    """Evaluate; every way a template can fail becomes an ExpressionError. UnknownTouchedError passes through."""
    try:
        return evaluate()
    except UndefinedError as error:
        raise ExpressionError(error.message or "something is not defined") from None
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ExpressionError(str(error) or type(error).__name__) from None
