"""One server per home: an OS lock that the kernel gives back however the holder dies.

The lock belongs to the open file, so the starter can take it and hand it to the server it starts; there is no moment
in which two starters both believe that nobody runs.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskspec.local.home import ServerHome


def try_lock(home: ServerHome) -> int | None:
    """Take the server's lock; the descriptor that holds it, or None when somebody else does."""
    return _try(home, fcntl.LOCK_EX)


def is_held(home: ServerHome) -> bool:
    """Whether a server runs, or is being started, in this home."""
    if not home.lock.exists():
        return False
    # A shared lock: two askers do not take each other for a server.
    descriptor = _try(home, fcntl.LOCK_SH)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _try(home: ServerHome, kind: int) -> int | None:
    descriptor = os.open(home.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
