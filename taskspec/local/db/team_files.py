"""Team Files: rows that name contents. A folder has a row while it holds a file. Facts: wire protocol, section 3.5."""

from __future__ import annotations

import mimetypes
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from taskspec.local.db import fixtures, timestamps
from taskspec.local.db.blobs import Blobs, IncomingBlob
from taskspec.local.db.server_database import Store
from taskspec.local.refusal import Refusal, invalid

STORAGE_PREFIX = "/storage/"
PATH_LIMIT = 4096
_ROOT = "/"


class TeamFiles:
    """The files of the team."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store, self._blobs = store, blobs

    def put(self, files: Iterable[tuple[str, IncomingBlob]]) -> list[sqlite3.Row]:
        """Store contents under their paths, all or none. An existing file gets the new content."""
        entries = list(files)
        touched = [content.hash for _, content in entries]
        try:
            with self._store.transaction():
                touched += [old for path, content in entries for old in self._put(path, content)]
            return [row for path, _ in entries for row in self.listed(path, recursive=False)]
        finally:
            self.drop_unused(touched)

    def find(self, path: str) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM files WHERE team_id = ? AND path = ?", (fixtures.TEAM, path))

    def by_id(self, file_id: int) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM files WHERE id = ?", (file_id,))

    def listed(self, path: str, *, recursive: bool) -> list[sqlite3.Row]:
        """Return a file itself. For a folder, return its entries, or every file below it with `recursive`."""
        found = self.find(path)
        if found is not None and found["hash"] is not None:
            return [found]
        if recursive:
            return self.below(path)
        return self._store.all(
            "SELECT * FROM files WHERE team_id = ? AND parent = ? ORDER BY path", (fixtures.TEAM, path)
        )

    def below(self, path: str) -> list[sqlite3.Row]:
        """Return every file below a folder, at any depth."""
        first, end = _range_below(path)
        return self._store.all(
            "SELECT * FROM files WHERE team_id = ? AND path > ? AND path < ? AND hash IS NOT NULL ORDER BY path",
            (fixtures.TEAM, first, end),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, and folders with all their files. Ignore a path that does not exist."""
        with self._store.transaction():
            forgotten = [digest for path in paths for digest in self._forget(path)]
            self._drop_empty_folders()
        self.drop_unused(forgotten)

    def drop_unused(self, hashes: Iterable[str]) -> None:
        """Delete contents that no row names."""
        named = "SELECT 1 FROM files WHERE hash = :hash UNION ALL SELECT 1 FROM task_files WHERE hash = :hash"
        for digest in set(hashes):
            if self._store.one(named, {"hash": digest}) is None:
                self._blobs.remove(digest)

    def _put(self, path: str, content: IncomingBlob) -> list[str]:
        """Store one content. Return the hash of the former content, if any."""
        there = self.find(path)
        if path == _ROOT or (there is not None and there["hash"] is None):
            raise invalid("path", f'"{path}" is a folder')
        self._make_folders(path)
        content.keep()
        self._insert(path, content.hash, content.size)
        return [] if there is None else [there["hash"]]

    def _make_folders(self, path: str) -> None:
        for folder in _folders(path):
            there = self.find(folder)
            if there is None:
                self._insert(folder, None, 0)
            elif there["hash"] is not None:
                raise invalid("path", f'"{folder}" is a file, not a folder')

    def _insert(self, path: str, hash: str | None, size: int) -> None:
        moment = timestamps.now()
        self._store.write(
            "INSERT INTO files (team_id, user_id, path, parent, hash, size, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (team_id, path) DO UPDATE"
            " SET hash = excluded.hash, size = excluded.size, updated_at = excluded.updated_at",
            (fixtures.TEAM, fixtures.USER, path, str(PurePosixPath(path).parent), hash, size, moment, moment),
        )

    def _forget(self, path: str) -> Iterator[str]:
        first, end = _range_below(path)
        rows = self._store.all(
            "DELETE FROM files WHERE team_id = ? AND (path = ? OR (path > ? AND path < ?)) RETURNING hash",
            (fixtures.TEAM, path, first, end),
        )
        return (row["hash"] for row in rows if row["hash"] is not None)

    def _drop_empty_folders(self) -> None:
        while self._store.all(
            "DELETE FROM files AS folder WHERE hash IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM files AS inner WHERE inner.team_id = folder.team_id AND inner.parent = folder.path)"
            " RETURNING id"
        ):
            continue


def clean_path(text: str, field: str = "path") -> str:
    """Normalise an absolute path. Refuse parts such as `..`, and remove the last slash."""
    if text.startswith("agent:"):
        raise Refusal(400, "VALIDATION_ERROR", f'field "{field}": paths on an agent\'s own disk are not served')
    parts = [part for part in text.split("/") if part]
    if any(part in {".", ".."} for part in parts) or "\0" in text:
        raise invalid(field, 'may not hold ".", ".." or NUL')
    if len(text) > PATH_LIMIT:
        raise invalid(field, f"may have at most {PATH_LIMIT} characters")
    return _ROOT + "/".join(parts)


def show_file(row: sqlite3.Row, address: str) -> dict[str, Any]:
    """Return a file or folder in the form of the wire."""
    path = PurePosixPath(row["path"])
    shown = {
        "id": row["id"],
        "teamId": row["team_id"],
        "userId": row["user_id"],
        "name": path.name,
        "path": row["path"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "isDir": row["hash"] is None,
    }
    if row["hash"] is None:
        nowhere = {"hash": None, "storagePath": None, "fullStorageUrl": None}
        return {**shown, **nowhere, "type": "directory", "meta": {}}
    storage = storage_path(row)
    meta = {"mime": mime_of(path.name), "ext": path.suffix.removeprefix("."), "size": row["size"]}
    where = {"hash": row["hash"], "storagePath": storage, "fullStorageUrl": address + storage}
    return {**shown, **where, "type": "file", "meta": meta}


def storage_path(row: sqlite3.Row) -> str:
    """Return the path from which the content can be downloaded, with the usual token."""
    return f"{STORAGE_PREFIX}{row['id']}/{quote(PurePosixPath(row['path']).name)}"


def mime_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _folders(path: str) -> list[str]:
    """Return the folders above a path, outermost first, without the root, which has no row."""
    return [str(folder) for folder in reversed(PurePosixPath(path).parents)][1:]


def _range_below(path: str) -> tuple[str, str]:
    """Return two texts between which everything below a folder sorts. `0` is the character after `/`."""
    stem = path.rstrip("/")
    return stem + "/", stem + "0"
