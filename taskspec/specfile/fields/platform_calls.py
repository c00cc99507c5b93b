"""The platform calls a spec may make: a small closed set, each with its arguments. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from taskspec.values import Json


class PlatformCall(StrEnum):
    """What `call:` of a task of kind `api` may say."""

    CLONE_PROJECT = "clone_project"
    UPLOAD_FILES = "upload_files"
    COPY_FILES = "copy_files"
    REMOVE_FILES = "remove_files"
    REMOVE_PROJECT = "remove_project"

    @property
    def removes(self) -> bool:
        return self in (PlatformCall.REMOVE_FILES, PlatformCall.REMOVE_PROJECT)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a platform call; an id is an integer, everything else is text."""

    is_id: bool = False
    required: bool = True

    def problem(self, value: Json) -> str:
        """Why a known value does not fit, or nothing."""
        if self.is_id:
            fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
            return "" if fits else f"must be an integer id, and is {value!r}"
        return "" if isinstance(value, str) and value else f"must be text, and is {value!r}"


ARGUMENTS: Mapping[PlatformCall, Mapping[str, Argument]] = {
    PlatformCall.CLONE_PROJECT: {
        "project": Argument(is_id=True),
        "name": Argument(),
        "workspace": Argument(is_id=True, required=False),
    },
    PlatformCall.UPLOAD_FILES: {"from": Argument(), "to": Argument()},
    PlatformCall.COPY_FILES: {"from": Argument(), "to": Argument()},
    PlatformCall.REMOVE_FILES: {"path": Argument()},
    PlatformCall.REMOVE_PROJECT: {"project": Argument(is_id=True)},
}
