"""The client of a Supervisely server: `Api(address, token).task` and its neighbours.

Names are loaded when they are first used: the client stands on requests, which costs a tenth of a second at start-up.
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
