"""The environment of an app: the variables that a real agent sets (wire protocol 4.3, 4.4) and a few of the server's.

Pure. An allow-list selects the server's own variables, so that the user's API_TOKEN and cloud keys never reach an app.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.json_tree import leaves

LARGE_VALUE = 65536
LARGE_MARK = "@.@SLY_LARGE_ENV@.@"

_PASSED = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "SYSTEMROOT"),
        *("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)
_PASSED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HIP_", "ROCM_", "ROCR_")
_TARGETS = {
    "slyProjectId": ("PROJECT_ID", "projectId"),
    "slyDatasetId": ("DATASET_ID", "datasetId"),
    "slyFile": ("FILE", "slyFile"),
    "slyFolder": ("FOLDER", "slyFolder"),
}


@dataclass(frozen=True, slots=True)
class EnvironmentValues:
    """The values from which the environment of an app is built."""

    task_id: int
    address: str
    token: str
    state: Mapping[str, Any]
    context: Mapping[str, Any]
    config: Mapping[str, Any]
    config_dir: str
    log_level: str
    agent_id: int
    port: int | None
    work_dir: Path
    data_dir: Path
    storage_dir: Path


def base_environment(environ: Mapping[str, str], binaries: str) -> dict[str, str]:
    """Select the variables that apps inherit. `binaries` comes first in PATH, so that `python` exists."""
    kept = {name: value for name, value in environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)}
    kept["PATH"] = os.pathsep.join([binaries, environ.get("PATH", os.defpath)])
    # As in the containers of a real agent. The SDK labels local time with Z, which is correct only in UTC.
    kept["TZ"] = "UTC"
    kept.setdefault("LANG", "C.UTF-8")
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), "127.0.0.1", "localhost")))
    return kept


def app_environment(base: Mapping[str, str], setting: EnvironmentValues) -> dict[str, str]:
    """Build the environment of one launch. `null` is left out; a value over 64 KiB becomes a mark."""
    context = {**setting.context, **_context_targets(setting.state)}
    values = {
        **_fixed(setting),
        **_target_variables(setting.state),
        **_nested("context", "CONTEXT", context),
        **_nested("modal.state", "MODAL_STATE", setting.state),
    }
    return {**base, **{name: _bounded(value) for name, value in values.items() if "=" not in name}}


def flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield leaves as dotted names and Python text. Lists are leaves; empty objects and `null` are left out."""
    for path, value in leaves(values, lists=False):
        if value is not None and not isinstance(value, dict):
            yield ".".join((prefix, *map(str, path))), str(value)


def _nested(prefix: str, whole: str, values: Mapping[str, Any]) -> dict[str, str]:
    found = {whole: json.dumps(values)}
    for name, text in flatten(values, prefix):
        # Some images reject names with dots, so each value has two names.
        found[name] = text
        found[name.replace(".", "_").upper()] = text
    return found


def _fixed(setting: EnvironmentValues) -> dict[str, str]:
    context, config = setting.context, setting.config
    task = str(setting.task_id)
    storage = str(setting.storage_dir)
    return {
        "SERVER_ADDRESS": setting.address,
        "API_TOKEN": setting.token,
        "_SPAWN_API_TOKEN": setting.token,
        "AGENT_TOKEN": setting.token,
        "AGENT_ID": str(setting.agent_id),
        "TASK_ID": task,
        "SUPERVISELY_TASK_ID": task,
        "TEAM_ID": str(context["teamId"]),
        "WORKSPACE_ID": str(context["workspaceId"]),
        "USER_ID": str(context["userId"]),
        "USER_LOGIN": str(context["userLogin"]),
        "_SPAWN_USER_ID": str(context["userId"]),
        "_SPAWN_USER_LOGIN": str(context["userLogin"]),
        "LOG_LEVEL": setting.log_level,
        "LOGLEVEL": setting.log_level,
        "ENV": "production",
        "APP_MODE": "production",
        "APP_NAME": str(config.get("name") or ""),
        "APP_CATEGORIES": json.dumps(config.get("categories") or []),
        "icon": str(config.get("icon") or ""),
        "CONFIG_DIR": setting.config_dir,
        "BASE_URL": f"/app/{task}",
        "SLY_APP_DATA_DIR": str(setting.data_dir),
        "SUPERVISELY_SYNCED_APP_DATA": str(setting.data_dir),
        "HOST_TASK_DIR": str(setting.data_dir.parent),
        "AGENT_STORAGE": storage,
        "SUPERVISELY_AGENT_FILES": storage,
        "APPS_CACHE_DIR": f"{storage}/apps_cache",
        "PYTHONPATH": str(setting.work_dir),
        "PYTHONUNBUFFERED": "1",
        # The local server uses plain HTTP. Without this, every app tries TLS first (wire protocol 1.5).
        "SUPERVISELY_SKIP_HTTPS_USER_HELPER_CHECK": "true",
        **_network(setting),
        **_first_generation(setting),
    }


def _network(setting: EnvironmentValues) -> dict[str, str]:
    """Name the port on which the app must listen. A real agent names the port inside the app's container."""
    if setting.port is None:
        return {}
    return {"VIRTUAL_HOST": f"task-{setting.task_id}.supervisely.local", "VIRTUAL_PORT": str(setting.port)}


def _first_generation(setting: EnvironmentValues) -> dict[str, str]:
    """Set folders for an app without `version`: an AppService writes to /app by default (wire protocol 4.11)."""
    if setting.config.get("version"):
        return {}
    return {"DEBUG_APP_DIR": str(setting.data_dir), "DEBUG_CACHE_DIR": f"{setting.storage_dir}/apps_cache"}


def _target_variables(state: Mapping[str, Any]) -> dict[str, str]:
    return {variable: str(state[key]) for key, (variable, _) in _TARGETS.items() if state.get(key) is not None}


def _context_targets(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: state[key] for key, (_, name) in _TARGETS.items() if state.get(key) is not None}


def _bounded(value: str) -> str:
    # A character has at most four bytes, so most values need not be encoded to be measured.
    return LARGE_MARK if len(value) * 4 > LARGE_VALUE and len(value.encode()) > LARGE_VALUE else value
