"""The client of a Supervisely server: `Api(address, token).task` and its neighbours."""

from taskspec.api.client import Api
from taskspec.api.credentials import Credentials, from_environment
from taskspec.api.records import TaskInfo
from taskspec.api.starting import KubernetesSettings, StartRequest
from taskspec.api.transport import Timeouts, Transport
from taskspec.api.waiting import TaskFinishedWithError, WaitingTimeExceeded
from taskspec.api.wire import LaunchStatus, RestartPolicy

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
