"""Apps: the catalogue, and a convenient way to start an app (wire protocol 3.1 and 3.4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskspec.api.records.paging import Paged, clause
from taskspec.api.records.records import StartedTask, TaskInfo
from taskspec.api.resources.module_info import ModuleInfo
from taskspec.api.tasks.start_request import KubernetesSettings, StartRequest
from taskspec.api.tasks.task_api import TaskApi
from taskspec.api.transport import Transport
from taskspec.api.wire import LaunchStatus
from taskspec.errors import ApiError, NotFound, Refused, UsageError


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A started app."""

    task_id: int
    user_id: int | None
    module_id: int | None
    app_id: int | None
    details: StartedTask


class AppApi(Paged):
    """The Ecosystem, and launches as sessions of an app."""

    def __init__(self, transport: Transport, task: TaskApi, *, sleep: Callable[[float], object] = time.sleep) -> None:
        super().__init__(transport)
        self._task, self._sleep = task, sleep

    def get_ecosystem_module_id(self, slug: str) -> int:
        """Return the id of the module with this slug. Raises NotFound."""
        rows = self.get_list_all_pages("ecosystem.list", {"filter": [clause("slug", "=", slug)]})
        found = [module.id for module in map(ModuleInfo.parse, rows) if module.slug in {"", slug}]
        if len(found) == 1:
            return found[0]
        if found:
            raise Refused(f'{len(found)} modules have the slug "{slug}"', status=409, remedy="use the module id")
        raise NotFound(
            f'the Ecosystem of {self._transport.address} has no module "{slug}"',
            status=404,
            remedy="check the slug: owner/repository, plus the folder for an app inside a repository",
        )

    def get_ecosystem_module_info(
        self, module_id: int | None = None, version: str | None = None, slug: str | None = None
    ) -> ModuleInfo:
        """Return the module by id or slug, with its config at a version (by default the newest)."""
        return ModuleInfo.parse(self.get_info(module_id, version, slug=slug))

    def get_info(self, module_id: int | None, version: str | None = None, *, slug: str | None = None) -> dict[str, Any]:
        """Return the module in the server's JSON."""
        if module_id is None and slug is None:
            raise UsageError("a module is found by module_id or by slug", remedy="pass one of them")
        body: dict[str, Any] = {"slug": slug} if module_id is None else {"id": module_id}
        if version is not None:
            body["version"] = version
        answer = self._transport.post("ecosystem.info", body)
        return dict(ModuleInfo.parse(answer).raw)

    def get_list_ecosystem_modules(
        self,
        search: str | None = None,
        categories: Sequence[str] | None = None,
        categories_operation: str | None = None,
    ) -> list[ModuleInfo]:
        """List the modules that match, if any (the SDK raises KeyError for none)."""
        data = {"search": search, "categories": categories, "categoriesOperation": categories_operation}
        rows = self.get_list_all_pages("ecosystem.list", {k: v for k, v in data.items() if v is not None})
        return [ModuleInfo.parse(row) for row in rows]

    def find_module_id_by_app_name(self, name: str) -> int:
        """Return the id of the one module that a search by name finds."""
        found = self.get_list_ecosystem_modules(search=name)
        exact = [module for module in found if module.name == name] or found
        if len(exact) == 1:
            return exact[0].id
        if exact:
            slugs = ", ".join(module.slug for module in exact[:5])
            raise Refused(f'{len(exact)} modules match "{name}": {slugs}', status=409, remedy="use a slug")
        raise NotFound(f'no module matches "{name}"', status=404, remedy="check the name in the Ecosystem")

    def start(
        self,
        agent_id: int | None,
        app_id: int | None = None,
        workspace_id: int | None = None,
        description: str = "",
        params: Mapping[str, Any] | None = None,
        log_level: str = "info",
        users_id: int | Sequence[int] | None = None,
        app_version: str | None = None,
        is_branch: bool = False,
        task_name: str = "run-from-python",
        restart_policy: str = "never",
        proxy_keep_url: bool = False,
        module_id: int | None = None,
        redirect_requests: Mapping[str, Any] | None = None,
        kubernetes_settings: KubernetesSettings | Mapping[str, Any] | None = None,
        multi_user_session: bool = False,
    ) -> SessionInfo:
        """Start an app at its newest release, or at a version. The request is never repeated.

        `params` without a key `state` are the state. Without a version, taskspec looks up the newest release, which
        needs `module_id`.
        """
        if app_version is None:
            if module_id is None:
                raise UsageError(
                    "the newest release is looked up by module_id",
                    remedy="pass module_id, or app_version together with app_id",
                )
            app_version = str(self.get_ecosystem_module_info(module_id).get_latest_release().get("version", ""))
        request = StartRequest(
            agent_id=agent_id,
            app_id=app_id,
            module_id=module_id,
            workspace_id=workspace_id,
            description=description,
            params=as_state(params),
            log_level=log_level,
            users_ids=[users_id] if isinstance(users_id, int) else users_id,
            app_version=app_version,
            is_branch=is_branch,
            task_name=task_name,
            restart_policy=restart_policy,
            proxy_keep_url=proxy_keep_url,
            redirect_requests=redirect_requests,
            kubernetes_settings=kubernetes_settings,
            multi_user_session=multi_user_session,
        )
        started = self._task.start_request(request)
        return SessionInfo(started.id, started.user_id, started.module_id, started.app_id, started)

    def wait(
        self,
        id: int,
        target_status: LaunchStatus | str,
        attempts: int | None = None,
        attempt_delay_sec: float | None = None,
    ) -> LaunchStatus:
        """The same as `task.wait`."""
        return self._task.wait(id, target_status, attempts, attempt_delay_sec)

    def stop(self, id: int) -> LaunchStatus:
        """The same as `task.stop`."""
        return self._task.stop(id)

    def get_status(self, task_id: int) -> LaunchStatus:
        """The same as `task.get_status`."""
        return self._task.get_status(task_id)

    def get_session_info(self, task_id: int) -> TaskInfo:
        """The same as `task.get_info_by_id`."""
        return self._task.get_info_by_id(task_id)

    def get_url(self, task_id: int) -> str:
        """Return the path of the session in the web interface."""
        return f"/apps/sessions/{task_id}"

    def is_ready_for_api_calls(self, task_id: int) -> bool:
        """Return True when the app answers that it runs, False also without an answer."""
        try:
            answer = self._task.send_request(task_id, "is_running", {}, timeout=1, retries=1, raise_error=True)
        except ApiError:
            return False
        return isinstance(answer, dict) and bool(answer.get("running"))

    def wait_until_ready_for_api_calls(self, task_id: int, attempts: int = 10, attempt_delay_sec: float = 10) -> bool:
        """Return True as soon as the app answers that it runs, False after the last attempt."""
        for attempt in range(attempts):
            if attempt:
                self._sleep(attempt_delay_sec)
            if self.is_ready_for_api_calls(task_id):
                return True
        return False


def as_state(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Put the state under `state`, unless it is there already."""
    given = dict(params or {})
    return given if "state" in given else {"state": given}
