"""The client of a Supervisely server: `Api(address, token).task` and the other parts.

A name is imported on first use, because the import of requests takes a tenth of a second.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskspec.api.client import Api
    from taskspec.api.credentials import Credentials, from_environment
    from taskspec.api.records.records import TaskInfo
    from taskspec.api.tasks.start_request import KubernetesSettings, StartRequest
    from taskspec.api.tasks.waiting import TaskFinishedWithError, WaitingTimeExceeded
    from taskspec.api.transport import Timeouts, Transport
    from taskspec.api.wire import LaunchStatus, RestartPolicy

_HOMES = {
    "Api": "client",
    "Credentials": "credentials",
    "KubernetesSettings": "tasks.start_request",
    "LaunchStatus": "wire",
    "RestartPolicy": "wire",
    "StartRequest": "tasks.start_request",
    "TaskFinishedWithError": "tasks.waiting",
    "TaskInfo": "records.records",
    "Timeouts": "transport",
    "Transport": "transport",
    "WaitingTimeExceeded": "tasks.waiting",
    "from_environment": "credentials",
}

__all__ = [
    "Api", "Credentials", "KubernetesSettings", "LaunchStatus", "RestartPolicy", "StartRequest",
    "TaskFinishedWithError", "TaskInfo", "Timeouts", "Transport", "WaitingTimeExceeded", "from_environment",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"taskspec.api.{_HOMES[name]}"), name)
