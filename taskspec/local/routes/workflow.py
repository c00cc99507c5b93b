"""`workflow.node.*`: store what a launch reports that it read and wrote (wire protocol 3.4)."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from taskspec.local import moments
from taskspec.local.params import RequestFields

if TYPE_CHECKING:
    from taskspec.local.call import Route, RouteCall


def add(call: RouteCall, direction: str) -> dict[str, Any]:
    node = RequestFields(call.params.mapping("node"), "node.")
    node.text("type")
    if not node.has("id"):
        raise node.invalid("id", "is required")
    call.params.text("type")
    call.parts.store.write(
        "INSERT INTO workflow (direction, node, content, created_at) VALUES (?, ?, ?, ?)",
        (direction, json.dumps(node.values), json.dumps(call.params.values), moments.now()),
    )
    return {}


ROUTES: dict[str, Route] = {
    "workflow.node.add-input": partial(add, direction="input"),
    "workflow.node.add-output": partial(add, direction="output"),
}
