"""`ecosystem.*`: the registered apps as a catalogue (wire protocol 3.1)."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from taskspec.files.app_folder import AppFolderError
from taskspec.local.apps.app_sources import AppSource, from_folder, from_repository
from taskspec.local.apps.git import RepositoryError
from taskspec.local.db import fixtures
from taskspec.local.db.listing import Condition, Listing, read_page, table_columns
from taskspec.local.db.modules import Release, default_slug, wire_config
from taskspec.local.http.call import Route, RouteCall
from taskspec.local.refusal import unknown
from taskspec.local.request_fields import RequestFields

LISTING = Listing("modules", table_columns("slug", "name"))


def list_modules(call: RouteCall) -> dict[str, Any]:
    """List modules by filter, by `search` in name and slug, and by `categories` of the newest release."""
    conditions = []
    search = call.params.text("search", "")
    if search:
        conditions.append(Condition("instr(lower(name), ?) OR instr(lower(slug), ?)", (search.lower(), search.lower())))
    categories = call.params.array("categories", ())
    if categories:
        conditions.append(_with_categories(call, categories))

    def show(row: sqlite3.Row) -> dict[str, Any]:
        return _show(call, row, call.parts.modules.shown_release(row["id"], None))

    return read_page(call.parts.store, LISTING, call.params, show, conditions)


def info(call: RouteCall) -> dict[str, Any]:
    """Return one module by id or slug, with the config of a version or of the newest one."""
    params, modules = call.params, call.parts.modules
    if not params.has("id") and not params.has("slug"):
        raise params.invalid("id", "is required, or else slug")
    named = params.optional_id("id") if params.has("id") else None
    module_id = modules.find_id(id=named, slug=None if named else params.text("slug"))
    if module_id is None:
        raise unknown("module", named or params.text("slug"))
    return _show(call, call.row("modules", module_id), shown_release(call, module_id))


def shown_release(call: RouteCall, module_id: int) -> Release:
    """Return the release that the field `version` names, or the newest one. Raises a 404 without one."""
    version = call.params.text("version", "")
    release = call.parts.modules.shown_release(module_id, version or None)
    if release is None:
        raise unknown(f"version of module {module_id}", version)
    return release


def _show(call: RouteCall, row: sqlite3.Row, release: Release | None) -> dict[str, Any]:
    config = wire_config(release.config) if release else {}
    return {
        **fixtures.show_named(row),
        "slug": row["slug"],
        "type": config.get("type") or "app",
        "config": config,
        "readme": "",
        "repositoryModuleUrl": None,
        "repo": None,
        "meta": {"releases": call.parts.modules.versions(row["id"])},
    }


def modules_where(call: RouteCall, fits: Callable[[Mapping[str, Any]], bool]) -> Condition:
    """Select the modules whose newest config fits."""
    releases = (
        call.parts.modules.shown_release(row["id"], None) for row in call.parts.store.all("SELECT id FROM modules")
    )
    found = [release.module_id for release in releases if release is not None and fits(release.config)]
    return Condition("id IN (SELECT value FROM json_each(?))", (json.dumps(found),))


def _with_categories(call: RouteCall, categories: list[Any]) -> Condition:
    wanted = {str(category) for category in categories}
    every = call.params.choice("categoriesOperation", ("or", "and"), "or") == "and"

    def fits(config: Mapping[str, Any]) -> bool:
        listed = config.get("categories")
        has = {str(item) for item in listed} if isinstance(listed, list) else set()
        return wanted <= has if every else bool(wanted & has)

    return modules_where(call, fits)


ROUTES: dict[str, Route] = {"ecosystem.list": list_modules, "ecosystem.info": info}


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
    module_id = call.parts.modules.register(source, slug, path)
    return {"moduleId": module_id, "slug": slug, "version": source.branch or source.version}


def list_local_modules(call: RouteCall) -> list[dict[str, Any]]:
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
    if kind in {"tag", "branch"}:
        return from_repository(path, copies, kind, name)
    return from_folder(path, copies, name or None)


LOCAL_ROUTES: dict[str, Route] = {"modules.register": register, "modules.list": list_local_modules}
