"""One writer per state: the owner of the lease, and whether it can still be alive.

Pure but for `this_owner`, which looks at the machine it runs on.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from taskspec.files.process_mark import mark_of

LEASE_SECONDS = 60.0
"""A lease that was not renewed for this time has expired."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that writes, with the facts to check on the same machine whether it is alive.

    `mark` distinguishes it from a later process with the same id; older releases left it empty. `started` is for
    display only, because a change of the wall clock changes it.
    """

    host: str
    pid: int
    started: float = field(compare=False)
    boot: str
    user: str
    mark: str = ""

    def describe(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}"

    def as_json(self) -> dict[str, str | int | float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write. `fencing` grows with every new owner and is checked in every write.

    `since` is None when an older release wrote the lease.
    """

    owner: Owner
    fencing: int
    renewed_at: float
    since: float | None = None


def read_owner(text: str) -> Owner:
    """Parse the owner in the file. Raises ValueError, KeyError or TypeError for text that is not valid."""
    row = json.loads(text)
    return Owner(
        host=str(row["host"]),
        pid=int(row["pid"]),
        started=float(row["started"]),
        boot=str(row["boot"]),
        user=str(row["user"]),
        mark=str(row.get("mark", "")),
    )


def this_owner() -> Owner:
    import psutil  # noqa: PLC0415 - a plan takes no lease and need not wait for it

    return Owner(
        host=socket.gethostname(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
        boot=_boot_id(),
        user=_user(),
        mark=mark_of(os.getpid()) or "",
    )


def is_over(lease: Lease, viewer: Owner, now: float) -> bool:
    """Whether another process may take the lease: it expired, or its owner on this machine has ended."""
    return bool(why_over(lease, viewer, now))


def why_over(lease: Lease, viewer: Owner, now: float) -> str:
    """Why another process may take the lease; empty while it is held."""
    if now - lease.renewed_at > LEASE_SECONDS:
        return f"it was not renewed for {now - lease.renewed_at:.0f} s"
    owner = lease.owner
    if owner.host != viewer.host:
        return ""
    if owner.boot != viewer.boot:
        return "its machine was restarted"
    return "" if _lives(owner) else "its process has ended"


def _lives(owner: Owner) -> bool:
    """Whether the owner's process has not ended.

    Without a mark, any process with its id counts as alive. The lease then expires by time.
    """
    mark = mark_of(owner.pid)
    return mark is not None and owner.mark in {"", mark}


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import psutil  # noqa: PLC0415 - as above

        return str(int(psutil.boot_time()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
