"""The filters and tests an expression may use: those of Jinja that only compute, bounded, and honest about unknowns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import Environment, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import make_attrgetter

from taskspec.secrets.sensitive import Sensitive, SensitiveTouchedError, is_sensitive
from taskspec.template.expressions.undefined import ExpressionError, MissingError, ScopeObject, UndefinedName
from taskspec.values import Json, Unknown, UnknownTouchedError, canonical, not_json, pending_ids, unknowns

TEXT_LIMIT = 65_536
"""Characters a filter may produce; a chain of `replace` multiplies otherwise."""
DECIMALS_LIMIT = 20

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
_ANSWERED = frozenset({"defined", "undefined"})
"""Tests that have an answer for a value that is not known yet: it is there."""


def plain(value: Any) -> Json:
    """The value without what only lives inside an expression: scope objects, lazy filters; a missing name is an error.

    A whole task stands for its launch.
    """
    if isinstance(value, UndefinedName):
        raise MissingError(value._undefined_message, str(value._undefined_name))
    if isinstance(value, ScopeObject):
        return plain(value.as_value())
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Iterator):
        return [plain(item) for item in value]
    return value


def to_json(value: Any) -> str:
    """The canonical text of a value; unknown as a whole while a part of it is."""
    whole = plain(value)
    unresolved = (*unknowns(whole), *(service.unknown for service in pending_ids(whole)))
    producers = [producer for unknown in unresolved for producer in unknown.producers]
    if producers:
        raise UnknownTouchedError(Unknown(*producers))
    if is_sensitive(whole):
        raise SensitiveTouchedError
    return canonical(whole)


def as_text(value: Any) -> str:
    """How a value looks inside text: YAML's spelling of truth values, JSON for maps and lists; null is refused."""
    value = plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise ExpressionError('null cannot be a part of text; give it a default: {{ x | default("…", true) }}')
    if isinstance(value, Mapping | list):
        return to_json(value)
    _refuse_other_than_json(value)
    return str(value)


def _refuse_other_than_json(value: Json) -> None:
    problem = not_json(value)
    if problem:
        raise ExpressionError(problem[1])


def _refuse_long(length: int) -> None:
    if length > TEXT_LIMIT:
        raise SecurityError(f"a filter made more than {TEXT_LIMIT} characters")


def _capped(function: Callable[..., Any]) -> Callable[..., Any]:
    def capped(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        if isinstance(result, str):
            _refuse_long(len(result))
        return result

    for marker in ("jinja_pass_arg", "jinja_async_variant"):
        if hasattr(function, marker):
            setattr(capped, marker, getattr(function, marker))
    return capped


def _replace(value: Any, old: Any, new: Any, count: int = -1) -> str:
    """Jinja's `replace`, refusing before the memory is taken."""
    text, before, after = as_text(value), as_text(old), as_text(new)
    times = text.count(before) if count < 0 else min(count, text.count(before))
    _refuse_long(len(text) + times * (len(after) - len(before)))
    return text.replace(before, after, count)


@pass_environment
def _join(environment: Environment, items: Any, d: Any = "", attribute: str | int | None = None) -> str:
    """Jinja's `join`, refusing before the memory is taken; items look as they do in text."""
    parts = [
        as_text(item) for item in (items if attribute is None else map(make_attrgetter(environment, attribute), items))
    ]
    between = as_text(d)
    _refuse_long(sum(map(len, parts)) + len(between) * max(0, len(parts) - 1))
    return between.join(parts)


@pass_environment
def _by_key(environment: Environment, instances: Any, attribute: str = "results") -> dict[str, Any]:
    """A fan-out as a map: the key of each instance, and an attribute of it."""
    if isinstance(instances, UndefinedName | Unknown):
        iter(instances)
    attribute_of = make_attrgetter(environment, attribute)
    try:
        return {str(item.look_up("key")): attribute_of(item) for item in instances}
    except (AttributeError, LookupError, TypeError):
        raise ExpressionError("by_key makes a map of a whole task with for_each or matrix") from None


def _round(round_number: Callable[..., Any]) -> Callable[..., Any]:
    def bounded(value: Any, precision: int = 0, method: str = "common") -> Any:
        if abs(precision) > DECIMALS_LIMIT:
            raise SecurityError(f"round keeps at most {DECIMALS_LIMIT} decimals")
        return round_number(value, precision, method)

    return bounded


def _touching(test: Callable[..., bool]) -> Callable[..., bool]:
    """A test of a value that is not known yet has no answer yet, and that of a secret is a secret."""

    def touching(value: Any, *arguments: Any) -> bool:
        if isinstance(value, Unknown):
            raise UnknownTouchedError(value)
        if isinstance(value, Sensitive):
            raise SensitiveTouchedError
        return test(value, *arguments)

    return touching


def _from_json(text: str) -> Json:
    if len(text) > TEXT_LIMIT:
        raise SecurityError(f"more than {TEXT_LIMIT} characters of JSON")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ExpressionError(f"fromjson: {error}") from None
    _refuse_other_than_json(value)
    return value


def narrow_filters(known: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The allowed ones of Jinja's filters, and ours."""
    filters = {name: _capped(known[name]) for name in _FILTERS}
    filters |= {"tojson": to_json, "fromjson": _from_json, "replace": _replace, "join": _join, "string": as_text}
    filters["by_key"] = _by_key
    return {**filters, "round": _round(known["round"]), "d": filters["default"], "count": filters["length"]}


def narrow_tests(known: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The allowed ones of Jinja's tests."""
    names = (*_TESTS, "==", "!=", "<", "<=", ">", ">=")
    return {name: known[name] if name in _ANSWERED else _touching(known[name]) for name in names}
