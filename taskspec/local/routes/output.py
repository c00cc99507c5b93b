"""`tasks.output.set`: the output of a launch (wire protocol 2.6, 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskspec.local.params import RequestFields

if TYPE_CHECKING:
    from taskspec.local.call import Route, RouteCall

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


ROUTES: dict[str, Route] = {"tasks.output.set": set_output}
