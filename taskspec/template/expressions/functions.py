"""The three calls an expression may make: `file(path)`, `json(text)`, `yaml(text)`. Reading a file is passed in."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable, Mapping
from typing import Any

from taskspec.errors import SpecError, UsageError
from taskspec.specfile.yaml.yaml_reader import read_document
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.values import Json, Unknown, not_json

FUNCTION_NAMES = ("file", "json", "yaml")
SIZE_LIMIT = 2**20
"""Characters of JSON or YAML that one call reads."""

TextReader = Callable[[str], str]
"""From a path, as the author writes it, to the text there. Raises UsageError."""


class Functions:
    """The calls as the expressions of one file see them; a path is relative to that file."""

    def __init__(self, read: TextReader | None = None) -> None:
        self._read = read
        self._texts: dict[str, str] = {}
        self._values: dict[tuple[str, str], Json] = {}
        self.scope: Mapping[str, Callable[[Any], Json]] = {"file": self.file, "json": self.json, "yaml": self.yaml}

    @property
    def can_read(self) -> bool:
        """Whether there are files at all. A spec that is only a text has no folder."""
        return self._read is not None

    def file(self, path: Any) -> Json:
        """The text of a file. Raises ExpressionError."""
        if isinstance(path, Unknown):
            return path
        path = _given("file", "a path", path)
        if self._read is None:
            raise ExpressionError("file: no files can be read here")
        if path not in self._texts:
            try:
                self._texts[path] = self._read(path)
            except UsageError as error:
                raise ExpressionError(f"file: {error.message}", remedy=error.remedy) from None
        return self._texts[path]

    def json(self, text: Any) -> Json:
        """The value that a text of JSON stands for. Raises ExpressionError with the place inside the text."""
        return text if isinstance(text, Unknown) else self._value("json", text, _json)

    def yaml(self, text: Any) -> Json:
        """The value that a text of YAML stands for, by the rules of a spec. Raises ExpressionError as `json` does."""
        return text if isinstance(text, Unknown) else self._value("yaml", text, _yaml)

    def _value(self, name: str, given: Any, read: Callable[[str, str], Json]) -> Json:
        text = _given(name, "text", given)
        if len(text) > SIZE_LIMIT:
            raise ExpressionError(f"{name}: more than {SIZE_LIMIT:,} characters")
        if (name, text) not in self._values:
            self._values[(name, text)] = read(text, self._origin(text))
        return self._values[(name, text)]

    def _origin(self, text: str) -> str:
        """What to call a text: the file it was read from, where it was."""
        return next((f'"{path}"' for path, found in self._texts.items() if found is text), "the text")


def _given(name: str, what: str, value: Any) -> str:
    if not isinstance(value, str):
        shown = "null" if value is None else f"{value!r:.60}"
        raise ExpressionError(f"{name} takes {what}, and was given {shown}")
    return value


def _json(text: str, origin: str) -> Json:
    try:
        value = json_format.loads(text, object_pairs_hook=_without_repeats)
    except json_format.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno} of {origin}"
        raise ExpressionError(f"json: {place}: {error.msg}") from None
    except _RepeatedKeyError as error:
        raise ExpressionError(f'json: {origin}: key "{error}" is there twice') from None
    problem = not_json(value)
    if problem:
        raise ExpressionError(f"json: {origin}: {problem[1]}")
    return value


class _RepeatedKeyError(ValueError):
    """A key of a JSON object is there twice."""


def _without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedKeyError(key)
        found[key] = value
    return found


def _yaml(text: str, origin: str) -> Json:
    try:
        return read_document(origin, text.encode("utf-8", "surrogatepass")).data
    except SpecError as error:
        problem = error.diagnostics[0]
        place = f"line {problem.span.line}, column {problem.span.column} of {origin}: " if problem.span else ""
        raise ExpressionError(f"yaml: {place}{problem.summary}", remedy=problem.remedy) from None
