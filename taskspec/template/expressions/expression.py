"""A scalar that holds an expression: what it refers to, and its value in a scope.

Most scalars only pass a value on (`{{ var.lr }}`, `data/{{ var.name }}`). Those are evaluated by walking the dotted
path, which costs a hundredth of compiling them; everything else goes through the sandbox. Both give the same values
and the same errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import nodes

from taskspec.secrets.sensitive import Sensitive, SensitiveTouchedError
from taskspec.template.expressions.filters import as_text, plain
from taskspec.template.expressions.sandbox import (
    Sandbox,
    build_sandbox,
    called_function,
    compile_expression,
    compile_text,
    parse,
)
from taskspec.template.expressions.secret_views import reveal_paths
from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import Json, Unknown, UnknownTouchedError

Scope = Mapping[str, Any]

_PATH = r"[A-Za-z_]\w*(?:\.[A-Za-z]\w*|\['[^'\\]*'\]|\[\"[^\"\\]*\"\]|\[(?:0|[1-9][0-9]{0,8})\])*"
_SIMPLE_PART = re.compile(r"\{\{\s*(" + _PATH + r")\s*\}\}")
_STEP = re.compile(r"\.([A-Za-z]\w*)|\['([^'\\]*)'\]|\[\"([^\"\\]*)\"\]|\[([0-9]+)\]")
JOINED_LIMIT = 2**20
"""Characters of a text with expressions in it."""
_WORDS = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "is", "in", "if", "else", "self"}
)


class Index:
    """An index that is known only when evaluated."""

    EACH_KEY = "each.key"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class Dynamic:
    """A step of a reference that is an expression itself; `kind` is one of Index."""

    kind: str


Step = str | int | Dynamic


@dataclass(frozen=True, slots=True)
class Reference:
    """A path an expression reads: `tasks.train[each.key].id` is root "tasks", steps ("train", Dynamic, "id")."""

    root: str
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The text as written, up to the first index that is an expression other than each.key."""
        text = self.root
        for step in self.steps:
            if isinstance(step, Dynamic):
                if step.kind != Index.EACH_KEY:
                    return text
                text += f"[{Index.EACH_KEY}]"
                continue
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if step.isidentifier() else f"['{step}']"
        return text


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call in an expression. `constant` is the text it is given where that is written out, else None."""

    name: str
    constant: str | None


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed scalar. `exact` means it is one expression and keeps its type."""

    text: str
    exact: bool
    references: tuple[Reference, ...]
    evaluate: Callable[[Scope], Json]
    passes: int = 0
    """How often what it refers to may be gone through from one end to the other."""
    calls: tuple[FunctionCall, ...] = ()

    def value(self, scope: Scope) -> Json:
        """The value in `scope`; Unknown when it touches what only the run will know. Raises ExpressionError."""
        try:
            return self.evaluate(scope)
        except UnknownTouchedError as touched:
            producers = [*touched.unknown.producers, *self._unknown_producers(scope)]
            return Unknown(*producers)
        except SensitiveTouchedError:
            return self._sensitive(scope)
        except ExpressionError as error:
            # `x in "a text"` asks the text, which refuses secrets and unknowns because they are not strings.
            if error.name:
                raise
            if self._reads_secrets(scope):
                return self._sensitive(scope)
            producers = list(self._unknown_producers(scope)) if f"not {Unknown.__name__}" in error.message else []
            if not producers:
                raise
            return Unknown(*producers)

    def _reads_secrets(self, scope: Scope) -> bool:
        return bool(reveal_paths(scope, [(reference.root, reference.steps) for reference in self.references])[1])

    def _sensitive(self, scope: Scope) -> Json:
        """The value over secrets, sensitive as a whole. What goes wrong on the way would tell of them."""
        known, found = reveal_paths(scope, [(reference.root, reference.steps) for reference in self.references])
        try:
            value = self.evaluate(known)
        except UnknownTouchedError as touched:
            return Unknown(*touched.unknown.producers)
        except SensitiveTouchedError:
            return found[0].withheld()
        except ExpressionError:
            raise ExpressionError("this fails with the value of a sensitive variable, which is not shown") from None
        if any(secret.is_withheld for secret in found):
            return found[0].withheld()
        return found[0].combined(found[1:], value)

    def _unknown_producers(self, scope: Scope) -> Iterator[str]:
        """Every unknown the references lead to, so that the plan can name all of them, not just the first."""
        for reference in self.references:
            value = reached(reference, scope)
            if isinstance(value, Unknown):
                yield from value.producers


class Expressions:
    """Expressions by their text, each parsed once."""

    def __init__(self) -> None:
        self._known: dict[str, Expression | ExpressionError] = {}

    def parse(self, text: str) -> Expression:
        """Raises ExpressionError, each time again, for a text that cannot be read."""
        known = self._known.get(text)
        if known is None:
            try:
                known = _parse_simple(text) or _parse_full(text)
            except ExpressionError as error:
                known = error
            self._known[text] = known
        if isinstance(known, ExpressionError):
            raise known
        return known


def reached(reference: Reference, scope: Scope) -> Any:
    """What a reference leads to, up to an index that is an expression itself, and not into a secret."""
    value: Any = scope.get(reference.root)
    for step in reference.steps:
        if isinstance(step, Dynamic) or isinstance(value, Sensitive):
            break
        value = _SANDBOX.getitem(value, step)
    return value


