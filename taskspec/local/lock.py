"""One server per home: an OS lock, which the kernel releases however its holder ends.

The lock belongs to the open file. The starter takes it and passes it to the new server, so two starters never both
start one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskspec import filelock

if TYPE_CHECKING:
    from taskspec.local.home import ServerHome


def try_lock(home: ServerHome) -> int | None:
    """Take the lock. Return its descriptor, or None when another process holds the lock."""
    return _try(home, shared=False)


def is_held(home: ServerHome) -> bool:
    """Return whether a server runs or starts in this home."""
    if not home.lock.exists():
        return False
    # With a shared lock, two clients that test at once do not look like servers to each other.
    descriptor = _try(home, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _try(home: ServerHome, *, shared: bool) -> int | None:
    descriptor = os.open(home.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if filelock.try_lock(descriptor, shared=shared):
        return descriptor
    os.close(descriptor)
    return None
