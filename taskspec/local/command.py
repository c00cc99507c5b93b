"""The shell command of an app, made fit for a machine it shares with others.

Nearly every app says `--host 0.0.0.0 --port 8000`, which is right in a container of its own. Here two of them would
collide, and each would be open to the whole network with the user's token behind it (wire protocol 4.9).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 8000
DEFAULT_SCRIPT = "src/main.py"
# No character that a shell would read as anything but itself; an assignment may not come first.
_PLAIN = re.compile(r"[\w./@%+-]+( +[\w./:@%+=,-]+)*", re.ASCII)
_KEPT_PROGRAMS = 256
_programs: dict[tuple[str, str], str] = {}


def command_of(config: Mapping[str, Any], port: int | None) -> str:
    """`entrypoint` wins over `main_script` (wire protocol 4.2); it listens on `port`, on this machine only."""
    entrypoint = config.get("entrypoint")
    if not isinstance(entrypoint, str) or not entrypoint.strip():
        return f"python {shlex.quote(str(config.get('main_script') or DEFAULT_SCRIPT))}"
    return on_loopback(entrypoint if port is None else move(entrypoint, configured_port(config), port))


def plain_words(command: str, path: str) -> list[str] | None:
    """The program and arguments of a command that needs no shell to be understood; None for any other.

    Most entrypoints are of this kind, and a shell more costs as much as everything else about a start.
    """
    if not _PLAIN.fullmatch(command):
        return None
    name, *arguments = command.split()
    program = _find_program(name, path) if "/" not in name else None
    return None if program is None else [program, *arguments]


def _find_program(name: str, path: str) -> str | None:
    """As a shell does it, which remembers where it found a program as long as it is there."""
    known = _programs.get((name, path))
    if known is not None and os.access(known, os.X_OK):
        return known
    found = shutil.which(name, path=path)
    if found is not None:
        if len(_programs) >= _KEPT_PROGRAMS:
            _programs.clear()
        _programs[name, path] = found
    return found


def configured_port(config: Mapping[str, Any]) -> int:
    port = config.get("port")
    return port if isinstance(port, int) and not isinstance(port, bool) else DEFAULT_PORT


def move(entrypoint: str, old: int, new: int) -> str:
    """The same command with its port changed, in the spellings `--port 8000`, `--port=8000` and `host:8000`."""
    if str(old) not in entrypoint:
        return entrypoint
    option = rf"(--port[= ]\s*){old}(?!\d)"
    address = rf"((?:^|[\s'\"=])(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::\]|\*)?:){old}(?!\d)"
    return re.sub(option, rf"\g<1>{new}", re.sub(address, rf"\g<1>{new}", entrypoint))


def on_loopback(entrypoint: str) -> str:
    """The same command with "every address of this machine" changed into the one that only this machine can reach."""
    return re.sub(r"(^|[\s'\"=])0\.0\.0\.0(?![\d.])", r"\g<1>127.0.0.1", entrypoint)
