"""`tasks.data.set`, `.get` and `tasks.app-v2.data.set`: the document of a launch (wire protocol 2.9)."""

from __future__ import annotations

from typing import Any

from taskspec.local.db import documents
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.request_fields import RequestFields


def set_fields(call: RouteCall) -> dict[str, Any]:
    """Write all fields or none."""
    launch = call.launch("taskId")
    content = documents.load(call.parts.store, launch.id)
    for item in call.params.objects("fields"):
        _set_field(content, item)
    documents.save(call.parts.store, launch.id, content)
    return {}


def get_fields(call: RouteCall) -> dict[str, Any]:
    """Return the values by requested path; `null` where a path does not exist."""
    launch = call.launch("taskId")
    content = documents.load(call.parts.store, launch.id)
    found = {}
    for index, text in enumerate(call.params.array("fields")):
        if not isinstance(text, str):
            raise call.params.invalid(f"fields[{index}]", "must be a string")
        try:
            found[text] = documents.read(content, documents.parse_path(text))
        except documents.PathError as error:
            raise call.params.invalid(f"fields[{index}]", str(error)) from None
    return {"result": found}


def patch(call: RouteCall) -> dict[str, Any]:
    """Apply the changes of a UI app: JSON Patch on `data`, new keys over `state`. All or none."""
    launch = call.launch("taskId")
    payload = RequestFields(call.params.mapping("payload"), "payload.")
    content = documents.load(call.parts.store, launch.id)
    data = content.get("data", {})
    for operation in payload.objects("data", ()):
        data = _patched(data, operation)
    state = payload.mapping("state", {})
    changed = {"data": data, "state": documents.merge(content.get("state", {}), state, recursive=False)}
    documents.save(call.parts.store, launch.id, {**content, **changed})
    return {}


def _patched(data: Any, operation: RequestFields) -> Any:
    name, path = operation.choice("op", documents.OPERATIONS), operation.text("path")
    source = operation.text("from") if operation.has("from") else None
    try:
        return documents.apply(data, name, path, operation.raw("value"), source)
    except documents.PatchError as error:
        raise operation.invalid("path", f"cannot be patched: {error}") from None


def _set_field(content: dict[str, Any], item: RequestFields) -> None:
    if "payload" not in item.values:
        raise item.invalid("payload", "is required")
    append, recursive = item.flag("append"), item.flag("recursive")
    try:
        path = documents.parse_path(item.text("field"))
        documents.write(content, path, item.raw("payload"), append=append, recursive=recursive)
    except documents.PathError as error:
        raise item.invalid("field", str(error)) from None


KINDS = ("project", "general", "experiment", "model", "archive")
_TITLE_LIMIT = 255


def set_output(call: RouteCall) -> dict[str, Any]:
    """Replace the output of a launch."""
    launch = call.launch("taskId")
    output = call.params.mapping("output")
    if len(output) != 1 or not set(output) <= set(KINDS):
        raise call.params.invalid("output", f"must hold exactly one of {', '.join(KINDS)}")
    value = RequestFields(output, "output.").mapping(next(iter(output)))
    if "general" in output:
        _check_general(RequestFields(value, "output.general."))
    call.parts.launches.set_output(launch.id, output)
    return {"success": True}


def _check_general(general: RequestFields) -> None:
    if not general.text("title", longest=_TITLE_LIMIT):
        raise general.invalid("title", "may not be empty")
    general.text("description", "", longest=_TITLE_LIMIT)
    if general.has("icon"):
        icon = RequestFields(general.mapping("icon"), "output.general.icon.")
        for name in ("className", "color", "backgroundColor"):
            icon.text(name)


ROUTES: dict[str, Route] = {
    "tasks.data.set": set_fields,
    "tasks.data.get": get_fields,
    "tasks.app-v2.data.set": patch,
    "tasks.output.set": set_output,
}