def is_template(value: object) -> bool:
    """Whether a scalar holds an expression; anything else is itself."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


_SANDBOX: Sandbox = build_sandbox()
_PASSING = (nodes.BinExpr, nodes.Compare, nodes.Concat, nodes.Filter, nodes.Slice, nodes.Test)


def _parse_simple(text: str) -> Expression | None:
    """A scalar of plain text and dotted paths only, or None."""
    parts = _SIMPLE_PART.split(text)
    if any(mark in part for part in parts[::2] for mark in ("{{", "{%", "{#", "}}")):
        return None
    references = tuple(_reference(path) for path in parts[1::2])
    if any(reference.root in _WORDS for reference in references):
        return None
    if len(parts) == 3 and not parts[0] and not parts[2]:
        path = references[0]
        return Expression(text, True, references, lambda scope: _whole(_walk_path(path, scope)))
    literals = parts[::2]
    return Expression(text, False, references, lambda scope: _join(literals, references, scope))


def _reference(path: str) -> Reference:
    root = re.match(r"\w+", path)
    assert root is not None  # noqa: S101 - the pattern that found the path guarantees it
    steps = [
        int(number) if number else name or single or double
        for name, single, double, number in _STEP.findall(path[root.end() :])
    ]
    return Reference(root.group(), tuple(steps))


def _walk_path(reference: Reference, scope: Scope) -> Any:
    if reference.root not in scope:
        raise ExpressionError(f'"{reference.root}" is not defined', name=reference.root)
    value: Any = scope[reference.root]
    for step in reference.steps:
        value = _SANDBOX.getitem(value, step)
        if isinstance(value, _SANDBOX.undefined):
            raise ExpressionError(value._undefined_message, name=str(step))
    return value


def _whole(value: Any) -> Json:
    """What a path leads to, as a value; all but scope objects are values already."""
    return plain(value) if isinstance(value, ScopeObject) else value


def _join(literals: list[str], references: tuple[Reference, ...], scope: Scope) -> str:
    text = literals[0]
    for reference, literal in zip(references, literals[1:], strict=True):
        value = _walk_path(reference, scope)
        text += as_text(value) + literal
        if len(text) > JOINED_LIMIT:
            raise ExpressionError(f"the text becomes larger than {JOINED_LIMIT:,} characters")
    return text


def _parse_full(text: str) -> Expression:
    tree = parse(_SANDBOX, text)
    references, calls = tuple(_references(tree)), tuple(map(_call, tree.find_all(nodes.Call)))
    parts = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
    passes = sum(1 for _ in tree.find_all(_PASSING))
    inner = _inner(text) if text.startswith("{{") and text.endswith("}}") else None
    if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) and inner is not None:
        return Expression(text, True, references, _lazy(lambda: compile_expression(_SANDBOX, inner)), passes, calls)
    return Expression(text, False, references, _lazy(lambda: compile_text(_SANDBOX, text)), passes, calls)


def _call(node: nodes.Call) -> FunctionCall:
    given: nodes.Node = node.args[0]
    constant = given.value if isinstance(given, nodes.Const) and isinstance(given.value, str) else None
    return FunctionCall(called_function(node), constant)


def _inner(text: str) -> str:
    """What stands between the braces. A sign that touches the brace trims blanks (`{{- x -}}`); any other is a sign.

    In brackets, so that `{{ 1, 2 }}` is the list it is inside text too.
    """
    inner = text[2:-2]
    return f"({inner[inner.startswith(('-', '+')) : len(inner) - inner.endswith('-')].strip()})"


def _lazy(build: Callable[[], Callable[[Scope], Json]]) -> Callable[[Scope], Json]:
    """Compiles at the first evaluation: validating a spec parses every template, but need not compile one."""
    compiled = cache(build)

    def evaluate(scope: Scope) -> Json:
        try:
            function = compiled()
        except (SyntaxError, RecursionError, MemoryError, OverflowError):
            raise ExpressionError("the expression is too complex to compile") from None
        return function(scope)

    return evaluate


def _references(tree: nodes.Node) -> Iterator[Reference]:
    """Every path in the tree, each from its root name to its last step."""
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        path = _path(node)
        if path is not None:
            yield path[0]
            stack.extend(path[1])
        else:
            stack.extend(node.args if isinstance(node, nodes.Call) else node.iter_child_nodes())


def _path(node: nodes.Node) -> tuple[Reference, list[nodes.Node]] | None:
    """The path that ends at `node`, with the index expressions inside it; None when it does not start at a name."""
    steps: list[Step] = []
    inner: list[nodes.Node] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            steps.append(node.attr)
        elif isinstance(node, nodes.Getitem):
            steps.append(_index(node.arg))
            inner.append(node.arg)
        else:
            return None
        node = node.node
    return Reference(node.name, tuple(reversed(steps))), inner


def _index(argument: nodes.Node) -> Step:
    if isinstance(argument, nodes.Const) and isinstance(argument.value, str | int):
        return argument.value
    path = _path(argument) if isinstance(argument, nodes.Getattr) else None
    is_each_key = path is not None and path[0] == Reference("each", ("key",))
    return Dynamic(Index.EACH_KEY if is_each_key else Index.COMPUTED)
