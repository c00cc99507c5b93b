"""Launches, agents, teams, workspaces, users, projects and files, as the server reports them.

Pure. Facts: wire protocol, sections 3 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskspec.api.records.wire_record import (
    WireRecord,
    as_object,
    as_text,
    flag,
    is_integer,
    json_object,
    number,
    optional_text,
    text,
)
from taskspec.api.wire import LaunchStatus


class TaskInfo(WireRecord):
    """A launch."""

    __slots__ = ()

    raw_status = text("status")
    """The status in the spelling of the server, also when it is unknown."""

    @property
    def status(self) -> LaunchStatus | None:
        """The status, or None when it is unknown, which is never a success."""
        return LaunchStatus(self.raw_status) if LaunchStatus.has_value(self.raw_status) else None

    type = text("type")
    workspace_id = number("workspaceId")
    team_id = number("teamId")
    agent_id = number("agentId")
    agent_name = text("agentName")
    user_id = number("userId")
    started_at = optional_text("startedAt")
    finished_at = optional_text("finishedAt")
    meta = json_object("meta")

    @property
    def name(self) -> str:
        """The session name: the `task_name` of the start."""
        return as_text(self.meta.get("name")) or as_text(self.raw.get("name"))

    output = json_object("meta", "output")
    params = json_object("meta", "params")
    app = json_object("meta", "app")
    app_name = text("meta", "app", "name")
    app_version = text("meta", "app", "version")
    session_token = text("meta", "sessionToken")
    """The token for direct requests to the app. A secret: never print it."""

    @property
    def app_id(self) -> int | None:
        value = self.app.get("id", self.raw.get("appId"))
        return value if is_integer(value) else None

    @property
    def module_id(self) -> int | None:
        value = self.app.get("moduleId", self.raw.get("moduleId"))
        return value if is_integer(value) else None


class StartedTask(WireRecord):
    """The answer to a start: the first launch, and the others when the start named several users."""

    __slots__ = ()

    @property
    def others(self) -> tuple[int, ...]:
        """Ids of the launches for the second and later users."""
        return tuple(self.raw.get("others") or ())

    user_id = number("userId")
    module_id = number("moduleId")
    app_id = number("appId")


class AgentInfo(WireRecord):
    """A machine that runs launches."""

    __slots__ = ()

    status = text("status")
    team_id = number("teamId")
    type = text("type")
    is_disabled = flag("disabled")
    capabilities = json_object("capabilities")

    def runs(self, kind: str) -> bool | None:
        """Return whether the agent runs tasks of a kind (`app`, `app_gpu`); None when it does not report it."""
        enabled = as_object(as_object(self.capabilities.get("types")).get(kind)).get("enabled")
        return enabled if isinstance(enabled, bool) else None

    gpu_info = json_object("gpuInfo")
    """Facts about the GPUs, which only lists with `extraFields` have."""

    @property
    def has_gpu(self) -> bool:
        return (
            bool(self._cards) or self.gpu_info.get("device_count", 0) not in {0, None} or self.runs("app_gpu") is True
        )

    @property
    def free_memory(self) -> int | None:
        """Free bytes of the GPU with the most free memory; None when not reported."""
        free = [card["available"] for card in self._cards if is_integer(card.get("available"))]
        return max(free, default=None)

    @property
    def _cards(self) -> list[Mapping[str, Any]]:
        listed = self.gpu_info.get("device_memory")
        return [card for card in listed if isinstance(card, dict)] if isinstance(listed, list) else []


class TeamInfo(WireRecord):
    """A team: the owner of workspaces, agents and files."""

    __slots__ = ()

    role = text("role")


class WorkspaceInfo(WireRecord):
    """A workspace: it contains launches and projects of a team."""

    __slots__ = ()

    team_id = number("teamId")


class UserInfo(WireRecord):
    """A user of the server."""

    __slots__ = ()

    login = text("login")
    email = text("email")


class ProjectInfo(WireRecord):
    """A project of images, videos, or another kind of data."""

    __slots__ = ()

    type = text("type")
    workspace_id = number("workspaceId")
    team_id = number("teamId")
    items_count = number("itemsCount")
    datasets_count = number("datasetsCount")
    reference_image_url = text("referenceImageUrl")


class FileInfo(WireRecord):
    """A file or folder in Team Files."""

    __slots__ = ()

    team_id = number("teamId")
    path = text("path")
    storage_path = text("storagePath")
    """The path on the server from which a browser downloads the content."""

    full_storage_url = text("fullStorageUrl")
    hash = text("hash")
    is_dir = flag("isDir")
    size = number("meta", "size")


class LabelingInfo(WireRecord):
    """A labeling job or queue."""

    __slots__ = ()

    status = text("status")
