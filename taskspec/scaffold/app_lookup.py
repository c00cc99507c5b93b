"""Look up the app of a module, and launches with their apps, for `init`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from taskspec.api import TaskInfo
from taskspec.api.resources.module_info import ModuleInfo
from taskspec.diagnostics import choices
from taskspec.engine.server.connection import Server
from taskspec.errors import NotFound, UsageError
from taskspec.files.app_folder import read_app_folder
from taskspec.scaffold.app_config import DescribedApp, published_app
from taskspec.scaffold.from_launches import ObservedLaunch
from taskspec.specfile.model import is_folder


def find_app(server: Server, module: str, version: str | None, base: Path) -> DescribedApp:
    """Find the app that the user names: a slug, a number, or a folder relative to `base`."""
    if is_folder(module):
        if version is not None:
            raise UsageError("a folder has no versions: its content is its version", remedy="leave --version out")
        folder = read_app_folder(base / module)
        return DescribedApp(module, None, None, folder.name, folder.defaults, folder.targets, folder.config)
    named: str | int = int(module) if module.isdecimal() else module
    info = _module(server, named, None)
    if version is None or version == "":
        if not info.releases:
            raise UsageError(f'"{module}" has no release to pin', remedy="name one of its versions with --version")
        return published_app(info, info.slug or named)
    if info.releases and version not in info.releases:
        raise UsageError(
            f'"{module}" has no release "{version}"', remedy=choices(version, info.releases, label="Releases")
        )
    return published_app(_module(server, named, version), info.slug or named, version)


def find_launches(server: Server, ids: Sequence[int]) -> list[ObservedLaunch]:
    """The launches of these ids with their apps. Raises UsageError for a task without an app."""
    found = []
    for number in dict.fromkeys(ids):
        info = server.api.task.get_info_by_id(number)
        if info.module_id is None:
            raise UsageError(f"task {number} is not the launch of an app", remedy="leave it out")
        found.append(ObservedLaunch(info, _app_of(server, info, info.module_id)))
    return found


def _app_of(server: Server, info: TaskInfo, module_id: int) -> DescribedApp:
    """The app at the version of the launch, or at the newest version when the server no longer has that one."""
    version = info.app_version or None
    branch = version if info.app.get("isBranch") is True else None
    try:
        module = _module(server, module_id, version)
    except NotFound:
        module = _module(server, module_id, None)
    return published_app(module, module.slug or module_id, version, branch)


def _module(server: Server, named: str | int, version: str | None) -> ModuleInfo:
    module_id, slug = (named, None) if isinstance(named, int) else (None, named)
    return server.api.app.get_ecosystem_module_info(module_id=module_id, slug=slug, version=version)
