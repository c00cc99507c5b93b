"""An app as a folder with a `config.json`: its name, its defaults, and a digest of its files.

The planner reads it to fingerprint `module: ./folder`, and the local server to run it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.errors import UsageError
from taskspec.files.project_files import OWN, root_reason
from taskspec.files.safe_read import files_below, path_problem, read_plain
from taskspec.values import not_json, show_path
from taskspec.wording import shorten

CONFIG_NAME = "config.json"
CONFIG_LIMIT = 4 * 2**20
IGNORED_FOLDERS = frozenset({"__pycache__", "node_modules"})
SIZE_LIMIT = 200 * 1024 * 1024


class AppFolderError(UsageError):
    """The folder is missing, or it is not a valid app."""


class OutsideError(AppFolderError):
    """The folder, or a part of it, is outside of the project."""


@dataclass(frozen=True, slots=True)
class AppFolder:
    """One app on disk. `digest` covers names, executable bits and bytes of every file that belongs to it."""

    path: Path
    config: Mapping[str, Any]
    digest: str

    @property
    def name(self) -> str:
        return str(self.config.get("name") or self.path.name)

    @property
    def version(self) -> str:
        """A version derived from the content: equal bytes have equal versions."""
        return f"sha256:{self.digest[:16]}"

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The defaults of the launch dialog: `params` are merged over them."""
        return dict(self.config.get("modal_template_state") or {})

    @property
    def targets(self) -> tuple[str, ...]:
        menu = self.config.get("context_menu")
        listed = menu.get("target") if isinstance(menu, dict) else None
        return tuple(place for place in listed if isinstance(place, str)) if isinstance(listed, list) else ()

    @property
    def needs_gpu(self) -> bool:
        return needs_gpu(self.config)


def needs_gpu(config: Mapping[str, Any]) -> bool:
    """Whether a config requires a GPU. The old keys count only when the new one is not set."""
    if config.get("gpu") in ("required", "preferred"):
        return bool(config["gpu"] == "required")
    return config.get("need_gpu") is True or config.get("needGPU") is True


def read_app_folder(path: Path, *, inside: Path | None = None) -> AppFolder:
    """Read an app folder. Raises AppFolderError when it is missing or not a valid app.

    With `inside`, raises OutsideError for a folder or config that leads out of it, links followed.
    """
    if "\0" in str(path):
        raise AppFolderError("a path with a NUL character is not valid", remedy="check the path")
    for place in (path, path / CONFIG_NAME) if inside is not None else ():
        if inside is not None and not _resolved(place).is_relative_to(inside):
            raise OutsideError(
                f'"{path}" leads outside of the project, "{inside}", which is {root_reason(inside)}',
                remedy=f"Put an empty file `{OWN}` into a folder above both, or allow it with --allow-outside.",
            )
    _resolved(path)
    if not path.is_dir():
        raise AppFolderError(f'no folder "{path}"', remedy="check the path; it is resolved against the spec file")
    return AppFolder(path=path.resolve(), config=_read_config(path / CONFIG_NAME), digest=_digest(path))


def app_files(root: Path) -> Iterator[Path]:
    """The app's files, as `files_below`, without caches."""
    return files_below(root, IGNORED_FOLDERS)


def _resolved(path: Path) -> Path:
    """Resolve a path. Raises AppFolderError for one that is not valid: a circle of links, a name too long."""
    reason = path_problem(path)
    if reason:
        raise AppFolderError(f'"{shorten(str(path), 80)}" is not a valid path: {reason}', remedy="check the path")
    return path.resolve()


def _read_config(path: Path) -> Mapping[str, Any]:
    if path.exists() and not path.is_file():
        raise AppFolderError(f'"{path}" is not a file', remedy=f"make {CONFIG_NAME} a file with a JSON object in it")
    try:
        config = json.loads(read_plain(path, CONFIG_LIMIT).decode("utf-8"))
    except FileNotFoundError:
        raise AppFolderError(
            f'"{path.parent}" is not an app: it has no {CONFIG_NAME}',
            remedy=f'add a {CONFIG_NAME} with at least "name"',
        ) from None
    except (OSError, ValueError) as error:
        raise AppFolderError(f'"{path}" cannot be read: {error}', remedy="make it valid JSON") from None
    except RecursionError:
        raise AppFolderError(f'"{path}" is nested too deeply', remedy="flatten it") from None
    if not isinstance(config, dict):
        raise AppFolderError(f'"{path}" must hold a JSON object', remedy='write {"name": "…", "main_script": "…"}')
    if not isinstance(config.get("modal_template_state"), dict | None):
        raise AppFolderError(f'"{path}": modal_template_state must be an object', remedy="write {} for no defaults")
    problem = not_json(config)
    if problem is not None:
        raise AppFolderError(f'"{path}": {show_path(problem[0])}: {problem[1]}', remedy="make it valid JSON")
    return config


def _digest(root: Path) -> str:
    total = 0
    digest = hashlib.sha256()
    for file in app_files(root):
        total += (root / file).stat().st_size
        if total > SIZE_LIMIT:
            raise AppFolderError(
                f'"{root}" holds more than {SIZE_LIMIT // 2**20} MiB', remedy="keep data out of the app's folder"
            )
        content = (root / file).read_bytes()
        executable = os.access(root / file, os.X_OK)
        digest.update(f"{file.as_posix()}\0{int(executable)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
