"""One run of a command at a time: a lock that its processes hold, and that stays when taskspec itself is killed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taskspec.filelock import try_lock


class StillRunsError(Exception):
    """An earlier run of the command has not ended. `group` is its process group, 0 where that was not noted."""

    def __init__(self, group: int) -> None:
        super().__init__(f"process group {group}")
        self.group = group


@dataclass(frozen=True, slots=True)
class Guard:
    """What a command has to inherit so that others see that it runs."""

    descriptor: int

    def note(self, group: int) -> None:
        """Write down which process group runs now."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(group).encode("ascii"), 0)


@contextmanager
def guard(folder: Path, address: str) -> Iterator[Guard]:
    """The guard of a task. Raises StillRunsError while a process that inherited an earlier one is alive.

    The lock belongs to the open file, which processes inherit (flock(2)), so it outlives the process that took it.
    After a run that taskspec saw to its end the file is gone: a process that left the group on purpose blocks no run.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.runs"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not try_lock(descriptor):
            noted = os.pread(descriptor, 20, 0)
            raise StillRunsError(int(noted) if noted.isdigit() else 0)
        try:
            yield Guard(descriptor)
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
