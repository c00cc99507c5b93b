"""The JSON document of a launch, and paths such as `data.chart.series[0].y` into it (wire protocol 2.9)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from jsonpatch import JsonPatch, JsonPatchException, JsonPointerException

from taskspec.local.db.server_database import Store

Step = str | int

_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")
_PATH = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[\d{1,6}\])*")


class PathError(ValueError):
    """The path cannot be parsed, or it leads through a value that is not a container."""


def parse_path(text: str) -> tuple[Step, ...]:
    if not _PATH.fullmatch(text):
        raise PathError("is not a valid path; an example: data.chart.series[0].y")
    return tuple(name or int(index) for name, index in _STEP.findall(text))


def read(document: Any, path: Sequence[Step]) -> Any:
    """Return the value at a path, or None when it does not exist."""
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def write(document: dict[str, Any], path: Sequence[Step], payload: Any, *, append: bool, recursive: bool) -> None:
    """Replace the value at a path. With `append`, merge into it: one level, or all levels with `recursive`."""
    parent = _open_container(document, path)
    old = read(parent, path[-1:])
    value = merge(old, payload, recursive=recursive) if append else payload
    last = path[-1]
    if isinstance(parent, list) and isinstance(last, int):
        if last > len(parent):
            raise PathError(f"index {last} is beyond the end of the array ({len(parent)})")
        parent[last : last + 1] = [value]
    elif isinstance(parent, dict) and isinstance(last, str):
        parent[last] = value
    else:
        raise PathError("leads through a value that is neither an object nor an array")


def merge(old: Any, new: Any, *, recursive: bool) -> Any:
    """Merge: objects get the new keys, arrays get the new items, any other value is replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        deep = {key: merge(old.get(key), value, recursive=True) for key, value in new.items()} if recursive else new
        return {**old, **deep}
    if isinstance(old, list):
        return [*old, *(new if isinstance(new, list) else [new])]
    return new


def _open_container(document: dict[str, Any], path: Sequence[Step]) -> Any:
    """Return the container of the last step. Missing objects and arrays on the way are made."""
    place: Any = document
    for step, following in pairwise(path):
        inner = read(place, [step])
        if inner is None:
            inner = [] if isinstance(following, int) else {}
            write(place, [step], inner, append=False, recursive=False)
        place = inner
    return place


def load(store: Store, task_id: int) -> dict[str, Any]:
    row = store.one("SELECT content FROM documents WHERE task_id = ?", (task_id,))
    content: dict[str, Any] = json.loads(row["content"]) if row else {}
    return content


def save(store: Store, task_id: int, content: dict[str, Any]) -> None:
    values = (task_id, json.dumps(content))
    store.write("INSERT OR REPLACE INTO documents (task_id, content) VALUES (?, ?)", values)


OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


class PatchError(ValueError):
    """The operation is not possible on this document."""


def apply(document: Any, operation: str, path: str, value: Any = None, source: str | None = None) -> Any:
    """Apply one operation and return the document. `source` is the `from` of move and copy."""
    asked = {"op": operation, "path": path, "value": value}
    if source is not None:
        asked["from"] = source
    try:
        return JsonPatch([asked]).apply(document, in_place=True)
    except (JsonPatchException, JsonPointerException) as error:
        raise PatchError(str(error)) from None
