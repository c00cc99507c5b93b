"""Adapt the shell command of an app to a machine with other apps.

Nearly every app has `--host 0.0.0.0 --port 8000`, which is right in a container. On one machine two such apps would
collide, and each would be open to the network with the user's token (wire protocol 4.9).
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from typing import Any

DEFAULT_PORT = 8000
DEFAULT_SCRIPT = "src/main.py"
# Only characters without a meaning to a shell; the first word is not an assignment.
_PLAIN = re.compile(r"[\w./@%+-]+( +[\w./:@%+=,-]+)*", re.ASCII)


def command_of(config: Mapping[str, Any], port: int | None) -> str:
    """Return the command: `entrypoint`, or else `main_script` (wire protocol 4.2), on `port` of loopback only."""
    entrypoint = config.get("entrypoint")
    if not isinstance(entrypoint, str) or not entrypoint.strip():
        return f"python {shlex.quote(str(config.get('main_script') or DEFAULT_SCRIPT))}"
    return on_loopback(entrypoint if port is None else move(entrypoint, configured_port(config), port))


def plain_words(command: str, path: str) -> list[str] | None:
    """Split a command that needs no shell into program and arguments; return None for any other command.

    Most entrypoints need no shell, and starting one takes as long as the rest of a start.
    """
    if not _PLAIN.fullmatch(command):
        return None
    name, *arguments = command.split()
    program = shutil.which(name, path=path) if "/" not in name else None
    return None if program is None else [program, *arguments]


def configured_port(config: Mapping[str, Any]) -> int:
    port = config.get("port")
    return port if isinstance(port, int) and not isinstance(port, bool) else DEFAULT_PORT


def move(entrypoint: str, old: int, new: int) -> str:
    """Change the port in a command, spelled `--port 8000`, `--port=8000` or `host:8000`."""
    if str(old) not in entrypoint:
        return entrypoint
    option = rf"(--port[= ]\s*){old}(?!\d)"
    address = rf"((?:^|[\s'\"=])(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::\]|\*)?:){old}(?!\d)"
    return re.sub(option, rf"\g<1>{new}", re.sub(address, rf"\g<1>{new}", entrypoint))


def on_loopback(entrypoint: str) -> str:
    """Replace the address 0.0.0.0 in a command by loopback."""
    return re.sub(r"(^|[\s'\"=])0\.0\.0\.0(?![\d.])", r"\g<1>127.0.0.1", entrypoint)
