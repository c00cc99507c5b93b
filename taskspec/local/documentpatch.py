"""JSON Patch (RFC 6902): the changes that a UI app makes to its data (wire protocol 2.2). Pure.

A document is changed in place. A caller that needs all operations or none works on a copy.
"""

from __future__ import annotations

from typing import Any

from jsonpatch import JsonPatch, JsonPatchException, JsonPointerException

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
