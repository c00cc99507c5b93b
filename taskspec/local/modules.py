"""App folders as modules of the local catalogue: copied once per content, described as the Ecosystem does."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskspec.appfolder import AppFolder, app_files, read_app_folder
from taskspec.local import moments

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from taskspec.local.store import Store

_BOTH_SPELLINGS = {
    "modal_template_state": "modalTemplateState",
    "modal_template_data": "modalTemplateData",
    "context_menu": "contextMenu",
    "need_gpu": "needGPU",
}


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a module: the content it was registered with."""

    id: int
    module_id: int
    module_name: str
    version: str
    digest: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registered:
    module_id: int
    slug: str
    version: str


def default_slug(path: Path) -> str:
    """The catalogue name of a folder: readable, and different for two folders of the same name."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name).strip("-.") or "app"
    return f"local/{name}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def copy_app(path: Path, copies: Path) -> AppFolder:
    """Copy an app's files to `copies/<digest>`, once and atomically; what the copy holds is what counts.

    The folder may change while we read it, so the digest is taken from the copy.
    """
    source = read_app_folder(path)
    if (copies / source.digest).is_dir():
        return source
    temporary = Path(tempfile.mkdtemp(prefix=".copy-", dir=copies))
    try:
        for file in app_files(source.path):
            target = temporary / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source.path / file, target)
        copied = read_app_folder(temporary)
        final = copies / copied.digest
        if not final.is_dir():
            temporary.rename(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return AppFolder(path=source.path, config=copied.config, digest=copied.digest)


class Modules:
    """The catalogue of one server."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, folder: AppFolder, slug: str) -> Registered:
        """Make a folder's content the newest release of its module. Registering it again changes nothing else."""
        moment = moments.now()
        with self._store.transaction():
            self._store.write(
                "INSERT INTO modules (slug, name, created_at, updated_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (slug) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at",
                (slug, folder.name, moment, moment),
            )
            module_id = int(self._row("SELECT id FROM modules WHERE slug = ?", slug)["id"])
            self._store.write(
                "INSERT INTO releases (module_id, version, digest, config, created_at, position)"
                " VALUES (?, ?, ?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM releases))"
                " ON CONFLICT (module_id, version) DO UPDATE SET position = excluded.position",
                (module_id, folder.version, folder.digest, json.dumps(folder.config), moment),
            )
        return Registered(module_id, slug, folder.version)

    def find_id(self, *, id: int | None = None, slug: str | None = None) -> int | None:
        row = self._store.one("SELECT id FROM modules WHERE id = ? OR slug = ?", (id, slug))
        return int(row["id"]) if row else None

    def release(self, module_id: int, version: str | None = None) -> Release | None:
        """A release by its version; without one, the newest."""
        row = self._store.one(
            "SELECT r.*, m.name FROM releases r JOIN modules m ON m.id = r.module_id"
            " WHERE r.module_id = ? AND (? IS NULL OR r.version = ?) ORDER BY r.position DESC LIMIT 1",
            (module_id, version, version),
        )
        return _release(row) if row else None

    def release_by_id(self, release_id: int) -> Release:
        return _release(
            self._row(
                "SELECT r.*, m.name FROM releases r JOIN modules m ON m.id = r.module_id WHERE r.id = ?", release_id
            )
        )

    def versions(self, module_id: int) -> list[dict[str, Any]]:
        """The releases as the catalogue shows them, newest first (wire protocol 3.1)."""
        rows = self._store.all(
            "SELECT version, created_at FROM releases WHERE module_id = ? ORDER BY position DESC",
            (module_id,),
        )
        return [{"version": row["version"], "name": "", "createdAt": row["created_at"]} for row in rows]

    def _row(self, sql: str, value: object) -> sqlite3.Row:
        row = self._store.one(sql, (value,))
        if row is None:  # a row we have just written, or one that a foreign key holds
            raise LookupError(sql)
        return row


def wire_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config in both spellings: the SDK reads camelCase, the agent the repository's own (wire protocol 3.1)."""
    both = dict(config)
    for ours, theirs in _BOTH_SPELLINGS.items():
        for present, absent in ((ours, theirs), (theirs, ours)):
            if present in config and absent not in config:
                both[absent] = config[present]
    return {"modalTemplateState": {}, "modal_template_state": {}, **both}


def _release(row: sqlite3.Row) -> Release:
    return Release(
        id=row["id"],
        module_id=row["module_id"],
        module_name=row["name"],
        version=row["version"],
        digest=row["digest"],
        config=json.loads(row["config"]),
    )
