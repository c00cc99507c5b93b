"""Launches on a server: start, stop, read, list, wait and call. The server calls a launch a task.

Methods, names and parameters are those of the vendor's TaskApi. A docstring names each error of the vendor's client
that this one corrects. Facts: wire protocol, section 2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from taskspec.api.records.records import StartedTask
from taskspec.api.records.wire_record import as_object, is_integer
from taskspec.api.tasks.list_calls import ListCalls
from taskspec.api.tasks.output_calls import FieldCalls, OutputCalls
from taskspec.api.tasks.request_calls import RequestCalls
from taskspec.api.tasks.start_request import KubernetesSettings, StartRequest
from taskspec.api.tasks.upload_calls import UploadCalls
from taskspec.api.tasks.waiting import MAX_WAIT_ATTEMPTS, WAIT_ATTEMPT_TIMEOUT_SEC, TaskFinishedWithError, wait_for
from taskspec.api.transport import Transport
from taskspec.api.wire import LaunchStatus, PluginTaskType, RestartPolicy
from taskspec.errors import OutcomeUnknown, UsageError


class TaskApi(ListCalls, OutputCalls, FieldCalls, RequestCalls, UploadCalls):
    """All operations on launches."""

    MAX_WAIT_ATTEMPTS = MAX_WAIT_ATTEMPTS
    WAIT_ATTEMPT_TIMEOUT_SEC = WAIT_ATTEMPT_TIMEOUT_SEC
    Status = LaunchStatus
    RestartPolicy = RestartPolicy
    PluginTaskType = PluginTaskType

    def __init__(self, transport: Transport, *, sleep: Callable[[float], object] = time.sleep) -> None:
        super().__init__(transport)
        self._sleep = sleep

    def start(
        self,
        agent_id: int | None,
        app_id: int | None = None,
        workspace_id: int | None = None,
        description: str = "application description",
        params: Mapping[str, Any] | None = None,
        log_level: str = "info",
        users_ids: Sequence[int] | None = None,
        app_version: str | None = "",
        is_branch: bool = False,
        task_name: str = "pythonSpawned",
        restart_policy: str = "never",
        proxy_keep_url: bool = False,
        module_id: int | None = None,
        redirect_requests: Mapping[str, Any] | None = None,
        limit_by_workspace: bool = False,
        kubernetes_settings: KubernetesSettings | Mapping[str, Any] | None = None,
        multi_user_session: bool = False,
    ) -> StartedTask:
        """Start an app with one request that is never repeated. The SDK repeats it and may start the app twice.

        With several `users_ids`, the answer has the other launches in `others`; the SDK drops them.
        """
        return self.start_request(
            StartRequest(
                agent_id=agent_id,
                app_id=app_id,
                module_id=module_id,
                workspace_id=workspace_id,
                description=description,
                params=params,
                log_level=log_level,
                users_ids=users_ids,
                app_version=app_version,
                is_branch=is_branch,
                task_name=task_name,
                restart_policy=restart_policy,
                proxy_keep_url=proxy_keep_url,
                redirect_requests=redirect_requests,
                limit_by_workspace=limit_by_workspace,
                kubernetes_settings=kubernetes_settings,
                multi_user_session=multi_user_session,
            )
        )

    def start_request(self, request: StartRequest, *, deadline: float | None = None) -> StartedTask:
        """Send one start. Raises OutcomeUnknown without an answer within the deadline (default 30 s)."""
        answer = self._transport.post("tasks.run.app", request.to_wire(), safe=False, deadline=deadline)
        return _started(answer, self._transport.address)

    def stop(self, id: int) -> LaunchStatus:
        """Ask the launch to end and return its status, normally `terminating`. It can be repeated."""
        return _status(id, as_object(self._transport.post("tasks.stop", {"id": id})).get("status"))

    def resume(self, id: int) -> None:
        """Run an ended launch again under the same id. Never repeated. The SDK has no such method."""
        self._transport.post_for_status("tasks.resume", {"id": id}, safe=False)

    def get_status(self, task_id: int) -> LaunchStatus:
        """Return the status. Raises OutcomeUnknown for an unknown one, which `get_info_by_id` shows."""
        return _status(task_id, self.get_info_by_id(task_id).raw_status)

    def raise_for_status(self, status: LaunchStatus | str) -> None:
        """Raise TaskFinishedWithError for `error`, as a member or as text; the SDK ignores the text."""
        if _known(status) is LaunchStatus.ERROR:
            raise TaskFinishedWithError(None, LaunchStatus.ERROR)

    def wait(
        self,
        id: int,
        target_status: LaunchStatus | str,
        wait_attempts: int | None = None,
        wait_attempt_timeout_sec: float | None = None,
    ) -> LaunchStatus:
        """Wait for a status. Return the one that ended the wait: the target, `finished` or `deployed`.

        Raises TaskFinishedWithError for another end of the launch, and WaitingTimeExceeded after the last attempt.
        The SDK returns None, treats a stopped launch as a success, raises for an awaited `error`, and never matches a
        target given as text.
        """
        return wait_for(
            _known(target_status),
            lambda: self.get_status(id),
            self._sleep,
            task_id=id,
            attempts=wait_attempts,
            pause=wait_attempt_timeout_sec,
        )

    def get_context(self, id: int) -> dict[str, Any]:
        """Return team and workspace of the launch, with ids and names."""
        return dict(as_object(self._transport.post("GetTaskContext", {"id": id})))

    def get_logs(self, task_id: int, since_time: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Return log entries in order. `since_time` is ISO 8601. Raises without an answer; the SDK crashes."""
        answer = self._transport.get("tasks.log.download", {"id": task_id, "sinceTime": since_time, "limit": limit})
        if not isinstance(answer, list):
            raise OutcomeUnknown(
                f"tasks.log.download: the answer for task {task_id} is not a list of log entries", remedy="try again"
            )
        return answer

    def submit_logs(self, logs: Sequence[Mapping[str, Any]]) -> None:
        """Add log entries, each with its `task_id`. Never repeated: that would show each line twice."""
        self._transport.post_for_status("tasks.logs.add", {"logs": list(logs)}, safe=False)

    def update_meta(
        self,
        id: int,
        data: Mapping[str, Any],
        agent_storage_folder: str | None = None,
        relative_app_dir: str | None = None,
    ) -> None:
        """Change the metadata of a launch. `data` is not changed; the SDK writes the id into it."""
        if (agent_storage_folder is None) != (relative_app_dir is None):
            raise UsageError(
                "agent_storage_folder and relative_app_dir belong together", remedy="pass both of them, or none"
            )
        body = {**data, "id": id}
        if agent_storage_folder is not None:
            body["agentStorageFolder"] = {"hostDir": agent_storage_folder, "folder": relative_app_dir}
        self._transport.post_for_status("tasks.meta.update", body)

    def update_status(self, task_id: int, status: LaunchStatus | str) -> None:
        """Set the status. Raises UsageError for an unknown status before sending."""
        self._transport.post_for_status("tasks.status.update", {"id": task_id, "status": _known(status).value})


def _started(answer: Any, address: str) -> StartedTask:
    """Convert the answer to a start. The launch id is under `id`."""
    rows = answer if isinstance(answer, list) else []
    ids = [row.get("taskId", row.get("id")) for row in rows if isinstance(row, dict)]
    if not ids or len(ids) != len(rows) or not all(map(is_integer, ids)):
        raise OutcomeUnknown(
            f"tasks.run.app at {address}: the server answered 200 without the id of a launch",
            status=200,
            remedy="the app may have been started; check before starting it again",
        )
    return StartedTask({**rows[0], "id": ids[0], "others": ids[1:]} if ids[1:] else {**rows[0], "id": ids[0]})


def _status(task_id: int, word: Any) -> LaunchStatus:
    if isinstance(word, str) and LaunchStatus.has_value(word):
        return LaunchStatus(word)
    raise OutcomeUnknown(
        f'the server reports the unknown status "{word}" for task {task_id}',
        remedy="look at the task in the web interface; a newer taskspec may know the status",
    )


def _known(status: LaunchStatus | str) -> LaunchStatus:
    if LaunchStatus.has_value(status):
        return LaunchStatus(status)
    raise UsageError(f'unknown status "{status}"', remedy=f"use one of {', '.join(LaunchStatus.values())}")
