"""The catalogue: apps as modules with releases, as in the Ecosystem. Knows rows, not files."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.local.apps.app_sources import AppSource
from taskspec.local.db import timestamps
from taskspec.local.db.server_database import Store
from taskspec.local.refusal import Refusal

_BOTH_SPELLINGS = {
    "modal_template_state": "modalTemplateState",
    "modal_template_data": "modalTemplateData",
    "context_menu": "contextMenu",
    "need_gpu": "needGPU",
}
_SELECT = (
    "SELECT r.id, r.module_id, m.name AS module_name, r.version, r.branch, r.digest, r.config, r.config_dir"
    " FROM releases r JOIN modules m ON m.id = r.module_id"
)


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a module, or one state of a branch, with its content."""

    id: int
    module_id: int
    module_name: str
    version: str
    branch: str | None
    digest: str
    config: Mapping[str, Any]
    config_dir: str


def default_slug(path: Path) -> str:
    """Build the slug of a folder: readable, and different for two folders of the same name."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name).strip("-.") or "app"
    return f"local/{name}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


class Modules:
    """The catalogue of one server."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, source: AppSource, slug: str, path: Path) -> int:
        """Make this content the newest release of its module. Refuse other content under a known version."""
        with self._store.transaction():
            module_id = self._write_module(source, slug)
            if source.branch is not None:
                self._write_branch(module_id, source.branch, path)
            self._write_release(module_id, source)
        return module_id

    def renew(self, module_id: int, source: AppSource) -> Release:
        """Record and return the release of this content."""
        self._write_release(module_id, source)
        [row] = self._store.all(f"{_SELECT} WHERE r.module_id = ? AND r.version = ?", (module_id, source.version))
        return _release(row)

    def branch_path(self, module_id: int, branch: str) -> str | None:
        """Return the folder from which a branch was registered."""
        row = self._store.one("SELECT path FROM branches WHERE module_id = ? AND name = ?", (module_id, branch))
        return row["path"] if row else None

    def branches(self, module_id: int) -> list[str]:
        rows = self._store.all("SELECT name FROM branches WHERE module_id = ? ORDER BY name", (module_id,))
        return [row["name"] for row in rows]

    def find_id(self, *, id: int | None = None, slug: str | None = None) -> int | None:
        row = self._store.one("SELECT id FROM modules WHERE id = ? OR slug = ?", (id, slug))
        return int(row["id"]) if row else None

    def release(self, module_id: int, version: str | None = None) -> Release | None:
        """Return a release by version, or the newest one. A branch is not a version."""
        return self._newest("r.branch IS NULL AND (:name IS NULL OR r.version = :name)", module_id, version)

    def shown_release(self, module_id: int, version: str | None) -> Release | None:
        """Return the release to show in the catalogue: a version, or else the last known state of a branch."""
        state = "r.branch IS NOT NULL AND (:name IS NULL OR r.branch = :name)"
        return self.release(module_id, version) or self._newest(state, module_id, version)

    def release_by_id(self, release_id: int) -> Release:
        [row] = self._store.all(f"{_SELECT} WHERE r.id = ?", (release_id,))
        return _release(row)

    def versions(self, module_id: int) -> list[dict[str, Any]]:
        """Return the releases as the catalogue shows them, newest first (wire protocol 3.1)."""
        rows = self._store.all(
            "SELECT version, created_at FROM releases WHERE module_id = ? AND branch IS NULL ORDER BY position DESC",
            (module_id,),
        )
        return [{"version": row["version"], "name": "", "createdAt": row["created_at"]} for row in rows]

    def _newest(self, condition: str, module_id: int, name: str | None) -> Release | None:
        sql = f"{_SELECT} WHERE r.module_id = :module AND {condition} ORDER BY r.position DESC LIMIT 1"
        row = self._store.one(sql, {"module": module_id, "name": name})
        return _release(row) if row else None

    def _write_module(self, source: AppSource, slug: str) -> int:
        moment = timestamps.now()
        self._store.write(
            "INSERT INTO modules (slug, name, created_at, updated_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (slug) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at",
            (slug, source.name, moment, moment),
        )
        [row] = self._store.all("SELECT id FROM modules WHERE slug = ?", (slug,))
        return int(row["id"])

    def _write_branch(self, module_id: int, branch: str, path: Path) -> None:
        self._store.write(
            "INSERT INTO branches (module_id, name, path) VALUES (?, ?, ?)"
            " ON CONFLICT (module_id, name) DO UPDATE SET path = excluded.path",
            (module_id, branch, str(path)),
        )

    def _write_release(self, module_id: int, source: AppSource) -> None:
        there = self._store.one(
            "SELECT digest, config_dir FROM releases WHERE module_id = ? AND version = ?", (module_id, source.version)
        )
        if there is not None and (there["digest"], there["config_dir"]) != (source.digest, source.config_dir):
            problem = f'version "{source.version}" is registered with other files; give these another version'
            raise Refusal(409, "VERSION_TAKEN", problem)
        config = json.dumps(source.config)
        self._store.write(
            "INSERT INTO releases (module_id, version, digest, config, created_at, branch, config_dir, position)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM releases))"
            " ON CONFLICT (module_id, version) DO UPDATE SET position = excluded.position",
            (module_id, source.version, source.digest, config, timestamps.now(), source.branch, source.config_dir),
        )


def wire_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give a config both spellings: the SDK reads camelCase, the agent snake_case (wire protocol 3.1)."""
    both = dict(config)
    for ours, theirs in _BOTH_SPELLINGS.items():
        for present, absent in ((ours, theirs), (theirs, ours)):
            if present in config and absent not in config:
                both[absent] = config[present]
    return {"modalTemplateState": {}, "modal_template_state": {}, **both}


def _release(row: sqlite3.Row) -> Release:
    return Release(**dict(row) | {"config": json.loads(row["config"])})
