"""The routes of the server in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX
from taskspec.local.routes import (
    catalogue,
    control,
    direct,
    fields,
    files,
    output,
    places,
    start,
    taskfiles,
    tasklogs,
    tasks,
)

if TYPE_CHECKING:
    from taskspec.local.call import Route, UploadRoute

_API = {
    **start.ROUTES,
    **tasks.ROUTES,
    **output.ROUTES,
    **fields.ROUTES,
    **tasklogs.ROUTES,
    **direct.ROUTES,
    **files.ROUTES,
    **taskfiles.ROUTES,
    **catalogue.ROUTES,
    **places.ROUTES,
}

# The second spelling is the one of an SDK with SUPERVISELY_API_SERVER_ADDRESS set (wire protocol 1.1).
_PREFIXES = (API_PREFIX, "/v3/")
TABLE: dict[str, Route] = {
    **{prefix + method: route for prefix in _PREFIXES for method, route in _API.items()},
    **{LOCAL_PREFIX + method: route for method, route in control.ROUTES.items()},
}
UPLOADS: dict[str, UploadRoute] = {
    prefix + method: route for prefix in _PREFIXES for method, route in {**files.UPLOADS, **taskfiles.UPLOADS}.items()
}
