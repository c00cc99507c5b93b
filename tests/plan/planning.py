"""Plans of small specs, with what is known of the past and of the server given by hand: no server, no state file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from taskspec.operations.project import Project, Request, open_project
from taskspec.plan.model import Observed, Plan
from taskspec.plan.plan_inputs import ObservedLaunches, PlanInputs, Selection
from taskspec.plan.planner import make_plan
from taskspec.plan.request import Facts, ModuleFacts, ModuleKey
from taskspec.specfile.schema import load_schema
from taskspec.state.model import Outcome, Phase, Record, State
from taskspec.template.expressions.task_views import TaskView
from taskspec.view.json_documents import plan_document

LINEAGE = "0123456789abcdef0123456789abcdef"
NOTHING = State(LINEAGE, 0, {}, ())
TRAINER = {"lr": 0.1, "model": {"name": "small", "layers": [1, 2]}}
_PLAN = Draft7Validator(load_schema("plan"))


class Catalogue(dict[ModuleKey, ModuleFacts]):
    """Facts for any module: whatever is named is a trainer."""

    def __missing__(self, key: ModuleKey) -> ModuleFacts:
        version = key.version or key.branch or ""
        return ModuleFacts(key.module, version, key.branch is not None, "Trainer", TRAINER, module_id=7)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A spec on disk. Each plan reads it again, as each command does."""

    path: Path
    shown_as: str = "spec.yaml"
    environment: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> Project:
        return open_project(Request(self.path, self.shown_as, self.environment))

    def plan(
        self,
        state: State = NOTHING,
        world: ObservedLaunches | None = None,
        project: Project | None = None,
        **selection: tuple[str, ...],
    ) -> Plan:
        """The plan, its JSON checked against the schema; by default the server says that every launch has finished.

        Without a `project` the spec is read again.
        """
        project = project or self.open()
        inputs = PlanInputs(
            server="local",
            expansion=project.expansion,
            facts=Facts(Catalogue()),
            state=state,
            world=finished(state) if world is None else world,
            selection=Selection(**selection),
            warnings=project.warnings,
        )
        plan = make_plan(project.evaluator, inputs)
        _PLAN.validate(plan_document(plan))
        return plan

    def applied(self, results: Mapping[str, Mapping[str, Any]] | None = None, state: State = NOTHING) -> State:
        """The state after an apply in which every launch succeeded, with these results by address."""
        project = self.open()
        evaluator, expansion = project.evaluator, project.expansion
        records = dict(state.records)
        number = state.serial
        for node in expansion.graph.order:
            if expansion.graph.is_join(node):
                continue
            instance = expansion.instances[node]
            found = dict((results or {}).get(instance.address, {}))
            request = evaluator.request(instance, Facts(Catalogue()))
            assert request.fingerprint is not None
            number += 1
            records[instance.address] = Record(
                address=instance.address,
                key=f"{number:020x}",
                attempt=1,
                fingerprint=request.fingerprint,
                inputs=request.inputs,
                watermark=0,
                number=number,
                intended_at="2026-01-01T00:00:00.000Z",
                phase=Phase.ENDED,
                task_id=100 + number,
                outcome=Outcome.SUCCEEDED,
                results=found,
                published=evaluator.outputs_digest(instance, found),
            )
            evaluator.tasks.put(instance.task.name, instance.key, TaskView(instance.address, 100 + number, found))
        return State(state.lineage, number, records, ())


def finished(state: State) -> dict[str, Observed]:
    """A server on which every launch on record has ended well."""
    return {address: seen(record) for address, record in state.records.items() if record.task_id is not None}


def seen(record: Record, status: str = "finished") -> Observed:
    return Observed(record.task_id or 0, status, status in ("finished", "error", "stopped"), {})


def world_with(state: State, **statuses: str | None) -> dict[str, Observed]:
    """As `finished`, but these launches have another status, or are unknown (None)."""
    world = finished(state)
    for address, status in statuses.items():
        world.pop(address, None)
        if status is not None:
            world[address] = seen(state.records[address], status)
    return world


def changed(state: State, address: str, **fields: Any) -> State:
    """The state with one record changed."""
    return replace(state, records={**state.records, address: replace(state.records[address], **fields)})


def actions(plan: Plan) -> dict[str, str]:
    """A plan as a reader would say it: by address, `rerun: inputs_changed`."""
    return {task.address: f"{task.action}: {task.reason}" for task in (*plan.tasks, *plan.stops)}
