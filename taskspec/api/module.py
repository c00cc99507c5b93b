"""A module of the Ecosystem: an app that can be started, its versions, and the arguments it takes.

Pure. Facts: wire protocol, section 3.1.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from taskspec.api.record import WireRecord, as_object
from taskspec.errors import UsageError
from taskspec.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping


class ModuleInfo(WireRecord):
    """An app in the catalogue, at one version of its config."""

    __slots__ = ()

    @property
    def slug(self) -> str:
        return self._text("slug")

    @property
    def type(self) -> str:
        return self._text("type")

    @property
    def readme(self) -> str:
        return self._text("readme")

    @property
    def config(self) -> Mapping[str, Any]:
        return self._object("config")

    @property
    def meta(self) -> Mapping[str, Any]:
        return self._object("meta")

    @property
    def releases(self) -> tuple[str, ...]:
        """Versions that can be started, the newest first."""
        listed = self.meta.get("releases")
        rows = listed if isinstance(listed, list) else []
        return tuple(row["version"] for row in rows if isinstance(row, dict) and isinstance(row.get("version"), str))

    @property
    def targets(self) -> tuple[str, ...]:
        """Launch places the app offers; empty for an app that is started without one."""
        menu = as_object(self.config.get("contextMenu") or self.config.get("context_menu"))
        listed = menu.get("target")
        return tuple(place for place in listed if isinstance(place, str)) if isinstance(listed, list) else ()

    @property
    def defaults(self) -> dict[str, Any]:
        """The launch dialog's defaults, as a copy. Servers spell the key in two ways; both are read."""
        config = self.config
        state = config.get("modalTemplateState")
        return copy.deepcopy(dict(as_object(state if isinstance(state, dict) else config.get("modal_template_state"))))

    def get_latest_release(self) -> dict[str, Any]:
        """The newest release. Raises UsageError when there is none, where the SDK crashes."""
        rows = self.meta.get("releases")
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            return dict(rows[0])
        raise UsageError(f'module "{self.slug or self.id}" has no release', remedy="name a branch with is_branch=True")

    def get_arguments(self, **target: int | str) -> dict[str, Any]:
        """The state for a start: the app's defaults, and the key that each target fills.

        Unlike the SDK it takes several targets, knows all launch places that apps use, and leaves the defaults alone.
        """
        if not target and self.targets and "ecosystem" not in self.targets:
            raise UsageError(
                f'app "{self.name}" is started on something', remedy=f"give one of: {', '.join(self.targets)}"
            )
        state = self.defaults
        for place, value in target.items():
            key = self._state_key(place, value)
            if key in state and key in {TARGETS[other].key for other in target if other != place}:
                raise UsageError(f'two targets fill "{key}"', remedy="give only one of them")
            state[key] = value
        return state

    def _state_key(self, place: str, value: int | str) -> str:
        if place not in TARGETS:
            raise UsageError(
                f'there is no launch place "{place}"', remedy=f"places we know: {', '.join(sorted(TARGETS))}"
            )
        if self.targets and place not in self.targets:
            raise UsageError(
                f'app "{self.name}" cannot be started on "{place}"', remedy=f"it takes: {', '.join(self.targets)}"
            )
        key, wanted = TARGETS[place].key, TARGETS[place].kind
        if type(value) is not wanted:
            raise UsageError(
                f'"{place}" takes {wanted.__name__}, not {value!r}',
                remedy="give the id of a thing that exists" if wanted is int else "give a path",
            )
        return key
