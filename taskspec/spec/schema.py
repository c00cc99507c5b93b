"""The shape of what an author writes, checked against its JSON Schema; every violation at once, each with its place.

The only module that imports jsonschema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from taskspec.diagnostics import Code, Diagnostic, choices, nearest
from taskspec.schemas import load_schema
from taskspec.spec.document import SourceDocument
from taskspec.values import Path

_TYPE_WORDS = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _is_integer(_: object, value: object) -> bool:
    """JSON Schema takes 7.0 for an integer; an id is written without a point."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(validator: Validator, pattern: str, value: Any, _: object) -> Iterator[ValidationError]:
    """As in JSON Schema, where `$` is the end of the text; in Python it also stands before a last newline."""
    if validator.is_type(value, "string") and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


@cache
def _validator(schema: str) -> Any:
    checker = Draft7Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    strict: Any = extend(  # type: ignore[no-untyped-call]  # its stub leaves the signature out
        Draft7Validator, validators={"pattern": _pattern}, type_checker=checker
    )
    return strict(load_schema(schema), format_checker=FormatChecker(formats=["regex"]))


def check_shape(document: SourceDocument, schema: str = "spec") -> list[Diagnostic]:
    """Every place where the document is not shaped as its schema says."""
    problems: list[Diagnostic] = []
    for error in _validator(schema).iter_errors(document.data):
        problems.extend(_explain(document, error))
    return problems


def _explain(document: SourceDocument, error: ValidationError) -> Iterator[Diagnostic]:
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(document, path, error)
    elif error.validator == "required":
        yield from _missing_keys(document, path, error)
    elif "propertyNames" in error.absolute_schema_path:
        yield _bad_name(document, path, error)
    else:
        yield _wrong_value(document, path, error)


def _unknown_keys(document: SourceDocument, path: Path, error: ValidationError) -> Iterator[Diagnostic]:
    schema: Any = error.schema
    allowed = schema.get("properties", {})
    instance: Any = error.instance
    for key in instance:
        if key not in allowed and (path or not key.startswith("x-")):
            yield Diagnostic(
                Code.UNKNOWN_KEY,
                f'{_owner(path)} has no key "{key}"',
                document.span((*path, key), key=True),
                remedy=choices(key, allowed, label="Keys allowed here", limit=30),
            )


def _missing_keys(document: SourceDocument, path: Path, error: ValidationError) -> Iterator[Diagnostic]:
    schema: Any = error.schema
    required: Any = error.validator_value
    instance: Any = error.instance
    missing = [key for key in required if key not in instance]
    key = next((key for key in missing if f"'{key}'" in error.message), missing[0])
    close = nearest(key, (k for k in instance if k not in schema.get("properties", {})))
    description = schema.get("properties", {}).get(key, {}).get("description", "")
    yield Diagnostic(
        Code.MISSING_KEY,
        f'{_owner(path)} needs a key "{key}"',
        document.span(path, key=bool(path)),
        remedy=f"There is a key that looks like it. {close.replace('Did you mean', 'Is it')}"
        if close
        else f"{key}: {description}"
        if description
        else f'Add "{key}:".',
    )


def _bad_name(document: SourceDocument, path: Path, error: ValidationError) -> Diagnostic:
    name = str(error.instance)
    return Diagnostic(
        Code.WRONG_VALUE,
        f'"{name}" cannot be a name here',
        document.span((*path, name), key=True),
        remedy="Names are letters, digits and underscores, not starting with a digit, so that templates can use them.",
    )


def _wrong_value(document: SourceDocument, path: Path, error: ValidationError) -> Diagnostic:
    return Diagnostic(
        Code.WRONG_VALUE,
        f"{_owner(path)} must be {_expected(error)}, and is {_seen(error.instance)}",
        document.span(path),
        remedy=_advice(error),
    )


def _expected(error: ValidationError) -> str:
    value: Any = error.validator_value
    if error.validator == "type":
        kinds = [value] if isinstance(value, str) else list(value)
        return " or ".join(_TYPE_WORDS.get(kind, kind) for kind in kinds)
    if error.validator == "enum":
        return "one of " + ", ".join(str(item) for item in value)
    if error.validator == "const":
        return str(value)
    words = {
        "minProperties": "a map with at least one entry",
        "minLength": "text that is not empty",
        "minItems": "a list with at least one item",
        "format": "a regular expression",
    }
    return words.get(str(error.validator), f"of the form {value}")


def _seen(value: Any) -> str:
    if isinstance(value, dict):
        return "a map" if value else "an empty map"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"the number {value}"


def _advice(error: ValidationError) -> str:
    schema: Any = error.schema
    value: Any = error.validator_value
    if not error.absolute_path:
        return 'A spec is a map with at least "taskspec: 1" and "tasks:".'
    if error.validator == "enum" and isinstance(error.instance, str):
        return choices(error.instance, map(str, value), label="Allowed")
    if error.validator == "type" and isinstance(error.instance, int | float) and "string" in str(value):
        return f'Write "{error.instance}" in quotes to make it text.'
    if error.validator == "const":
        return f"This taskspec reads version {value} of the spec language."
    return str(schema.get("description", ""))


def _owner(path: Path) -> str:
    """How people call the thing at `path`."""
    if not path:
        return "the spec"
    if path[0] == "tasks" and len(path) >= 2:
        task = f'task "{path[1]}"'
        return task if len(path) == 2 else f'"{".".join(map(str, path[2:]))}" of {task}'
    if path[0] == "variables" and len(path) >= 2:
        variable = f'variable "{path[1]}"'
        return variable if len(path) == 2 else f'"{".".join(map(str, path[2:]))}" of {variable}'
    return f'"{".".join(map(str, path))}"'
