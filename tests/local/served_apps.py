"""An app with an HTTP server like the vendor's (wire protocol 4.9), with the standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.apps import source

from .serving import until, write_app

if TYPE_CHECKING:
    from pathlib import Path

    from .serving import RunningServer


def register_served(server: RunningServer, name: str, *, entrypoint: str = "") -> int:
    path: Path = write_app(
        server.apps / name, entrypoint=entrypoint or "exec python served.py --host 0.0.0.0 --port 8000", port=8000
    )
    (path / "served.py").write_text(source("served"))
    return int(server.control("modules.register", path=str(path))["moduleId"])


def start_served(server: RunningServer, name: str = "served") -> int:
    """Start the app and wait until it listens. Return the task id."""
    task_id = server.start_app(register_served(server, name))
    until(lambda: any(line.startswith("listening") for line in server.messages(task_id)), f"app {name} listening")
    return task_id
