"""The calls that both clients make, and the answers of the recording server."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskspec.api import KubernetesSettings

from .sdk import status

if TYPE_CHECKING:
    from taskspec.api import Api

PATHS = [str(Path(__file__)), str(Path(__file__).with_name("same_requests.py"))]
"""Files to send: this one, and the next one, which the server has already."""

STARTED = [{"taskId": 501, "userId": 3, "moduleId": 83, "appId": 578}]
FILE = {"id": 9, "teamId": 7, "name": "a.txt", "path": "/x/a.txt", "storagePath": "/s/a.txt", "hash": "h", "meta": {}}
TASK = {"id": 501, "status": "finished", "teamId": 7, "meta": {"app": {"moduleId": 83}}}
PROJECT = {
    "id": 99,
    "name": "Lemons",
    "type": "images",
    "referenceImageUrl": "https://h/x/image-converter/a.jpg",
    "workspaceId": 11,
}
MODULE = {
    "id": 83,
    "slug": "owner/app",
    "name": "App",
    "type": "app",
    "createdAt": "",
    "updatedAt": "",
    "config": {"modalTemplateState": {}},
    "meta": {"releases": [{"version": "v1.2.3", "name": "new"}]},
}


LABELING = {
    "id": 5,
    "name": "lemons",
    "status": "completed",
    "meta": {"classes": [], "projectTags": [], "imageTags": [], "range": {"start": None, "end": None}},
    "labelers": [],
    "reviewers": [],
    "jobs": [],
}


def page(*rows: Any) -> dict[str, Any]:
    return {"total": len(rows), "perPage": 500, "pagesCount": 1, "after": None, "entities": list(rows)}


ANSWERS = {
    "instance.version": {"version": "6.18.3"},
    "tasks.list": page(TASK),
    "tasks.info": TASK,
    "tasks.run.app": STARTED,
    "tasks.stop": {"status": "terminating"},
    "tasks.data.get": {"result": {"data.a": 1, "state.b": 2}},
    "tasks.request.direct": {"status": "ready", "running": True},
    "tasks.log.download": [],
    "images.internal.hashes.list": [base64.b64encode(hashlib.sha256(Path(PATHS[1]).read_bytes()).digest()).decode()],
    "projects.info": PROJECT,
    "projects.list": page(PROJECT),
    "projects.clone": {"taskId": 501},
    "projects.archive": {"success": True},
    "jobs.info": LABELING,
    "jobs.set-status": {"success": True},
    "labeling-queues.info": LABELING,
    "labeling-queues.set-status": {"success": True},
    "ecosystem.list": page(MODULE),
    "ecosystem.info": MODULE,
    "agents.list": page({"id": 21, "name": "box-1", "teamId": 7}),
    "agents.available": [{"id": 21, "name": "box-1"}],
    "agents.info": {"id": 21, "name": "box-1"},
    "teams.list": page({"id": 7, "name": "seven"}),
    "teams.info": {"id": 7, "name": "seven"},
    "workspaces.list": page({"id": 11, "name": "eleven"}),
    "workspaces.info": {"id": 11, "name": "eleven"},
    "users.me": {"id": 3, "login": "alice"},
    "users.info": {"id": 3, "login": "alice"},
    "members.list": page({"id": 3, "login": "alice"}),
    "file-storage.info": FILE,
    "file-storage.list": [FILE],
    "file-storage.bulk.upload": [FILE],
    **{method: {} for method in ("GetTaskContext", "tasks.data.set", "tasks.output.set", "file-storage.remove")},
    **{f"tasks.{name}": {} for name in ("logs.add", "status.update", "meta.update")},
    **{f"tasks.files.bulk.{name}": {} for name in ("upload", "add-by-hash")},
}


@dataclass(frozen=True)
class Case:
    """One call of both clients."""

    call: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def id(self) -> str:
        return f"{self.call} {self.name}".strip()


ICON = ("done", "well", True, "zmdi-star", "#000000", "#ffffff")
FILTER = [{"field": "status", "operator": "in", "value": ["started"]}]
SETTINGS = {"limit_gpus": 1, "limit_memory_gb": 8, "use_health_check": False}
LOG = {"message": "ü", "level": "info", "task_id": 501, "timestamp": "2026-01-02T03:04:05.678Z", "n": 1}
EVERYTHING: dict[str, Any] = {
    "agent_id": 21,
    "workspace_id": 11,
    "description": "d",
    "params": {"state": {"a": [1.5, None, "ü"]}, "more": 1},
    "log_level": "debug",
    "app_version": "dev",
    "is_branch": True,
    "task_name": "t",
    "restart_policy": "on_error",
    "proxy_keep_url": True,
    "module_id": 83,
    "redirect_requests": {"token": "x", "port": "8000"},
    "multi_user_session": True,
    "kubernetes_settings": {"$kubernetes": SETTINGS},
}

CASES = [
    Case("task.get_list", (11,)),
    Case("task.get_list", (11, FILTER), name="filtered"),
    Case("task.get_info_by_id", (501,)),
    Case("task.get_status", (501,)),
    Case("task.wait", (501, status("finished"))),
    Case("task.get_context", (501,)),
    Case("task.start", (21,), {"module_id": 83, "workspace_id": 11}),
    Case("task.start", (None,), {"app_id": 578}, name="by app"),
    Case("task.start", (), {**EVERYTHING, "users_ids": [3, 4], "limit_by_workspace": True}, name="with everything"),
    Case("task.start", (21,), {"module_id": 83, "kubernetes_settings": {"limitGpus": 2, "newer": 1}}, name="by dict"),
    Case("task.start", (21,), {"module_id": 83, "kubernetes_settings": {"limit_gpus": 2}}, name="by our spelling"),
    Case("task.stop", (501,)),
    Case("task.submit_logs", ([LOG],)),
    Case("task.upload_files", (501, PATHS, ["x/a.py", "b.py"])),
    Case("task.set_fields", (501, [{"field": "data.a", "payload": 1}, {"field": "b", "payload": None}])),
    Case("task.set_fields_from_dict", (501, {"data.a": {"x": 1}, "state.b": []})),
    Case("task.set_field", (501, "data.a", [1])),
    Case("task.set_field", (501, "data.a", [1], True, True), name="appended"),
    Case("task.get_fields", (501, ["data.a", "state.b"])),
    Case("task.get_field", (501, "data.a")),
    Case("task.set_output_project", (501, 99, "Lemons")),
    Case("task.set_output_project", (501, 99, "Lemons", "/p.png"), name="with a picture"),
    Case("task.set_output_project", (501, 99), name="looked up"),
    Case("task.set_output_report", (501, 9, "r.html")),
    Case("task.set_output_report", (501, 9, "r.html", "Metrics"), name="described"),
    Case("task.set_output_archive", (501, 9, "a.tar")),
    Case("task.set_output_archive", (501, 9, "a.tar", "/x/a.tar"), name="by address"),
    Case("task.set_output_file_download", (501, 9, "m.pt")),
    Case("task.set_output_file_download", (501, 9, "m.pt", "/x/m.pt", False), name="by address"),
    Case("task.set_output_directory", (501, 9, "/models/")),
    Case("task.set_output_error", (501, "failed")),
    Case("task.set_output_error", (501, "failed", "because", False), name="described"),
    Case("task.set_output_text", (501, "done")),
    Case("task.set_output_text", (501, *ICON), name="with an icon"),
    Case("task.set_output_experiment", (501, {"experiment_name": "lemons", "checkpoints": ["a"]})),
    Case("task.send_request", (501, "evaluate", {"project_id": 99})),
    Case("task.send_request", (501, "run", {}, {"teamId": 7}, True, 5, False, 1, True), name="with everything"),
    Case("task.is_running", (501,)),
    Case("task.is_ready", (501,)),
    Case("task.update_meta", (501, {"name": "x"})),
    Case("task.update_meta", (501, {}, "/data", "app/501"), name="with a folder"),
    Case("task.update_status", (501, status("started"))),
    Case("task.update_status", (501, "error"), name="by text"),
    Case("task.get_logs", (501,)),
    Case("task.get_logs", (501, "2026-01-02T03:04:05.678Z", 10), name="cut"),
    Case("task.get_list_all_pages", ("tasks.list", {"workspaceId": 11, "sort": "status", "sort_order": "desc"})),
    Case("task.get_list_all_pages_generator", ("tasks.list", {"workspaceId": 11, "pagination_mode": "token"})),
    Case("app.get_ecosystem_module_id", ("owner/app",)),
    Case("app.get_ecosystem_module_info", (83,)),
    Case("app.get_ecosystem_module_info", (), {"slug": "owner/app", "version": "v1.2.3"}, name="by slug"),
    Case("app.get_info", (83, "v1.2.3")),
    Case("app.get_list_ecosystem_modules", (), {"search": "app"}),
    Case(
        "app.get_list_ecosystem_modules", (), {"categories": ["a", "b"], "categories_operation": "and"}, name="tagged"
    ),
    Case("app.find_module_id_by_app_name", ("App",)),
    Case("app.start", (21,), {"module_id": 83, "workspace_id": 11, "params": {"lr": 1}}),
    Case("app.start", (), {**EVERYTHING, "users_id": 3}, name="with everything"),
    Case("app.start", (21,), {"app_id": 578, "app_version": "v1", "users_id": [3, 4]}, name="without params"),
    Case("app.wait", (501, status("finished"))),
    Case("app.stop", (501,)),
    Case("app.get_status", (501,)),
    Case("app.is_ready_for_api_calls", (501,)),
    Case("app.wait_until_ready_for_api_calls", (501,)),
    Case("agent.get_list", (7, FILTER)),
    Case("agent.get_list", (7,), {"with_gpu_info": True}, name="with GPUs"),
    Case("agent.get_info_by_id", (21,)),
    Case("agent.get_info_by_name", (7, "box-1")),
    Case("agent.get_list_available", (7, True, False, True)),
    Case("team.get_list"),
    Case("team.get_info_by_id", (7,)),
    Case("team.get_info_by_name", ("seven",)),
    Case("workspace.get_list", (7,)),
    Case("workspace.get_info_by_id", (11,)),
    Case("workspace.get_info_by_name", (7, "eleven")),
    Case("user.get_my_info"),
    Case("user.get_info_by_id", (3,)),
    Case("user.get_member_info_by_login", (3, "alice")),
    Case("project.get_list", (11,)),
    Case("project.get_info_by_id", (99,)),
    Case("project.get_info_by_name", (11, "Lemons")),
    Case("project.clone", (99, 11, "Copy")),
    Case("project.remove", (99,)),
    Case("labeling_job.get_info_by_id", (5,)),
    Case("labeling_job.get_status", (5,)),
    Case("labeling_job.set_status", (5, "completed")),
    Case("labeling_queue.get_info_by_id", (5,)),
    Case("labeling_queue.get_status", (5,)),
    Case("labeling_queue.set_status", (5, "completed")),
    Case("file.get_info_by_id", (9,)),
    Case("file.get_info_by_path", (7, "/x/a.txt")),
    Case("file.exists", (7, "/x/a.txt")),
    Case("file.list", (7, "/x/")),
    Case("file.upload", (7, PATHS[1], "/x/same_requests.py")),
    Case("file.remove", (7, "/x/a.txt")),
]


def call_ours(api: Api, case: Case) -> None:
    target: Any = api
    for part in case.call.split("."):
        target = getattr(target, part)
    answer = target(*map(given, case.args), **{key: given(value) for key, value in case.kwargs.items()})
    if case.call.endswith("generator"):
        list(answer)


def given(value: Any) -> Any:
    """Convert an argument of the table for the client of taskspec."""
    if isinstance(value, dict) and "$status" in value:
        return value["$status"]
    if isinstance(value, dict) and "$kubernetes" in value:
        return KubernetesSettings(**value["$kubernetes"])
    return value
