"""The marker: a small file next to a state that holds its lineage, and the number of the last event written.

It distinguishes a missing state from one that never existed, a foreign file from the right one, and an older copy from
the newest. The number is written after each commit, without a sync. So it survives a killed process, and after a power
failure it may be too low, never too high.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

from taskspec.errors import StateError
from taskspec.files.safe_read import read_plain

_CONTENT = re.compile(rb"([0-9a-f]{32})\n(?:([0-9]{20})\n)?")
_SIZE_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Marker:
    """What a marker says; the lineage is empty where its content is not valid."""

    lineage: str
    serial: int


def marker_of(path: Path) -> Path:
    """The path of the marker of a state."""
    return path.with_suffix(".lineage")


def read_marker(path: Path) -> Marker | None:
    """The marker of the state at `path`, or None. Raises OSError for a file that is not small and regular."""
    try:
        found = _CONTENT.fullmatch(read_plain(marker_of(path), _SIZE_LIMIT))
    except FileNotFoundError:
        return None
    return Marker(found[1].decode(), int(found[2] or 0)) if found else Marker("", 0)


def write_marker(path: Path, marker: Marker) -> None:
    """Put a marker in the place of the one that is there, if there is one."""
    place = marker_of(path)
    fresh = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    try:
        with fresh.open("x", encoding="ascii") as file:
            file.write(f"{marker.lineage}\n{marker.serial:020d}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)


def note_serial(path: Path, marker: Marker) -> None:
    """Write the number of the last event into the marker."""
    with os.fdopen(os.open(marker_of(path), os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)), "w") as file:
        file.write(f"{marker.lineage}\n{marker.serial:020d}\n")


def check_marker(path: Path, found: Marker, marked: Marker | None) -> None:
    """Raise StateError where the state is not the one of its marker, or is older.

    The caller reads the marker first and the state after it, because a writer does the opposite. A state of an older
    release has no marker; the next writer adds it.
    """
    if marked is None:
        return
    if marked.lineage != found.lineage:
        raise StateError(
            f'state "{path}" is foreign: its lineage is {found.lineage}, and "{marker_of(path)}" names '
            f"{marked.lineage or 'none'}",
            remedy="put back the state that was here. If this one is meant to take its place, "
            f'remove "{marker_of(path)}"',
        )
    if marked.serial > found.serial:
        raise StateError(
            f'state "{path}" is older than its marker: it ends with event {found.serial}, and event {marked.serial} '
            "was written",
            remedy=f'put back the newest copy, with its "{path.name}-wal" if there is one. If there is no newer copy, '
            f'remove "{marker_of(path)}": the next apply looks for the launches that this state does not know',
        )
