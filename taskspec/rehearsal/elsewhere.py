"""Simulated lookups of fields, files and projects, and the names of simulated agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taskspec.engine.evidence import Looked
from taskspec.plan.agents import is_rule
from taskspec.plan.evidence import FieldNeed, FilesNeed, Finding, Need
from taskspec.spec.model import CallDecl
from taskspec.template.instances import Instance
from taskspec.values import ABSENT

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo


@dataclass(frozen=True, slots=True)
class FakeLookups:
    """Finds everything. `fields` is the document of every launch."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    def look(self, _: Api, info: TaskInfo, needs: Iterable[Need]) -> Looked:
        return Looked(info, {need: self._finding(need) for need in needs})

    def _finding(self, need: Need) -> Finding:
        if isinstance(need, FieldNeed):
            return Finding(self.fields.get(need.name))
        if isinstance(need, FilesNeed):
            return Finding([{"path": f"{need.folder.rstrip('/')}/{_filled(need.match)}", "id": 1, "size": 1}])
        return Finding([{"id": 1, "name": need.name, "type": "images", "items_count": 1}])


def agents_for(instances: Iterable[Instance]) -> tuple[str, ...]:
    """Return agent names, one for each agent rule. A computed pattern matches none."""
    rules = (i.task.agent for i in instances if not isinstance(i.task, CallDecl))
    names = ("rehearsal" if rule.name is ABSENT else str(rule.name) for rule in rules if is_rule(rule))
    return tuple(dict.fromkeys(map(_filled, names))) or ("rehearsal",)


def _filled(pattern: str) -> str:
    return pattern.replace("*", "1").replace("?", "1")
