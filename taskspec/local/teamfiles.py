"""Team Files: names of contents, as rows. A folder is a row as long as something lies in it.

Facts: wire protocol, section 3.5.
"""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from taskspec.local import moments, places
from taskspec.local.answers import Refusal, invalid

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from taskspec.local.blobs import Blobs, Incoming
    from taskspec.local.store import Store

STORAGE_PREFIX = "/storage/"
PATH_LIMIT = 4096
_ROOT = "/"


class TeamFiles:
    """The files of one server's team."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    def put(self, files: Iterable[tuple[str, Incoming]]) -> list[sqlite3.Row]:
        """Keep contents under their paths, all of them or none; a file that is there gets its new content."""
        entries = list(files)
        touched = [content.hash for _, content in entries]
        try:
            with self._store.transaction():
                touched += [old for path, content in entries for old in self._put(path, content)]
            return [row for path, _ in entries for row in self.listed(path, recursive=False)]
        finally:
            self.drop_unused(touched)

    def find(self, path: str) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM files WHERE team_id = ? AND path = ?", (places.TEAM, path))

    def by_id(self, file_id: int) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM files WHERE id = ?", (file_id,))

    def listed(self, path: str, *, recursive: bool) -> list[sqlite3.Row]:
        """A file itself; of a folder its files and folders, or with `recursive` every file below it."""
        found = self.find(path)
        if found is not None and found["hash"] is not None:
            return [found]
        if recursive:
            return self.below(path)
        return self._store.all(
            "SELECT * FROM files WHERE team_id = ? AND parent = ? ORDER BY path", (places.TEAM, path)
        )

    def below(self, path: str) -> list[sqlite3.Row]:
        """Every file at any depth below a folder."""
        first, end = _range_below(path)
        return self._store.all(
            "SELECT * FROM files WHERE team_id = ? AND path > ? AND path < ? AND hash IS NOT NULL ORDER BY path",
            (places.TEAM, first, end),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Forget files, and folders with all that lies in them; a path that is not there is no error."""
        with self._store.transaction():
            forgotten = [digest for path in paths for digest in self._forget(path)]
            self._drop_empty_folders()
        self.drop_unused(forgotten)

    def drop_unused(self, hashes: Iterable[str]) -> None:
        """Delete contents that nothing names any more."""
        for digest in set(hashes):
            if not self.is_named(digest):
                self._blobs.remove(digest)

    def is_named(self, hash: str) -> bool:
        row = self._store.one(
            "SELECT EXISTS (SELECT 1 FROM files WHERE hash = ?) OR EXISTS (SELECT 1 FROM task_files WHERE hash = ?)",
            (hash, hash),
        )
        return bool(row and row[0])

    def _put(self, path: str, content: Incoming) -> list[str]:
        """The hash of the content that was there before, if any."""
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
                raise invalid("path", f'"{folder}" is a file, so that nothing can lie below it')

    def _insert(self, path: str, hash: str | None, size: int) -> None:
        moment = moments.now()
        self._store.write(
            "INSERT INTO files (team_id, user_id, path, parent, hash, size, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (team_id, path) DO UPDATE"
            " SET hash = excluded.hash, size = excluded.size, updated_at = excluded.updated_at",
            (places.TEAM, places.USER, path, str(PurePosixPath(path).parent), hash, size, moment, moment),
        )

    def _forget(self, path: str) -> Iterator[str]:
        first, end = _range_below(path)
        rows = self._store.all(
            "DELETE FROM files WHERE team_id = ? AND (path = ? OR (path > ? AND path < ?)) RETURNING hash",
            (places.TEAM, path, first, end),
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
    """An absolute path without anything that could mean another place; folders lose their last slash."""
    if text.startswith("agent:"):
        raise Refusal(400, "VALIDATION_ERROR", f'field "{field}": paths on an agent\'s own disk are not served')
    parts = [part for part in text.split("/") if part]
    if any(part in {".", ".."} for part in parts) or "\0" in text:
        raise invalid(field, 'may not hold ".", ".." or NUL')
    if len(text) > PATH_LIMIT:
        raise invalid(field, f"may have {PATH_LIMIT} characters")
    return _ROOT + "/".join(parts)


def show_file(row: sqlite3.Row, address: str) -> dict[str, Any]:
    """A file or folder as the wire shows it."""
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
    """Where the content can be fetched, with the same token as everything else."""
    return f"{STORAGE_PREFIX}{row['id']}/{quote(PurePosixPath(row['path']).name)}"


def mime_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _folders(path: str) -> list[str]:
    """Every folder above a path, outermost first; the root is no row."""
    return [str(folder) for folder in reversed(PurePosixPath(path).parents)][1:]


def _range_below(path: str) -> tuple[str, str]:
    """Everything below a folder sorts between these two: `0` is the character behind `/`."""
    stem = path.rstrip("/")
    return stem + "/", stem + "0"
