"""Endpoints that only the local server has: register an app folder, report the status, shut down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.api.records.wire_record import as_object, is_integer
from taskspec.api.transport import Transport
from taskspec.errors import LocalServerError, UsageError


@dataclass(frozen=True, slots=True)
class RegisteredModule:
    """A registered app folder. Its version depends on its content."""

    module_id: int
    slug: str
    version: str


class LocalApi:
    """Endpoints that are not in the public API. A real Supervisely server answers 404."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def register_module(self, path: Path | str, *, slug: str | None = None) -> RegisteredModule:
        """Register the app in a folder, so that it can be started. The same content gives the same version."""
        folder = Path(path).resolve()
        if not folder.is_dir():
            raise UsageError(f'folder "{folder}" does not exist', remedy="check the path of the app")
        body = {"path": str(folder), **({"slug": slug} if slug is not None else {})}
        answer = as_object(self._transport.post_local("modules.register", body))
        module_id, name, version = answer.get("moduleId"), answer.get("slug"), answer.get("version")
        if not is_integer(module_id) or not isinstance(name, str) or not isinstance(version, str):
            raise LocalServerError("the local server did not say how it registered the app", remedy="restart it")
        return RegisteredModule(int(str(module_id)), name, version)

    def status(self) -> dict[str, Any]:
        """Return version, process id, home, address and number of active launches of the server."""
        return dict(as_object(self._transport.get_local("status")))

    def shutdown(self) -> None:
        """Ask the local server to exit. Apps keep running; the next server adopts them."""
        self._transport.post_local("shutdown", {})
