"""JSON Patch (RFC 6902), as a UI app sends the changes of its data (wire protocol 2.2). Pure.

A document is changed in place; whoever needs all operations or none works on a copy.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


class PatchError(ValueError):
    """The operation cannot be carried out on this document."""


def apply(document: Any, operation: str, path: str, value: Any = None, source: str | None = None) -> Any:
    """The document after one operation. `source` is the `from` of move and copy."""
    if operation in {"move", "copy"}:
        if source is None:
            raise PatchError('needs a "from"')
        if operation == "move" and path.startswith(source + "/"):
            raise PatchError(f'"{source}" cannot be moved into itself')
        value = deepcopy(_read(document, _steps(source)))
        if operation == "move":
            document = _remove(document, _steps(source))
        return _add(document, _steps(path), value)
    steps = _steps(path)
    match operation:
        case "add":
            return _add(document, steps, value)
        case "remove":
            return _remove(document, steps)
        case "replace":
            return _replace(document, steps, value)
        case "test":
            return _test(document, steps, value)
    raise PatchError(f'there is no operation "{operation}"')


def _steps(pointer: str) -> list[str]:
    """The steps of a JSON pointer (RFC 6901)."""
    if pointer and not pointer.startswith("/"):
        raise PatchError(f'"{pointer}" is no JSON pointer')
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _add(document: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    parent, last = _read(document, steps[:-1]), steps[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise PatchError("leads through a value that is neither object nor array")
    return document


def _remove(document: Any, steps: list[str]) -> Any:
    if not steps:
        return None
    parent, last = _read(document, steps[:-1]), steps[-1]
    _child(parent, last)
    del parent[_index(last, len(parent) - 1) if isinstance(parent, list) else last]
    return document


def _replace(document: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    parent, last = _read(document, steps[:-1]), steps[-1]
    _child(parent, last)
    parent[_index(last, len(parent) - 1) if isinstance(parent, list) else last] = value
    return document


def _test(document: Any, steps: list[str], value: Any) -> Any:
    if _read(document, steps) != value:
        raise PatchError("the tested value is another one")
    return document


def _read(document: Any, steps: list[str]) -> Any:
    for step in steps:
        document = _child(document, step)
    return document


def _child(parent: Any, step: str) -> Any:
    if isinstance(parent, list):
        return parent[_index(step, len(parent) - 1)]
    if isinstance(parent, dict) and step in parent:
        return parent[step]
    raise PatchError(f'there is no "{step}"')


def _index(step: str, highest: int) -> int:
    if not (step.isascii() and step.isdigit()) or len(step) > 9 or (len(step) > 1 and step[0] == "0"):
        raise PatchError(f'"{step}" is no index')
    if int(step) > highest:
        raise PatchError(f"index {step} is beyond the end of the array")
    return int(step)
