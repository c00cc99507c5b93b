"""Decide how a launch ended, from its exit status and the end of its log. Pure except for reading the log."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskspec.api.wire import LaunchStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TAIL_BYTES = 4096
_TAIL_LINES = 10
_DIALOG = re.compile(r"Error (title|message): *([^\n\"]+)")


@dataclass(frozen=True, slots=True)
class ExitVerdict:
    """A terminal status and the details of an error."""

    status: LaunchStatus
    error: Mapping[str, Any] = field(default_factory=dict)


def judge(exit_status: int | None, *, stop_requested: bool, stderr: str) -> ExitVerdict:
    """Judge the end. A requested stop gives `stopped` for any exit code (wire protocol 4.8)."""
    if stop_requested:
        return ExitVerdict(LaunchStatus.STOPPED)
    if exit_status == 0:
        return ExitVerdict(LaunchStatus.FINISHED)
    if exit_status is None:
        return failure("lost: the process ended without an exit status (it was killed, or the machine stopped)")
    dialog = {kind: text.strip() for kind, text in _DIALOG.findall(stderr)}
    message = _exit_text(exit_status)
    if dialog:
        message = f"{': '.join(dialog[kind] for kind in ('title', 'message') if kind in dialog)} ({message})"
    return failure(message, exit_status, stderr)


def failure(message: str, exit_status: int | None = None, stderr: str = "") -> ExitVerdict:
    return ExitVerdict(LaunchStatus.ERROR, {"message": message, "exitCode": exit_status, "details": stderr})


def last_lines(path: Path) -> str:
    """Return the last lines of a file, for an error message."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])


def _exit_text(status: int) -> str:
    if status > 128 and status - 128 in set(signal.Signals):
        return f"exit code {status} ({signal.Signals(status - 128).name})"
    return f"exit code {status}"
