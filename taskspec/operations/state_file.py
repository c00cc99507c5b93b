"""The state of a spec on a server as a file: its path, reading it, and the lease to write to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taskspec.engine.server.connection import Server
from taskspec.errors import LockHeld, UsageError
from taskspec.operations.project import Project, Request
from taskspec.state.database import is_there, usable
from taskspec.state.lease import this_owner
from taskspec.state.model import State
from taskspec.state.provenance import STATE_FOLDER
from taskspec.state.store import StateStore, open_store

LOCK_LOOK_SECONDS = 0.25
"""The pause between two attempts to get the lease."""


def state_path(project: Project, request: Request, server: Server) -> Path:
    """The path of this spec's state on this server; each server has a file of its own.

    Raises UsageError when the spec's profile is for another server.
    """
    server.check(project.spec.profile)
    return state_place(project.folder, request, server)


def state_place(folder: Path, request: Request, server: Server) -> Path:
    """Like `state_path`, for a spec in `folder` that need not be valid.

    Raises UsageError for two specs whose names differ in their endings only, because they would share the state.
    """
    names = {f"{request.path.stem}{ending}" for ending in (".yaml", ".yml")} - {request.path.name}
    other = next((name for name in names if request.path.exists() and (folder / name).exists()), None)
    if other is not None:
        raise UsageError(f"{request.path.name} and {other} would have the same state", remedy="rename one of them")
    return folder / STATE_FOLDER / request.path.stem / f"{server.label}.db"


def read_state(path: Path) -> State:
    """Read the state, without creating it; an empty one where nothing was ever applied."""
    if not is_there(path):
        return State(lineage="", serial=0, records={}, runs=())
    with open_store(path, clock=time.time) as store:
        return store.load()


@dataclass(frozen=True, slots=True)
class LockWait:
    """How many seconds to wait for another writer. `report` is called once, when the wait begins."""

    timeout: float = 0.0
    report: Callable[[str], None] = lambda _: None


@contextmanager
def writing(path: Path, wait: LockWait | None = None) -> Iterator[StateStore]:
    """Open the state with the lease held. Raises LockHeld when another run still writes after the wait."""
    with usable(path):
        ignore = path.parent.parent / ".gitignore"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
    with open_store(path, clock=time.time) as store:
        _acquire(store, wait or LockWait())
        try:
            yield store
        finally:
            store.release()


def _acquire(store: StateStore, wait: LockWait) -> None:
    """Acquire the lease. Raises LockHeld when another writer still holds it after the wait."""
    owner, end, is_reported = this_owner(), time.monotonic() + wait.timeout, False
    while True:
        try:
            store.acquire(owner)
        except LockHeld as error:
            left = end - time.monotonic()
            if left <= 0:
                raise
            if not is_reported:
                wait.report(error.message)
                is_reported = True
            time.sleep(min(LOCK_LOOK_SECONDS, left))
        else:
            return
