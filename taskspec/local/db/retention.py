"""Delete the folders, logs and files of old launches. Their rows stay, so every launch remains known."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from taskspec.local.db.server_database import Store
from taskspec.local.db.team_files import TeamFiles
from taskspec.local.home import ServerHome

_PRUNED = ".pruned-"


def prune(home: ServerHome, store: Store, files: TeamFiles, before: str) -> tuple[int, list[Path]]:
    """Delete the data of launches that ended before a time. Return their number and the folders to delete.

    The folders have been renamed, so that a resumed launch gets a new one.
    """
    rows = store.all(
        "SELECT id FROM launches WHERE status IN ('finished', 'error', 'stopped') AND finished_at < ? ORDER BY id",
        (before,),
    )
    moved = {row["id"]: folder for row in rows if (folder := _move_away(home, row["id"])) is not None}
    with store.transaction():
        for task_id in moved:
            store.write("DELETE FROM logs WHERE task_id = ?", (task_id,))
            hashes = [row["hash"] for row in store.all("SELECT hash FROM task_files WHERE task_id = ?", (task_id,))]
            store.write("DELETE FROM task_files WHERE task_id = ?", (task_id,))
            files.drop_unused(hashes)
    return len(moved), [*home.tasks.glob(f"{_PRUNED}*")]


def delete(folders: list[Path]) -> None:
    """Delete folders. This may take long."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(home: ServerHome) -> None:
    """Delete the temporary files of a killed server. Call it before the first request."""
    for folder, pattern in (
        (home.path, ".archive-*"),
        (home.storage, ".incoming-*"),
        (home.modules, ".copy-*"),
        (home.tasks, f"{_PRUNED}*"),
    ):
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _move_away(home: ServerHome, task_id: int) -> Path | None:
    """Rename the folder of a launch. Return None when it does not exist."""
    folder = home.task(task_id)
    with contextlib.suppress(OSError):
        return folder.rename(folder.with_name(f"{_PRUNED}{task_id}"))
    return None
