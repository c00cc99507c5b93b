"""A module of the Ecosystem: an app, its versions and its arguments.

Pure. Facts: wire protocol, section 3.1.
"""

from __future__ import annotations

import copy
from typing import Any

from taskspec.api.records.wire_record import WireRecord, as_object, json_object, text
from taskspec.errors import UsageError
from taskspec.specfile.fields.targets import TARGETS


class ModuleInfo(WireRecord):
    """An app in the catalogue, at one version of its config."""

    __slots__ = ()

    slug = text("slug")
    type = text("type")
    readme = text("readme")
    config = json_object("config")
    meta = json_object("meta")

    @property
    def releases(self) -> tuple[str, ...]:
        """Versions that can be started, the newest first."""
        listed = self.meta.get("releases")
        rows = listed if isinstance(listed, list) else []
        return tuple(row["version"] for row in rows if isinstance(row, dict) and isinstance(row.get("version"), str))

    @property
    def targets(self) -> tuple[str, ...]:
        """The launch places of the app; empty for an app that needs none."""
        menu = as_object(self.config.get("contextMenu") or self.config.get("context_menu"))
        listed = menu.get("target")
        return tuple(place for place in listed if isinstance(place, str)) if isinstance(listed, list) else ()

    @property
    def defaults(self) -> dict[str, Any]:
        """A copy of the defaults of the launch dialog. Servers spell the key in two ways."""
        config = self.config
        state = config.get("modalTemplateState")
        return copy.deepcopy(dict(as_object(state if isinstance(state, dict) else config.get("modal_template_state"))))

    def get_latest_release(self) -> dict[str, Any]:
        """Return the newest release. Raises UsageError without one; the SDK crashes."""
        rows = self.meta.get("releases")
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            return dict(rows[0])
        raise UsageError(f'module "{self.slug or self.id}" has no release', remedy="name a branch with is_branch=True")

    def get_arguments(self, **target: int | str) -> dict[str, Any]:
        """Build the state for a start: the defaults of the app, and one key per target.

        Unlike the SDK, it accepts several targets, knows all launch places, and does not change the defaults.
        """
        if not target and self.targets and "ecosystem" not in self.targets:
            raise UsageError(f'app "{self.name}" needs a target', remedy=f"give one of: {', '.join(self.targets)}")
        state = self.defaults
        for place, value in target.items():
            key = self._state_key(place, value)
            if key in state and key in {TARGETS[other].key for other in target if other != place}:
                raise UsageError(f'two targets fill "{key}"', remedy="give only one of them")
            state[key] = value
        return state

    def _state_key(self, place: str, value: int | str) -> str:
        if place not in TARGETS:
            raise UsageError(f'unknown launch place "{place}"', remedy=f"use one of: {', '.join(sorted(TARGETS))}")
        if self.targets and place not in self.targets:
            raise UsageError(
                f'app "{self.name}" cannot be started on "{place}"', remedy=f"it takes: {', '.join(self.targets)}"
            )
        key, wanted = TARGETS[place].key, TARGETS[place].kind
        if type(value) is not wanted:
            raise UsageError(
                f'"{place}" takes {wanted.__name__}, not {value!r}',
                remedy="give the id of an existing object" if wanted is int else "give a path",
            )
        return key
