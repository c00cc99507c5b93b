"""One server per home: an OS lock that the kernel gives back however the holder dies.

The lock belongs to the open file, so the starter can take it and hand it to the server it starts; there is no moment
in which two starters both believe that nobody runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskspec import filelock

if TYPE_CHECKING:
    from taskspec.local.home import ServerHome


def try_lock(home: ServerHome) -> int | None:
    """Take the server's lock; the descriptor that holds it, or None when somebody else does."""
    return _try(home, shared=False)


def is_held(home: ServerHome) -> bool:
    """Whether a server runs, or is being started, in this home."""
    if not home.lock.exists():
        return False
    # A shared lock: two askers do not take each other for a server.
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
