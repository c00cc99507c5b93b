"""The task of `projects.clone`: a launch of a built-in app, recorded as finished at once."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from taskspec.local import moments, places

if TYPE_CHECKING:
    from taskspec.local.call import ServerParts

SLUG = "taskspec/clone-project"
TITLE = "Clone project"
VERSION = "v1.0.0"


def record_clone(parts: ServerParts, project_id: int, name: str) -> int:
    """Record the task, whose output names the project. Call it in the transaction that makes the project."""
    store, moment = parts.store, moments.now()
    module_id, release_id = _release(parts)
    output = {"project": {"id": project_id, "title": name, "preview": ""}}
    return store.write(
        "INSERT INTO launches (workspace_id, user_id, agent_id, module_id, release_id, status, type, description, name,"
        " log_level, restart_policy, session_token, params, settings, meta, output, created_at, started_at,"
        " finished_at) VALUES (?, ?, ?, ?, ?, 'finished', 'clone', '', ?, 'info', 'never', ?, '{}', '{}', '{}',"
        " ?, ?, ?, ?)",
        (
            places.WORKSPACE,
            places.USER,
            places.AGENT,
            module_id,
            release_id,
            f"{TITLE}: {name}",
            secrets.token_urlsafe(24),
            json.dumps(output),
            moment,
            moment,
            moment,
        ),
    )


def _release(parts: ServerParts) -> tuple[int, int]:
    """Return the module and release of the built-in app. The first clone makes them."""
    store, moment = parts.store, moments.now()
    store.write(
        "INSERT OR IGNORE INTO modules (slug, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
        (SLUG, TITLE, moment, moment),
    )
    module = store.one("SELECT id FROM modules WHERE slug = ?", (SLUG,))
    module_id = int(module["id"]) if module is not None else 0
    store.write(
        "INSERT OR IGNORE INTO releases (module_id, version, digest, config, created_at, position)"
        " VALUES (?, ?, '', '{}', ?, 1)",
        (module_id, VERSION, moment),
    )
    release = store.one("SELECT id FROM releases WHERE module_id = ? AND version = ?", (module_id, VERSION))
    return module_id, int(release["id"]) if release is not None else 0
