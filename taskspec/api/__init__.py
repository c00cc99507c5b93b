"""The client of a Supervisely server: `Api(address, token).task` and the other parts.

A name is imported on first use, because the import of requests takes a tenth of a second.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskspec.api.client import Api
    from taskspec.api.credentials import Credentials, from_environment
    from taskspec.api.records import TaskInfo
    from taskspec.api.starting import KubernetesSettings, StartRequest
    from taskspec.api.transport import Timeouts, Transport
    from taskspec.api.waiting import TaskFinishedWithError, WaitingTimeExceeded
    from taskspec.api.wire import LaunchStatus, RestartPolicy

_HOMES = {
    "Api": "client",
    "Credentials": "credentials",
    "KubernetesSettings": "starting",
    "LaunchStatus": "wire",
    "RestartPolicy": "wire",
    "StartRequest": "starting",
    "TaskFinishedWithError": "waiting",
    "TaskInfo": "records",
    "Timeouts": "transport",
    "Transport": "transport",
    "WaitingTimeExceeded": "waiting",
    "from_environment": "credentials",
}

__all__ = [
    "Api",
    "Credentials",
    "KubernetesSettings",
    "LaunchStatus",
    "RestartPolicy",
    "StartRequest",
    "TaskFinishedWithError",
    "TaskInfo",
    "Timeouts",
    "Transport",
    "WaitingTimeExceeded",
    "from_environment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"taskspec.api.{_HOMES[name]}"), name)
