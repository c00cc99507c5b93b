"""Prepare the job of a launch: the copy of the app, command, folders and environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.errors import LocalServerError
from taskspec.local.agent.app_environment import EnvironmentValues, app_environment
from taskspec.local.agent.command import command_of
from taskspec.local.agent.launcher import Job, RunDir
from taskspec.local.agent.venv import VirtualEnvironments
from taskspec.local.db import fixtures
from taskspec.local.db.launches import LaunchRow
from taskspec.local.db.modules import Modules
from taskspec.local.db.server_database import Store
from taskspec.local.home import ServerHome


@dataclass(frozen=True, slots=True)
class JobPreparer:
    """Prepares the jobs of one server."""

    home: ServerHome
    store: Store
    modules: Modules
    user_login: str
    address: str
    token: str
    base: Mapping[str, str]
    environments: VirtualEnvironments | None = None

    def job(self, launch: LaunchRow, run_dir: RunDir) -> Job:
        """Prepare one attempt. Raises LocalServerError when the copy of the app is missing."""
        release = self.modules.release_by_id(launch.release_id)
        work_dir = self.home.modules / release.digest
        if not work_dir.is_dir():
            raise LocalServerError(
                f'the copy of app "{release.module_name}" is gone from "{work_dir}"', remedy="register the app again"
            )
        data_dir = self.home.task(launch.id) / "data"
        data_dir.parent.mkdir(mode=0o700, exist_ok=True)
        data_dir.mkdir(mode=0o700, exist_ok=True)
        [row] = self.store.all("SELECT params, log_level FROM launches WHERE id = ?", (launch.id,))
        setting = EnvironmentValues(
            task_id=launch.id,
            address=self.address,
            token=self.token,
            state=json.loads(row["params"])["state"],
            context=self._context(),
            config=release.config,
            config_dir=release.config_dir,
            log_level=row["log_level"],
            agent_id=fixtures.AGENT,
            port=launch.port,
            work_dir=work_dir,
            data_dir=data_dir,
            storage_dir=self.home.agent_storage,
        )
        command = command_of(release.config, launch.port)
        job = Job(run_dir, work_dir, command, app_environment(self.base, setting), notes=_notes(release.config))
        return job if self.environments is None else self.environments.install(job, release.config_dir)

    def _context(self) -> dict[str, Any]:
        """Return the context of a launch (wire protocol 4.3). Its owner also started it."""
        user = {"userId": fixtures.USER, "userLogin": self.user_login, "apiToken": self.token}
        spawner = {f"spawn{key[0].upper()}{key[1:]}": value for key, value in user.items()}
        return {"teamId": fixtures.TEAM, "workspaceId": fixtures.WORKSPACE, **user, **spawner}


def _notes(config: Mapping[str, Any]) -> tuple[str, ...]:
    image = config.get("docker_image")
    return (f'docker_image "{image}" is not used: the local server runs apps as processes',) if image else ()
