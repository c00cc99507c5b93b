"""Names and values of the wire, shared by the client and the local server.

Pure: no network, no disk. Facts: wire protocol of the Supervisely public API v3.
"""

from __future__ import annotations

from enum import StrEnum

API_PREFIX = "/public/api/v3/"
LOCAL_PREFIX = "/local/v1/"
DESCRIPTION_LIMIT = 255


class WireWord(StrEnum):
    """A closed set of values in the server's spelling, with the two methods of the vendor's enums."""

    @classmethod
    def has_value(cls, value: str) -> bool:
        return value in cls._value2member_map_

    @classmethod
    def values(cls) -> list[str]:
        return [member.value for member in cls]


class LaunchStatus(WireWord):
    """The status of a launch."""

    QUEUED = "queued"
    CONSUMED = "consumed"
    STARTED = "started"
    DEPLOYED = "deployed"
    FINISHED = "finished"
    ERROR = "error"
    TERMINATING = "terminating"
    STOPPED = "stopped"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({LaunchStatus.FINISHED, LaunchStatus.ERROR, LaunchStatus.STOPPED})
ACTIVE = frozenset(LaunchStatus) - TERMINAL


class RestartPolicy(WireWord):
    """When the server itself runs a launch again."""

    NEVER = "never"
    ON_ERROR = "on_error"


class PluginTaskType(WireWord):
    """Kinds of the legacy plugin tasks."""

    TRAIN = "train"
    INFERENCE = "inference"
    INFERENCE_RPC = "inference_rpc"
    SMART_TOOL = "smarttool"
    CUSTOM = "custom"
