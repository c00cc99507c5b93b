"""The client of one server."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from taskspec.api.agent import AgentApi
from taskspec.api.app import AppApi
from taskspec.api.credentials import ENV_FILE, from_environment
from taskspec.api.file import FileApi
from taskspec.api.labeling import LabelingJobApi, LabelingQueueApi
from taskspec.api.local import LocalApi
from taskspec.api.project import ProjectApi
from taskspec.api.task import TaskApi
from taskspec.api.team import TeamApi
from taskspec.api.transport import READ_RETRIES, Timeouts, Transport
from taskspec.api.user import UserApi
from taskspec.api.workspace import WorkspaceApi
from taskspec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self


class Api:
    """The client of one server. Its constructor sends nothing, and threads can share it. Close it when done."""

    def __init__(
        self,
        server_address: str,
        token: str,
        *,
        timeouts: Timeouts | None = None,
        retries: int = READ_RETRIES,
        sleep: Callable[[float], object] = time.sleep,
        transport: Transport | None = None,
    ) -> None:
        self.transport = transport or Transport(server_address, token, timeouts=timeouts, retries=retries)
        self.task = TaskApi(self.transport, sleep=sleep)
        self.app = AppApi(self.transport, self.task, sleep=sleep)
        self.agent = AgentApi(self.transport)
        self.workspace = WorkspaceApi(self.transport)
        self.team = TeamApi(self.transport)
        self.user = UserApi(self.transport)
        self.file = FileApi(self.transport)
        self.project = ProjectApi(self.transport)
        self.labeling_job = LabelingJobApi(self.transport)
        self.labeling_queue = LabelingQueueApi(self.transport)
        self.local = LocalApi(self.transport)

    @classmethod
    def from_env(cls, env_file: Path = ENV_FILE) -> Self:
        """Connect to the server that the environment or the env file names. Raises UsageError without one."""
        credentials = from_environment(os.environ, env_file)
        if credentials is None:
            raise UsageError(
                "no server is configured: SERVER_ADDRESS and API_TOKEN are not set",
                remedy=f'set both in the environment or in "{env_file}"',
            )
        return cls(credentials.address, credentials.token)

    @property
    def server_address(self) -> str:
        return self.transport.address

    def __repr__(self) -> str:
        return f"Api({self.server_address!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every idle connection."""
        self.transport.close()
