"""Read the fields of one request by type, so that no route sees unchecked JSON.

Accepts exactly what the wire allows: `null` means absent, and a GET query has numbers as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from taskspec.local.refusal import Refusal, invalid

LARGEST_ID = 2**63 - 1
DEEPEST = 100
_Value = TypeVar("_Value")


class RequestFields:
    """Typed access to one JSON object. A wrong value raises a Refusal that names its field."""

    __slots__ = ("_prefix", "_values")

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self._values, self._prefix = values, prefix

    @property
    def values(self) -> Mapping[str, Any]:
        return self._values

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        return self._values.get(name)

    def invalid(self, name: str, problem: str) -> Refusal:
        return invalid(self._prefix + name, problem)

    def id(self, name: str) -> int:
        """Return a required id."""
        return self._read(name, None, lambda value: _whole_number(value, 1, LARGEST_ID), "an integer from 1 up")

    def optional_id(self, name: str) -> int | None:
        return self.id(name) if self.has(name) else None

    def integer(self, name: str, default: int | None = None, *, lowest: int, highest: int) -> int:
        noun = f"an integer from {lowest} to {highest}"
        return self._read(name, default, lambda value: _whole_number(value, lowest, highest), noun)

    def number(self, name: str, default: float, *, lowest: float, highest: float) -> float:
        noun = f"a number from {lowest:g} to {highest:g}"
        return self._read(name, default, lambda value: _number(value, lowest, highest), noun)

    def text(self, name: str, default: str | None = None, *, longest: int | None = None) -> str:
        """Return a string, which is required without a default."""
        value = self._read(name, default, lambda value: value if isinstance(value, str) else None, "a string")
        if longest is not None and len(value) > longest:
            raise self.invalid(name, f"may have at most {longest} characters, got {len(value)}")
        return value

    def _read(self, name: str, default: _Value | None, convert: Callable[[Any], _Value | None], noun: str) -> _Value:
        """Return a converted value. `convert` returns None for a wrong one. Without a default, it is required."""
        value = self.raw(name)
        if value is None:
            if default is None:
                raise self.invalid(name, "is required")
            return default
        converted = convert(value)
        if converted is None:
            raise self.invalid(name, f"must be {noun}, got {_shown(value)}")
        return converted

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise self.invalid(name, f"must be one of {', '.join(allowed)}; got {_shown(value)}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        return self._read(name, default, _flag, "true or false")

    def mapping(self, name: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return self._read(name, default, lambda value: value if isinstance(value, dict) else None, "an object")

    def array(self, name: str, default: Iterable[Any] | None = None) -> list[Any]:
        return list(self._read(name, default, lambda value: value if isinstance(value, list) else None, "an array"))

    def objects(self, name: str, default: Iterable[Any] | None = None) -> list[RequestFields]:
        """Return an array of objects. Their field names in messages include their index."""
        found = []
        for index, item in enumerate(self.array(name, default)):
            if not isinstance(item, dict):
                raise self.invalid(f"{name}[{index}]", f"must be an object, got {_shown(item)}")
            found.append(RequestFields(item, f"{self._prefix}{name}[{index}]."))
        return found


def from_body(body: bytes) -> RequestFields:
    """Read a POST body. An empty body is `{}`: the vendor's release tool sends one (wire protocol 3.6)."""
    if not body.strip():
        return RequestFields({})
    values = _parse(body, "the body")
    if not isinstance(values, dict):
        raise Refusal(400, "VALIDATION_ERROR", f"the body must be a JSON object, got {_shown(values)}")
    return RequestFields(values)


def array_from_body(body: bytes) -> list[Any]:
    """Read a POST body that is an array (wire protocol 2.5)."""
    values = _parse(body, "the body")
    if not isinstance(values, list):
        raise Refusal(400, "VALIDATION_ERROR", f"the body must be a JSON array, got {_shown(values)}")
    return values


def from_query(pairs: Iterable[tuple[str, str]]) -> RequestFields:
    """Read a GET query. A value that begins with [ or { is JSON."""
    return RequestFields(
        {name: _parse(value, f'field "{name}"') if value[:1] in {"[", "{"} else value for name, value in pairs}
    )


def _parse(text: bytes | str, place: str) -> Any:
    try:
        values = json.loads(text, parse_constant=_no_constant)
        if "\\u" in text if isinstance(text, str) else b"\\u" in text:
            # A lone surrogate is valid JSON, but neither the database nor an environment can hold it.
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "VALIDATION_ERROR", f"{place} is not valid JSON: {error}") from None
    if _is_deeper(values, DEEPEST):
        raise Refusal(400, "VALIDATION_ERROR", f"{place} is nested more than {DEEPEST} levels deep")
    return values


def _is_deeper(value: object, levels: int) -> bool:
    """Return whether a value has more levels. Not recursive, so that deep JSON cannot exhaust the stack."""
    level = [value]
    for _ in range(levels):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _whole_number(value: object, lowest: int, highest: int) -> int | None:
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    number = _number(value, lowest, highest)
    return int(number) if number is not None and number == int(number) else None


def _number(value: object, lowest: float, highest: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if lowest <= value <= highest else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
