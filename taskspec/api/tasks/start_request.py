"""The body of `tasks.run.app`, built and checked before the client sends anything.

Pure. Facts: wire protocol, section 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from taskspec.api.wire import DESCRIPTION_LIMIT
from taskspec.errors import UsageError


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """Limits for a launch on a Kubernetes agent. None means the server's default."""

    use_health_check: bool | None = None
    request_cpus: int | None = None
    limit_cpus: int | None = None
    limit_memory_gb: int | None = None
    limit_shm_gb: int | None = None
    limit_storage_gb: int | None = None
    limit_gpus: int | None = None
    limit_gpu_memory_mb: int | None = None
    limit_gpu_cores_perc: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the settings that are not None, in the server's spelling."""
        values = ((camel(f.name), getattr(self, f.name)) for f in fields(self))
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True)
class StartRequest:
    """One start. It has exactly one of `app_id` and `module_id`."""

    agent_id: int | None
    app_id: int | None = None
    module_id: int | None = None
    workspace_id: int | None = None
    description: str = "application description"
    params: Mapping[str, Any] | None = None
    log_level: str = "info"
    users_ids: Sequence[int] | None = None
    app_version: str | None = ""
    is_branch: bool = False
    task_name: str = "pythonSpawned"
    restart_policy: str = "never"
    proxy_keep_url: bool = False
    redirect_requests: Mapping[str, Any] | None = None
    limit_by_workspace: bool = False
    kubernetes_settings: KubernetesSettings | Mapping[str, Any] | None = None
    multi_user_session: bool = False

    def __post_init__(self) -> None:
        if (self.app_id is None) == (self.module_id is None):
            raise UsageError(
                "a start needs exactly one of app_id and module_id",
                remedy="pass module_id; look it up with app.get_ecosystem_module_id",
            )
        if len(self.description) > DESCRIPTION_LIMIT:
            raise UsageError(
                f"the description has {len(self.description)} characters, the server accepts {DESCRIPTION_LIMIT}",
                remedy="shorten it",
            )

    def to_wire(self) -> dict[str, Any]:
        """Return the body of the request, in the server's spelling."""
        return {
            "agentId": self.agent_id,
            "workspaceId": self.workspace_id,
            "description": self.description,
            "params": {"state": {}} if self.params is None else self.params,
            "logLevel": str(self.log_level),
            "usersIds": list(self.users_ids or ()),
            "appVersion": self.app_version or "",
            "isBranch": self.is_branch,
            "taskName": self.task_name,
            "restartPolicy": str(self.restart_policy),
            "proxyKeepUrl": self.proxy_keep_url,
            "advancedSettings": {"limitByWorkspace": self.limit_by_workspace, **_settings(self.kubernetes_settings)},
            **({"redirectRequests": dict(self.redirect_requests)} if self.redirect_requests else {}),
            **({"appId": self.app_id} if self.module_id is None else {"moduleId": self.module_id}),
            **({"singleSessionMode": True} if self.multi_user_session else {}),
        }


def camel(name: str) -> str:
    """Convert a name to the server's spelling."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _settings(settings: KubernetesSettings | Mapping[str, Any] | None) -> dict[str, Any]:
    """Convert settings to the server's spelling. Unlike in the vendor's SDK, a mapping may use either spelling.

    A name in snake_case must be known. A name in the server's spelling always passes, because it may be new.
    """
    if settings is None:
        return {}
    if isinstance(settings, KubernetesSettings):
        return settings.to_wire()
    known = {f.name for f in fields(KubernetesSettings)}
    wrong = sorted(name for name in settings if "_" in name and name not in known)
    if wrong:
        raise UsageError(
            f'kubernetes_settings has no "{wrong[0]}"', remedy=f"settings allowed here: {', '.join(sorted(known))}"
        )
    return {camel(name): value for name, value in settings.items() if value is not None}


_MARKER = re.compile(r"\[ts:([0-9a-f]{20})\]")


def marker(key: str) -> str:
    """The text that carries a start key inside a description."""
    return f"[ts:{key}]"


def key_in(description: str) -> str:
    """The start key in a description, or "" when taskspec did not start the launch. The last key wins."""
    found = _MARKER.findall(description)
    return str(found[-1]) if found else ""
