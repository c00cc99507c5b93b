"""`tasks.data.set` and `.get`: the fields of a launch's document (wire protocol 2.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.local import documents

if TYPE_CHECKING:
    from taskspec.local.call import Call, Route
    from taskspec.local.params import Params


def set_fields(call: Call) -> dict[str, Any]:
    """Write all fields or none."""
    launch = call.launch("taskId")
    content = call.services.documents.load(launch.id)
    for item in call.params.objects("fields"):
        _set_field(content, item)
    call.services.documents.save(launch.id, content)
    return {}


def get_fields(call: Call) -> dict[str, Any]:
    """The values by the texts they were asked with; `null` where there is nothing."""
    launch = call.launch("taskId")
    content = call.services.documents.load(launch.id)
    found = {}
    for index, text in enumerate(call.params.array("fields")):
        if not isinstance(text, str):
            raise call.params.invalid(f"fields[{index}]", "must be a string")
        try:
            found[text] = documents.read(content, documents.parse_path(text))
        except documents.PathError as error:
            raise call.params.invalid(f"fields[{index}]", str(error)) from None
    return {"result": found}


def _set_field(content: dict[str, Any], item: Params) -> None:
    if "payload" not in item.values:
        raise item.invalid("payload", "is required")
    append, recursive = item.flag("append"), item.flag("recursive")
    try:
        path = documents.parse_path(item.text("field"))
        documents.write(content, path, item.raw("payload"), append=append, recursive=recursive)
    except documents.PathError as error:
        raise item.invalid("field", str(error)) from None


ROUTES: dict[str, Route] = {"tasks.data.set": set_fields, "tasks.data.get": get_fields}
