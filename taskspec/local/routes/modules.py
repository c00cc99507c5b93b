"""Register a folder of this machine as a module, at its content, a version, a tag or a branch."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskspec.appfolder import AppFolderError
from taskspec.local.modules import default_slug
from taskspec.local.repository import RepositoryError
from taskspec.local.sources import AppSource, from_branch, from_folder, from_tag

if TYPE_CHECKING:
    from taskspec.local.call import Route, RouteCall
    from taskspec.local.params import RequestFields

_SLUG = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)
_NAME = re.compile(r"(?![-/.])[\w.+/-]{1,100}", re.ASCII)


async def register(call: RouteCall) -> dict[str, Any]:
    """Register an app. The same content again changes nothing."""
    path = Path(call.params.text("path"))
    if not path.is_absolute() or "\0" in str(path):
        raise call.params.invalid("path", "must be an absolute path")
    slug = call.params.text("slug", "") or default_slug(path)
    if not _SLUG.fullmatch(slug):
        raise call.params.invalid("slug", "must look like owner/name")
    how = _choice(call.params)
    try:
        # In a thread, because copying a large folder would delay every other request.
        source = await asyncio.to_thread(_read, path, call.parts.home.modules, *how)
    except (AppFolderError, RepositoryError, OSError) as error:
        raise call.params.invalid("path", f"cannot be used: {error}") from None
    registered = call.parts.modules.register(source, slug, path)
    return {"moduleId": registered.module_id, "slug": registered.slug, "version": registered.version}


def list_modules(call: RouteCall) -> list[dict[str, Any]]:
    """List every module with its branches and versions, newest first."""
    modules = call.parts.modules
    return [
        {
            "id": row["id"],
            "slug": row["slug"],
            "name": row["name"],
            "versions": [release["version"] for release in modules.versions(row["id"])],
            "branches": modules.branches(row["id"]),
        }
        for row in call.parts.store.all("SELECT * FROM modules ORDER BY slug")
    ]


def _choice(params: RequestFields) -> tuple[str, str]:
    """Return which of version, tag and branch was given, and its value. At most one may be given."""
    given = [kind for kind in ("version", "tag", "branch") if params.has(kind)]
    if len(given) > 1:
        raise params.invalid(given[1], f"cannot be given together with {given[0]}")
    if not given:
        return "content", ""
    name = params.text(given[0])
    if not _NAME.fullmatch(name):
        raise params.invalid(given[0], "must be a name such as v1.0.0")
    return given[0], name


def _read(path: Path, copies: Path, kind: str, name: str) -> AppSource:
    if kind == "tag":
        return from_tag(path, copies, name)
    if kind == "branch":
        return from_branch(path, copies, name)
    return from_folder(path, copies, name or None)


ROUTES: dict[str, Route] = {"modules.register": register, "modules.list": list_modules}
