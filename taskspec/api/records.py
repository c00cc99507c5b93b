"""Launches, agents, teams, workspaces, users, projects and files, as the server reports them.

Pure. Facts: wire protocol, sections 3 and 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskspec.api.record import WireRecord, as_object, as_text, is_integer
from taskspec.api.wire import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class TaskInfo(WireRecord):
    """A launch."""

    __slots__ = ()

    @property
    def raw_status(self) -> str:
        """The status in the spelling of the server, also when it is unknown."""
        return self._text("status")

    @property
    def status(self) -> LaunchStatus | None:
        """The status, or None when it is unknown, which is never a success."""
        return LaunchStatus(self.raw_status) if LaunchStatus.has_value(self.raw_status) else None

    @property
    def type(self) -> str:
        return self._text("type")

    @property
    def workspace_id(self) -> int | None:
        return self._number("workspaceId")

    @property
    def team_id(self) -> int | None:
        return self._number("teamId")

    @property
    def agent_id(self) -> int | None:
        return self._number("agentId")

    @property
    def agent_name(self) -> str:
        return self._text("agentName")

    @property
    def user_id(self) -> int | None:
        return self._number("userId")

    @property
    def started_at(self) -> str | None:
        return self._optional_text("startedAt")

    @property
    def finished_at(self) -> str | None:
        return self._optional_text("finishedAt")

    @property
    def meta(self) -> Mapping[str, Any]:
        return self._object("meta")

    @property
    def name(self) -> str:
        """The session name: the `task_name` of the start."""
        return as_text(self.meta.get("name")) or self._text("name")

    @property
    def output(self) -> Mapping[str, Any]:
        return as_object(self.meta.get("output"))

    @property
    def params(self) -> Mapping[str, Any]:
        return as_object(self.meta.get("params"))

    @property
    def app(self) -> Mapping[str, Any]:
        return as_object(self.meta.get("app"))

    @property
    def app_name(self) -> str:
        return as_text(self.app.get("name"))

    @property
    def app_version(self) -> str:
        return as_text(self.app.get("version"))

    @property
    def app_id(self) -> int | None:
        value = self.app.get("id", self.raw.get("appId"))
        return value if is_integer(value) else None

    @property
    def module_id(self) -> int | None:
        value = self.app.get("moduleId", self.raw.get("moduleId"))
        return value if is_integer(value) else None

    @property
    def session_token(self) -> str:
        """The token for direct requests to the app. A secret: never print it."""
        return as_text(self.meta.get("sessionToken"))


class StartedTask(WireRecord):
    """The answer to a start: the first launch, and the others when the start named several users."""

    __slots__ = ()

    @property
    def others(self) -> tuple[int, ...]:
        """Ids of the launches for the second and later users."""
        return tuple(self.raw.get("others") or ())

    @property
    def user_id(self) -> int | None:
        return self._number("userId")

    @property
    def module_id(self) -> int | None:
        return self._number("moduleId")

    @property
    def app_id(self) -> int | None:
        return self._number("appId")


class AgentInfo(WireRecord):
    """A machine that runs launches."""

    __slots__ = ()

    @property
    def status(self) -> str:
        return self._text("status")

    @property
    def team_id(self) -> int | None:
        return self._number("teamId")

    @property
    def type(self) -> str:
        return self._text("type")

    @property
    def is_disabled(self) -> bool:
        return self.raw.get("disabled") is True

    @property
    def capabilities(self) -> Mapping[str, Any]:
        return self._object("capabilities")

    def runs(self, kind: str) -> bool | None:
        """Return whether the agent runs tasks of a kind (`app`, `app_gpu`); None when it does not report it."""
        enabled = as_object(as_object(self.capabilities.get("types")).get(kind)).get("enabled")
        return enabled if isinstance(enabled, bool) else None

    @property
    def gpu_info(self) -> Mapping[str, Any]:
        """Facts about the GPUs, which only lists with `extraFields` have."""
        return self._object("gpuInfo")

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

    @property
    def role(self) -> str:
        return self._text("role")


class WorkspaceInfo(WireRecord):
    """A workspace: it contains launches and projects of a team."""

    __slots__ = ()

    @property
    def team_id(self) -> int | None:
        return self._number("teamId")


class UserInfo(WireRecord):
    """A user of the server."""

    __slots__ = ()

    @property
    def login(self) -> str:
        return self._text("login")

    @property
    def email(self) -> str:
        return self._text("email")


class ProjectInfo(WireRecord):
    """A project of images, videos, or another kind of data."""

    __slots__ = ()

    @property
    def type(self) -> str:
        return self._text("type")

    @property
    def workspace_id(self) -> int | None:
        return self._number("workspaceId")

    @property
    def team_id(self) -> int | None:
        return self._number("teamId")

    @property
    def items_count(self) -> int | None:
        return self._number("itemsCount")

    @property
    def datasets_count(self) -> int | None:
        return self._number("datasetsCount")

    @property
    def reference_image_url(self) -> str:
        return self._text("referenceImageUrl")


class FileInfo(WireRecord):
    """A file or folder in Team Files."""

    __slots__ = ()

    @property
    def team_id(self) -> int | None:
        return self._number("teamId")

    @property
    def path(self) -> str:
        return self._text("path")

    @property
    def storage_path(self) -> str:
        """The path on the server from which a browser downloads the content."""
        return self._text("storagePath")

    @property
    def full_storage_url(self) -> str:
        return self._text("fullStorageUrl")

    @property
    def hash(self) -> str:
        return self._text("hash")

    @property
    def is_dir(self) -> bool:
        return self.raw.get("isDir") is True

    @property
    def size(self) -> int | None:
        value = self._object("meta").get("size")
        return value if is_integer(value) else None


class LabelingInfo(WireRecord):
    """A labeling job or queue."""

    __slots__ = ()

    @property
    def status(self) -> str:
        return self._text("status")
