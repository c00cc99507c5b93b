"""Forgetting what old launches left: folders, log lines, files. Their rows stay, so that no launch is ever unknown."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from taskspec.local.home import ServerHome
    from taskspec.local.store import Store
    from taskspec.local.teamfiles import TeamFiles

_PRUNED = ".pruned-"


def prune(home: ServerHome, store: Store, files: TeamFiles, before: str) -> tuple[list[int], list[Path]]:
    """Forget launches that ended before a moment: their ids, and the folders that are still to be deleted.

    The folders are out of the way when this returns: a launch that is resumed meanwhile gets a new one.
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
    return list(moved), [*home.tasks.glob(f"{_PRUNED}*")]


def delete(folders: list[Path]) -> None:
    """Delete folders, which may take a while."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(home: ServerHome) -> None:
    """Delete what a server that was killed left half done. Belongs before the first request."""
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
    """None when there is nothing: it was forgotten before, or it never ran."""
    folder = home.task(task_id)
    with contextlib.suppress(OSError):
        return folder.rename(folder.with_name(f"{_PRUNED}{task_id}"))
    return None
