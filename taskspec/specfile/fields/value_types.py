"""The types that variables and results can declare, and how a message describes a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from taskspec.secrets.sensitive import Sensitive
from taskspec.values import Json, canonical
from taskspec.wording import shorten

SHOWN = 80


class VariableType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    MAP = "map"
    ANY = "any"


_TYPES: Mapping[VariableType, tuple[tuple[type, ...], str]] = {
    VariableType.STRING: ((str,), "a text"),
    VariableType.INTEGER: ((int,), "an integer"),
    VariableType.NUMBER: ((int, float), "a number"),
    VariableType.BOOLEAN: ((bool,), "true or false"),
    VariableType.LIST: ((list, tuple), "a list"),
    VariableType.MAP: ((Mapping,), "a map"),
}


def type_problem(value: Json, wanted: VariableType | None) -> str:
    """What is wrong with the type of a result; empty when nothing is."""
    if wanted is None or has_type(value, wanted):
        return ""
    return f"must be {_TYPES[wanted][1]} and is {described(value)}"


def has_type(value: Json, wanted: VariableType) -> bool:
    """Whether a value is of a type. A truth value is not a number."""
    if wanted is VariableType.ANY:
        return True
    return isinstance(value, _TYPES[wanted][0]) and (not isinstance(value, bool) or wanted is VariableType.BOOLEAN)


def shown(value: Any) -> str:
    return shorten(canonical(value), SHOWN)


def described(value: Any) -> str:
    """A value and its type for a message. The value may be one that JSON does not have, as infinity."""
    if value is None or isinstance(value, Sensitive):
        return "null" if value is None else "a secret"
    try:
        return f"{shown(value)} ({kind_of(value)})"
    except (TypeError, ValueError):
        return repr(value)


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = ((str, "text"), (int, "integer"), (float, "number"), (Mapping, "map"), (list, "list"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "null" if value is None else "value")
