"""The body of a start, field by field, as in wire protocol section 2.4."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from taskspec.api import Api, KubernetesSettings, RestartPolicy, StartRequest
from taskspec.api.tasks.task_api import TaskApi
from taskspec.errors import OutcomeUnknown, UsageError
from tests.api.recorder import Recorder

ROW = {"taskId": 501, "userId": 3, "moduleId": 83, "appId": 578}
DEFAULTS = {
    "agentId": 21,
    "workspaceId": None,
    "description": "application description",
    "params": {"state": {}},
    "logLevel": "info",
    "usersIds": [],
    "appVersion": "",
    "isBranch": False,
    "taskName": "pythonSpawned",
    "restartPolicy": "never",
    "proxyKeepUrl": False,
    "advancedSettings": {"limitByWorkspace": False},
    "moduleId": 83,
}


def test_the_defaults_are_those_of_the_wire_protocol(server: Recorder, api: Api) -> None:
    server.answer("tasks.run.app", [ROW])
    api.task.start(21, module_id=83)
    assert server.bodies("tasks.run.app") == [DEFAULTS]


def test_every_parameter_arrives_in_its_field(server: Recorder, api: Api) -> None:
    server.answer("tasks.run.app", [ROW])
    api.task.start(
        agent_id=None,
        app_id=578,
        workspace_id=11,
        description="nightly",
        params={"state": {"slyProjectId": 99}},
        log_level="debug",
        users_ids=[3, 4],
        app_version="dev",
        is_branch=True,
        task_name="Nightly export",
        restart_policy=RestartPolicy.ON_ERROR,
        proxy_keep_url=True,
        redirect_requests={"token": "t", "port": "8000"},
        limit_by_workspace=True,
        kubernetes_settings=KubernetesSettings(use_health_check=True, limit_gpu_cores_perc=50),
        multi_user_session=True,
    )
    assert server.bodies("tasks.run.app") == [
        {
            "agentId": None,
            "appId": 578,
            "workspaceId": 11,
            "description": "nightly",
            "params": {"state": {"slyProjectId": 99}},
            "logLevel": "debug",
            "usersIds": [3, 4],
            "appVersion": "dev",
            "isBranch": True,
            "taskName": "Nightly export",
            "restartPolicy": "on_error",
            "proxyKeepUrl": True,
            "redirectRequests": {"token": "t", "port": "8000"},
            "advancedSettings": {"limitByWorkspace": True, "useHealthCheck": True, "limitGpuCoresPerc": 50},
            "singleSessionMode": True,
        }
    ]


def test_the_signature_is_the_vendors() -> None:
    assert list(inspect.signature(TaskApi.start).parameters)[1:] == [
        "agent_id",
        "app_id",
        "workspace_id",
        "description",
        "params",
        "log_level",
        "users_ids",
        "app_version",
        "is_branch",
        "task_name",
        "restart_policy",
        "proxy_keep_url",
        "module_id",
        "redirect_requests",
        "limit_by_workspace",
        "kubernetes_settings",
        "multi_user_session",
    ]


ALL_LIMITS = {
    "use_health_check": ("useHealthCheck", False),
    "request_cpus": ("requestCpus", 1),
    "limit_cpus": ("limitCpus", 2),
    "limit_memory_gb": ("limitMemoryGb", 3),
    "limit_shm_gb": ("limitShmGb", 4),
    "limit_storage_gb": ("limitStorageGb", 5),
    "limit_gpus": ("limitGpus", 6),
    "limit_gpu_memory_mb": ("limitGpuMemoryMb", 7),
    "limit_gpu_cores_perc": ("limitGpuCoresPerc", 8),
}


@pytest.mark.parametrize(
    "settings",
    [
        KubernetesSettings(**{name: value for name, (_, value) in ALL_LIMITS.items()}),  # type: ignore[arg-type] # mixed
        {name: value for name, (_, value) in ALL_LIMITS.items()},
        dict(ALL_LIMITS.values()),
    ],
    ids=["value", "our spelling", "the server's spelling"],
)
def test_kubernetes_settings_are_sent_in_the_servers_spelling(settings: Any) -> None:
    wire = StartRequest(agent_id=1, module_id=2, kubernetes_settings=settings).to_wire()
    assert wire["advancedSettings"] == {"limitByWorkspace": False, **dict(ALL_LIMITS.values())}


def test_settings_that_are_none_are_left_to_the_server() -> None:
    wire = StartRequest(agent_id=1, module_id=2, kubernetes_settings={"limit_gpus": None}).to_wire()
    assert wire["advancedSettings"] == {"limitByWorkspace": False}


def test_a_misspelled_setting_is_refused() -> None:
    with pytest.raises(UsageError, match="limit_gpu_s"):
        StartRequest(agent_id=1, module_id=2, kubernetes_settings={"limit_gpu_s": 1}).to_wire()


@pytest.mark.parametrize("which", [{}, {"app_id": 1, "module_id": 2}])
def test_exactly_one_of_app_and_module_is_named(server: Recorder, api: Api, which: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="exactly one of app_id and module_id"):
        api.task.start(1, **which)  # type: ignore[arg-type] # the rule under test
    assert server.seen == []


def test_a_description_the_server_would_refuse_is_refused_before_sending() -> None:
    assert StartRequest(agent_id=1, module_id=2, description="x" * 255).to_wire()["description"] == "x" * 255
    with pytest.raises(UsageError, match="256 characters"):
        StartRequest(agent_id=1, module_id=2, description="x" * 256)


def test_the_answer_has_the_id_of_the_launch_and_of_its_siblings(server: Recorder, api: Api) -> None:
    server.answer("tasks.run.app", [ROW, {**ROW, "taskId": 502, "userId": 4}])
    started = api.task.start(21, module_id=83, users_ids=[3, 4])
    assert (started.id, started["taskId"], started.user_id, started.module_id, started.app_id) == (501, 501, 3, 83, 578)
    assert started.others == (502,)


def test_an_answer_in_the_shape_of_a_task_is_understood(server: Recorder, api: Api) -> None:
    server.answer("tasks.run.app", [{"id": 7, "status": "queued"}])
    assert api.task.start(21, module_id=83).id == 7


def test_one_odd_row_makes_the_whole_answer_unknown(server: Recorder, api: Api) -> None:
    server.answer("tasks.run.app", [ROW, {"userId": 4}])
    with pytest.raises(OutcomeUnknown, match="without the id"):
        api.task.start(21, module_id=83)
