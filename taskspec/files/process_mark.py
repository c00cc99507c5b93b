"""A mark that distinguishes a process from a later one with the same id, even if the wall clock is changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_START_TIME = 19  # field 22 of /proc/<pid>/stat, counted behind the closing bracket of the command's name


def mark_of(pid: int) -> str | None:
    """The boot id and the start time of a process, as one text; None when the process has ended.

    Linux counts the start time in ticks since the boot, so that no step of the clock changes it.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _portable_mark(pid)
    except ProcessLookupError:
        return None
    return None if fields[0] in {b"Z", b"X"} else f"{boot_id()}:{fields[_START_TIME].decode()}"


def _portable_mark(pid: int) -> str | None:
    import psutil  # noqa: PLC0415 - Linux does without, and saves its import

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return None


@lru_cache(maxsize=1)
def boot_id() -> str:
    """What distinguishes one boot of this machine from another."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import psutil  # noqa: PLC0415 - as above

        return str(int(psutil.boot_time()))
