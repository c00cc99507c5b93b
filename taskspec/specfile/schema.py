"""The shape of what an author writes, checked against its JSON Schema; every violation at once, each with its place.

The only module that imports jsonschema.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from taskspec.diagnostics import Code, Diagnostic, choices, closest, take_until_limit
from taskspec.specfile.fields.kinds import keys_of
from taskspec.specfile.fields.retries_and_deadlines import PATTERN as DURATION
from taskspec.specfile.pattern_matcher import PatternError, parse_pattern
from taskspec.specfile.yaml.document import SourceDocument
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

_FORMED_LIMIT = 10_000
_PLAIN_KEYWORDS = {"type", "enum", "pattern", "propertyNames", "description", "examples", "default", "title"}
_MAP_KEYWORDS = {"properties", "additionalProperties", "required", "minProperties"}
"""They apply to maps only."""


_INSTALLED = pathlib.Path(__file__).parents[1] / "_schemas"
_CHECKOUT = pathlib.Path(__file__).parents[2] / "schemas"


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The schema `name` (spec, plan, journal, events, state), from the installed package or from a checkout."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    schema: dict[str, Any] = json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def _is_integer(_: object, value: object) -> bool:
    """JSON Schema takes 7.0 for an integer; an id is written without a point."""
    return isinstance(value, int) and not isinstance(value, bool)


def _matches(pattern: str, text: str) -> bool:
    """As in JSON Schema, where `$` is the end of the text; in Python it also stands before a last newline.

    What has a form is short; Python remembers each round of a repeat, in a long text more than there is memory.
    """
    return len(text) <= _FORMED_LIMIT and bool(_compiled(pattern).search(text))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def _pattern(validator: Validator, pattern: str, value: Any, _: object) -> Iterator[ValidationError]:
    if validator.is_type(value, "string") and not _matches(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _properties(validator: Any, properties: dict[str, Any], value: Any, _: object) -> Iterator[ValidationError]:
    """As in JSON Schema. What is plainly right is not descended into: that is where nearly all of the time goes."""
    if validator.is_type(value, "object"):
        for name, schema in properties.items():
            if name in value and not passes_fast_check(validator, schema, value[name]):
                yield from validator.descend(value[name], schema, path=name, schema_path=name)


def _property_names(validator: Any, schema: dict[str, Any], value: Any, _: object) -> Iterator[ValidationError]:
    if validator.is_type(value, "object"):
        for name in value:
            if not passes_fast_check(validator, schema, name):
                yield from validator.descend(name, schema)


def passes_fast_check(validator: Any, schema: dict[str, Any], value: object) -> bool:
    """Whether the schema asks for no more than a type, a word of a list, a pattern or names, and the value has it."""
    if not schema.keys() <= _PLAIN_KEYWORDS and not _passes_fast_check(validator, schema, value):
        return False
    kinds = schema.get("type", ())
    if isinstance(kinds, str):
        kinds = (kinds,)
    if kinds and not any(validator.is_type(value, kind) for kind in kinds):
        return False
    if isinstance(value, str):
        return ("enum" not in schema or value in schema["enum"]) and (
            "pattern" not in schema or _matches(schema["pattern"], value)
        )
    if isinstance(value, dict) and "propertyNames" in schema:
        return all(passes_fast_check(validator, schema["propertyNames"], name) for name in value)
    return "enum" not in schema


def _passes_fast_check(validator: Any, schema: dict[str, Any], value: object) -> bool:
    """Whether what else the schema asks for is met: it is about maps, or it is one schema for every value of one."""
    if not schema.keys() <= _PLAIN_KEYWORDS | _MAP_KEYWORDS:
        return False
    if not isinstance(value, dict):
        return True
    each = schema.get("additionalProperties")
    if not isinstance(each, dict) or schema.keys() & {"properties", "required", "minProperties"}:
        return False
    return all(passes_fast_check(validator, each, item) for item in value.values())


@cache
def _validator(schema: str) -> Any:
    return strict_validator(load_schema(schema))


def strict_validator(schema: dict[str, Any]) -> Any:
    """Draft 7 as our schemas mean it, fast on what is right."""
    checker = Draft7Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    strict: Any = extend(  # type: ignore[no-untyped-call]  # its stub leaves the signature out
        Draft7Validator,
        validators={"pattern": _pattern, "properties": _properties, "propertyNames": _property_names},
        type_checker=checker,
    )
    checker_of_formats = FormatChecker(formats=())
    checker_of_formats.checks("regex", raises=PatternError)(_is_regex)
    return strict(schema, format_checker=checker_of_formats)


def _is_regex(value: object) -> bool:
    return not isinstance(value, str) or bool(parse_pattern(value))


def check_shape(document: SourceDocument, schema: str = "spec") -> list[Diagnostic]:
    """Every place where the document is not shaped as its schema says."""
    whole = _WHOLE.get(schema, '"{name}"').format(name=document.source.name)
    errors = _validator(schema).iter_errors(document.data)
    return take_until_limit(problem for error in errors for problem in _explain(document, error, whole))


_WHOLE = {"spec": "the spec", "faults": 'the fault script "{name}"'}
"""The name of a whole document in messages, by schema."""


def _explain(document: SourceDocument, error: ValidationError, whole: str) -> Iterator[Diagnostic]:
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(document, path, error, whole)
    elif error.validator == "required":
        yield from _missing_keys(document, path, error, whole)
    elif "propertyNames" in error.absolute_schema_path:
        yield _bad_name(document, path, error)
    else:
        yield _wrong_value(document, path, error, whole)


def _unknown_keys(document: SourceDocument, path: Path, error: ValidationError, whole: str) -> Iterator[Diagnostic]:
    schema: Any = error.schema
    instance: Any = error.instance
    allowed: Iterable[str] = schema.get("properties", {})
    if len(path) == 2 and path[0] == "tasks":
        allowed = sorted(keys_of(instance.get("kind")) & schema["properties"].keys())
    for key in instance:
        if key not in schema.get("properties", {}) and (path or not key.startswith("x-")):
            yield Diagnostic(
                Code.UNKNOWN_KEY,
                f'{_owner(path, whole)} has no key "{key}"',
                document.span((*path, key), key=True),
                remedy=choices(key, allowed, label="Keys allowed here", limit=30),
            )


def _missing_keys(document: SourceDocument, path: Path, error: ValidationError, whole: str) -> Iterator[Diagnostic]:
    schema: Any = error.schema
    required: Any = error.validator_value
    instance: Any = error.instance
    missing = [key for key in required if key not in instance]
    key = next((key for key in missing if f"'{key}'" in error.message), missing[0])
    close = closest(key, (k for k in instance if k not in schema.get("properties", {})))
    description = schema.get("properties", {}).get(key, {}).get("description", "")
    yield Diagnostic(
        Code.MISSING_KEY,
        f'{_owner(path, whole)} needs a key "{key}"',
        document.span(path, key=bool(path)),
        remedy=f'The key "{close}" looks like it. Rename that key.'
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


def _wrong_value(document: SourceDocument, path: Path, error: ValidationError, whole: str) -> Diagnostic:
    return Diagnostic(
        Code.WRONG_VALUE,
        f"{_owner(path, whole)} must be {_expected(error)}, and is {_seen(error.instance)}",
        document.span(path),
        remedy=_advice(error, whole),
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
    if error.validator == "pattern" and value == DURATION:
        return "a duration as 90s, 30m, 12h, 2d or 1h30m, or a number of seconds"
    words = {
        "minProperties": "a map with at least one entry",
        "minLength": "text that is not empty",
        "maxProperties": "a map with one entry" if value == 1 else f"a map with at most {value} entries",
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


def _advice(error: ValidationError, whole: str) -> str:
    schema: Any = error.schema
    value: Any = error.validator_value
    if not error.absolute_path and whole != _WHOLE["spec"]:
        return 'A fault script is a map with at least "taskspec_faults: 1".'
    if not error.absolute_path:
        return 'A spec is a map with at least "taskspec: 1" and "tasks:".'
    if error.validator == "enum" and isinstance(error.instance, str):
        return choices(error.instance, map(str, value), label="Allowed")
    if error.validator == "type":
        return _advice_on_type(error.instance, value, schema)
    if isinstance(error.cause, PatternError):
        return f"The pattern is refused: {error.cause}."
    if error.validator == "const":
        what = "the spec language" if whole == _WHOLE["spec"] else "fault scripts"
        return f"This taskspec reads version {value} of {what}."
    return str(schema.get("description", ""))


def _advice_on_type(seen: Any, wanted: Any, schema: Any) -> str:
    """Quotes help where text is wanted and no number is; a number where an integer is wanted has a point too many."""
    otherwise = str(schema.get("description", ""))
    if isinstance(seen, float) and "integer" in wanted:
        return f"Write it without a point: {seen:.0f}." if seen.is_integer() else otherwise
    if isinstance(seen, bool | int | float) and "string" in wanted and "integer" not in wanted:
        return f'Write "{json.dumps(seen)}" in quotes to make it text.'
    if isinstance(seen, str) and "{{" in seen and wanted == "object" and "properties" not in schema:
        return 'Write its keys out, each with an expression of its own: `key: "{{ … }}"`.'
    return otherwise


def _owner(path: Path, whole: str) -> str:
    """The name of the value at `path` in messages."""
    if not path:
        return whole
    if path[0] in ("tasks", "variables") and len(path) >= 2:
        owner = f'{str(path[0])[:-1]} "{path[1]}"'
        return owner if len(path) == 2 else f'"{".".join(map(str, path[2:]))}" of {owner}'
    return f'"{".".join(map(str, path))}"'
