"""What only a local server can do: register app folders, tell about itself, shut down."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import taskspec
from taskspec.appfolder import AppFolderError
from taskspec.local.modules import copy_app, default_slug

if TYPE_CHECKING:
    from taskspec.local.call import Call, Route

_SLUG = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)


async def register(call: Call) -> dict[str, Any]:
    """Register an app folder of this machine as a module; the same content again changes nothing."""
    path = Path(call.params.text("path"))
    if not path.is_absolute() or "\0" in str(path):
        raise call.params.invalid("path", "must be an absolute path")
    slug = call.params.text("slug", "") or default_slug(path)
    if not _SLUG.fullmatch(slug):
        raise call.params.invalid("slug", "must look like owner/name")
    try:
        # In a thread: reading and copying a large folder would keep every other request waiting.
        folder = await asyncio.to_thread(copy_app, path, call.services.home.modules)
    except (AppFolderError, OSError) as error:
        raise call.params.invalid("path", f"cannot be used: {error}") from None
    registered = call.services.modules.register(folder, slug)
    return {"moduleId": registered.module_id, "slug": registered.slug, "version": registered.version}


def status(call: Call) -> dict[str, Any]:
    services = call.services
    return {
        "version": taskspec.__version__,
        "pid": services.info.pid,
        "home": str(services.home.path),
        "address": services.info.address,
        "activeLaunches": services.agent.active,
    }


def shutdown(call: Call) -> dict[str, Any]:
    """Leave after this answer. Apps keep running; the next server adopts them."""
    call.services.shut_down()
    return {"success": True}


ROUTES: dict[str, Route] = {"modules.register": register, "status": status, "shutdown": shutdown}
