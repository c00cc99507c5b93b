"""The shell command of an app, made fit for a machine it shares with others. Pure.

Nearly every app says `--host 0.0.0.0 --port 8000`, which is right in a container of its own. Here two of them would
collide, and each would be open to the whole network with the user's token behind it (wire protocol 4.9).
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 8000
DEFAULT_SCRIPT = "src/main.py"


def command_of(config: Mapping[str, Any], port: int | None) -> str:
    """`entrypoint` wins over `main_script` (wire protocol 4.2); it listens on `port`, on this machine only."""
    entrypoint = config.get("entrypoint")
    if not isinstance(entrypoint, str) or not entrypoint.strip():
        return f"python {shlex.quote(str(config.get('main_script') or DEFAULT_SCRIPT))}"
    return on_loopback(entrypoint if port is None else move(entrypoint, configured_port(config), port))


def configured_port(config: Mapping[str, Any]) -> int:
    port = config.get("port")
    return port if isinstance(port, int) and not isinstance(port, bool) else DEFAULT_PORT


def move(entrypoint: str, old: int, new: int) -> str:
    """The same command with its port changed, in the spellings `--port 8000`, `--port=8000` and `host:8000`."""
    option = rf"(--port[= ]\s*){old}(?!\d)"
    address = rf"((?:^|[\s'\"=])(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::\]|\*)?:){old}(?!\d)"
    return re.sub(option, rf"\g<1>{new}", re.sub(address, rf"\g<1>{new}", entrypoint))


def on_loopback(entrypoint: str) -> str:
    """The same command with "every address of this machine" changed into the one that only this machine can reach."""
    return re.sub(r"(^|[\s'\"=])0\.0\.0\.0(?![\d.])", r"\g<1>127.0.0.1", entrypoint)
