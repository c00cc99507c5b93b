"""One table of all routes, and the set of those that only read."""

from __future__ import annotations

import re

from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX
from taskspec.local.http.call import Route
from taskspec.local.http.routes import (
    app_proxy,
    apps,
    catalogue,
    fields,
    files,
    labeling,
    places,
    projects,
    start,
    task_files,
    task_logs,
    tasks,
)

_GROUPS = (app_proxy, apps, catalogue, fields, files, labeling, places, projects, start, task_files, task_logs, tasks)

# An SDK with SUPERVISELY_API_SERVER_ADDRESS uses the second prefix (wire protocol 1.1).
_PREFIXES = (API_PREFIX, "/v3/")
TABLE: dict[str, Route] = {
    **{prefix + method: route for prefix in _PREFIXES for group in _GROUPS for method, route in group.ROUTES.items()},
    **{LOCAL_PREFIX + method: route for method, route in {**tasks.LOCAL_ROUTES, **catalogue.LOCAL_ROUTES}.items()},
}
UPLOADS: dict[str, Route] = {
    prefix + method: route for prefix in _PREFIXES for method, route in {**files.UPLOADS, **task_files.UPLOADS}.items()
}

_READING = frozenset({"info", "list", "me", "get", "download", "available", "version", "status", "GetTaskContext"})
# These accept GET too. Every other route accepts only POST.
READS = frozenset(path for path in TABLE if re.split(r"[./]", path)[-1] in _READING)
