"""`ecosystem.*`: the registered apps as a catalogue (wire protocol 3.1)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskspec.local.answers import unknown
from taskspec.local.modules import wire_config
from taskspec.local.paging import Column, ColumnKind, Condition, Listing, read_page

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from taskspec.local.call import Route, RouteCall
    from taskspec.local.modules import Release

LISTING = Listing(
    "modules",
    {
        "id": Column("id", ColumnKind.NUMBER),
        "slug": Column("slug"),
        "name": Column("name"),
        "createdAt": Column("created_at", ColumnKind.DATE),
        "updatedAt": Column("updated_at", ColumnKind.DATE),
    },
)


def list_modules(call: RouteCall) -> dict[str, Any]:
    """List modules by filter, by `search` in name and slug, and by `categories` of the newest release."""
    conditions = []
    search = call.params.text("search", "")
    if search:
        conditions.append(Condition("instr(lower(name), ?) OR instr(lower(slug), ?)", (search.lower(), search.lower())))
    categories = call.params.array("categories", ())
    if categories:
        conditions.append(_with_categories(call, categories))
    return read_page(call.parts.store, LISTING, call.params, lambda row: _newest(call, row), conditions)


def info(call: RouteCall) -> dict[str, Any]:
    """Return one module by id or slug, with the config of a version or of the newest one."""
    params, modules = call.params, call.parts.modules
    if not params.has("id") and not params.has("slug"):
        raise params.invalid("id", "is required, or else slug")
    named = params.optional_id("id") if params.has("id") else None
    module_id = modules.find_id(id=named, slug=None if named else params.text("slug"))
    if module_id is None:
        raise unknown("module", named or params.text("slug"))
    version = params.text("version", "")
    release = modules.shown_release(module_id, version or None)
    row = call.parts.store.one("SELECT * FROM modules WHERE id = ?", (module_id,))
    if release is None or row is None:
        raise unknown(f"version of module {module_id}", version)
    return _show(call, row, release)


def _newest(call: RouteCall, row: sqlite3.Row) -> dict[str, Any]:
    return _show(call, row, call.parts.modules.shown_release(row["id"], None))


def _show(call: RouteCall, row: sqlite3.Row, release: Release | None) -> dict[str, Any]:
    config = wire_config(release.config) if release else {}
    return {
        "id": row["id"],
        "slug": row["slug"],
        "name": row["name"],
        "type": config.get("type") or "app",
        "config": config,
        "readme": "",
        "repositoryModuleUrl": None,
        "repo": None,
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
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
