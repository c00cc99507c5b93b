"""The client of one server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from taskspec.api.credentials import ENV_FILE, from_environment
from taskspec.api.resources.agent_api import AgentApi
from taskspec.api.resources.app_api import AppApi
from taskspec.api.resources.file_api import FileApi
from taskspec.api.resources.local_api import LocalApi
from taskspec.api.resources.project_api import LabelingJobApi, LabelingQueueApi, ProjectApi
from taskspec.api.resources.team_api import TeamApi, UserApi, WorkspaceApi
from taskspec.api.tasks.task_api import TaskApi
from taskspec.api.transport import READ_RETRIES, Timeouts, Transport
from taskspec.errors import UsageError


class Api:
    """The client of one server. Its constructor sends nothing, and threads can share it. Close it when done.

    The constructor raises UsageError for an http address of another machine, unless `insecure` allows it.
    """

    def __init__(
        self,
        server_address: str,
        token: str,
        *,
        timeouts: Timeouts | None = None,
        retries: int = READ_RETRIES,
        sleep: Callable[[float], object] = time.sleep,
        transport: Transport | None = None,
        insecure: bool = False,
    ) -> None:
        self.transport = transport or Transport(
            server_address, token, timeouts=timeouts, retries=retries, insecure=insecure
        )
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
    def from_env(cls, env_file: Path = ENV_FILE, *, insecure: bool = False) -> Self:
        """Connect to the server that the environment or the env file names. Raises UsageError without one."""
        credentials = from_environment(os.environ, env_file, insecure=insecure)
        if credentials is None:
            raise UsageError(
                "no server is configured: SERVER_ADDRESS and API_TOKEN are not set",
                remedy=f'set both in the environment or in "{env_file}"',
            )
        return cls(credentials.address, credentials.token, insecure=credentials.insecure)

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
