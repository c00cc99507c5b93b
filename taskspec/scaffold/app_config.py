"""The config of an app: its defaults, targets, kind, and likely results. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.api.resources.module_info import ModuleInfo
from taskspec.scaffold.naming import identifier
from taskspec.specfile.fields.targets import TARGETS
from taskspec.values import Json

_SERVING = frozenset({"serve", "deployed_nn", "deployed_nn_object_segmentation"})
_PROJECT = {"project_id": "{{ launch.output.project.id }}"}
_FILE = {"file": "{{ launch.output.general.titleUrl }}"}
_EXPERIMENT = {
    "artifacts_dir": "{{ launch.output.experiment.data.artifacts_dir }}",
    "best_checkpoint": "{{ launch.output.experiment.data.best_checkpoint }}",
    "report_id": "{{ launch.output.experiment.data.evaluation_report_id }}",
}
_RESULTS: Mapping[str, Mapping[str, str]] = {
    "import": _PROJECT,
    "export": _FILE,
    "train": _EXPERIMENT,
    "data operations": _PROJECT,
    "transform": _PROJECT,
}
"""The usual output of apps by category."""


@dataclass(frozen=True, slots=True)
class DescribedApp:
    """An app with its name in the spec, and its config at one version."""

    module: str | int
    version: str | None
    branch: str | None
    name: str
    defaults: Mapping[str, Json]
    targets: tuple[str, ...]
    config: Mapping[str, Any]

    @property
    def description(self) -> str:
        return " ".join(str(self.config.get("description") or "").split())

    @property
    def task_name(self) -> str:
        """A name for its task: the last word of the slug, or the last two where one is too short."""
        if isinstance(self.module, int):
            return identifier(self.name)
        parts = [part for part in self.module.split("/") if part not in (".", "..", "")]
        vague = len(parts) > 2 and len(parts[-1]) < 8
        return identifier("_".join([*parts[1:2], parts[-1]]) if vague else parts[-1])

    @property
    def places(self) -> tuple[str, ...]:
        """The targets that a spec can name."""
        return tuple(target for target in self.targets if target in TARGETS)

    @property
    def needs_target(self) -> bool:
        return bool(self.places) and "ecosystem" not in self.targets

    @property
    def stays_up(self) -> bool:
        """Whether it is a service by its config, or serves a model."""
        words = {str(word).lower() for key in ("categories", "session_tags", "sessionTags") for word in self._list(key)}
        place = self.config.get("task_location") or self.config.get("taskLocation")
        return place == "application_sessions" or not _SERVING.isdisjoint(words)

    @property
    def needs_clicks(self) -> bool:
        """Whether a user may have to click before it does its work."""
        return not self.stays_up and self.config.get("headless") is not True and "gui_template" in self.config

    @property
    def likely_results(self) -> Mapping[str, str]:
        """The usual results of similar apps."""
        words = [str(word).lower() for word in self._list("categories")]
        return next((_RESULTS[word] for word in words if word in _RESULTS), {})

    def describe(self, key: str) -> str:
        """The description of a default in the config, often empty."""
        for holder in ("modal_template_description", "modalTemplateDescription", "params", "modal_template_schema"):
            listed = self.config.get(holder)
            found = listed.get(key) if isinstance(listed, dict) else None
            text = found.get("description") if isinstance(found, dict) else found
            if isinstance(text, str):
                return " ".join(text.split())
        return ""

    def _list(self, key: str) -> list[Any]:
        value = self.config.get(key)
        return value if isinstance(value, list) else []


def published_app(
    info: ModuleInfo, named: str | int, version: str | None = None, branch: str | None = None
) -> DescribedApp:
    """A module of a server, at a release or a branch; by default its newest release."""
    newest = info.releases[0] if info.releases else None
    chosen = None if branch is not None else version or newest
    return DescribedApp(named, chosen, branch, info.name, info.defaults, info.targets, info.config)
