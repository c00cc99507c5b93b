"""One object of the server as a typed value that is also a mapping of its JSON.

Pure. Facts: wire protocol, sections 3 and 6. Any field except the id may be missing: rows of lists have fewer fields,
and so have older servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar, overload

from taskspec.errors import OutcomeUnknown

_Value = TypeVar("_Value")
TOKEN_KEYS = frozenset({"sessionToken", "token", "apiToken"})
"""Keys whose values are tokens, at any depth."""


def is_integer(value: Any) -> bool:
    """Return whether a value is a JSON integer. `true` is not one."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_object(value: Any) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """Return a JSON text; an empty one for any other value."""
    return value if isinstance(value, str) else ""


class WireField(Generic[_Value]):
    """A read-only attribute at a path of the JSON object; `read` gives the value also where the field is missing."""

    __slots__ = ("_keys", "_read")

    def __init__(self, keys: tuple[str, ...], read: Callable[[Any], _Value]) -> None:
        self._keys, self._read = keys, read

    @overload
    def __get__(self, record: None, owner: type) -> Self: ...

    @overload
    def __get__(self, record: WireRecord, owner: type) -> _Value: ...

    def __get__(self, record: WireRecord | None, owner: type) -> _Value | Self:
        if record is None:
            return self
        value: Any = record.raw
        for key in self._keys:
            value = as_object(value).get(key)
        return self._read(value)


def text(*keys: str) -> WireField[str]:
    return WireField(keys, as_text)


def optional_text(*keys: str) -> WireField[str | None]:
    return WireField(keys, lambda value: value if isinstance(value, str) else None)


def number(*keys: str) -> WireField[int | None]:
    return WireField(keys, lambda value: value if is_integer(value) else None)


def json_object(*keys: str) -> WireField[Mapping[str, Any]]:
    return WireField(keys, as_object)


def flag(*keys: str) -> WireField[bool]:
    return WireField(keys, lambda value: value is True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WireRecord(Mapping[str, Any]):
    """One object of the server, with properties for known fields and item access for the JSON."""

    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, content: Any) -> Self:
        """Read a JSON object with an integer id. Raises OutcomeUnknown for any other value."""
        if not isinstance(content, dict) or not is_integer(content.get("id")):
            raise OutcomeUnknown(
                f"the answer of the server is not a {cls.__name__}: it needs an integer id",
                remedy="check that SERVER_ADDRESS is a Supervisely server of a supported version",
            )
        return cls(content)

    def __getitem__(self, key: str) -> Any:
        return self.raw[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({mask_tokens(dict(self.raw))!r})"

    @property
    def id(self) -> int:
        return int(self.raw["id"])

    @property
    def name(self) -> str:
        return as_text(self.raw.get("name"))

    description = text("description")
    created_at = optional_text("createdAt")
    updated_at = optional_text("updatedAt")


def mask_tokens(value: Any) -> Any:
    """Replace every token in a JSON value, so that it can be printed."""
    if isinstance(value, dict):
        return {key: "***" if key in TOKEN_KEYS and item else mask_tokens(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mask_tokens(item) for item in value]
    return value


def without_tokens(value: Any) -> Any:
    """Remove every token from a JSON value."""
    if isinstance(value, dict):
        return {key: without_tokens(item) for key, item in value.items() if key not in TOKEN_KEYS}
    if isinstance(value, list):
        return [without_tokens(item) for item in value]
    return value
