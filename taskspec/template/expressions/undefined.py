"""Missing names with their messages, and values that resolve the names on them themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, UndefinedError
from jinja2.utils import missing

from taskspec.values import Json


class ExpressionError(Exception):
    """An expression cannot be read or cannot be evaluated; `name` is the missing name where that is the cause."""

    def __init__(self, message: str, *, name: str = "", forbidden: bool = False, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.name = name
        self.forbidden = forbidden


class MissingError(UndefinedError):
    def __init__(self, message: str | None = None, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class UndefinedName(StrictUndefined):
    """A name that is not there; using it says what is there instead."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = MissingError
    ) -> None:
        super().__init__(hint, obj, name, lambda message: exc(message, str(name)))  # type: ignore[arg-type]  # a class is called, no more

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint:
            return self._undefined_hint
        if isinstance(owner, Mapping):
            there = ", ".join(sorted(map(str, owner))[:12])
            return f'there is no "{name}" here; there is: {there}' if there else f'there is no "{name}": it is empty'
        if owner is missing:
            return f'"{name}" is not defined'
        if owner is None:
            return f'null has no "{name}"'
        return f'{_kind(owner)} has no "{name}"'


def _kind(value: object) -> str:
    names = {str: "a text", int: "a number", float: "a number", bool: "a truth value", list: "a list", tuple: "a list"}
    return names.get(type(value), "the value")


class ScopeObject:
    """A scope object that decides itself what a name or index on it means."""

    __slots__ = ()

    def look_up(self, key: Any) -> Any:
        """The value under `key`; raises KeyError when there is none."""
        raise KeyError(key)

    def names(self) -> list[str]:
        """What `look_up` knows, for messages."""
        return []

    def why_missing(self, key: Any) -> str | None:  # noqa: ARG002 - most know no more than that it is not there
        """Why there is nothing under `key`, where more can be said than what there is instead."""
        return None

    def as_value(self) -> Json:
        """What the whole of it stands for when it becomes a value."""
        raise ExpressionError("this is a place for names, not a value")
