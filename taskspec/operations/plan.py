"""Plan a project against a server and a state."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from taskspec.engine.server.catalogue import Catalogue
from taskspec.engine.server.connection import Server
from taskspec.engine.server.observe import observe_launches
from taskspec.engine.server.places import look_up_names, with_agents
from taskspec.operations.project import Project
from taskspec.plan.deferred_tasks import names_module
from taskspec.plan.model import Plan
from taskspec.plan.plan_inputs import PlanInputs, Selection
from taskspec.plan.planner import make_plan
from taskspec.plan.request import Facts
from taskspec.state.model import State
from taskspec.template.expansion.instances import Instance


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan, and the facts it was made from: an apply uses both."""

    plan: Plan
    catalogue: Catalogue
    inputs: PlanInputs


def make(project: Project, server: Server, state: State, selection: Selection) -> PlannedRun:
    """Look up names and apps, observe the launches on record, and plan. Changes nothing.

    Raises SpecError, UsageError or ApiError.
    """
    project.evaluator.secrets.salt = server.label
    catalogue = Catalogue(project.spec, project.folder, server, project.root)

    def look_up(instances: Iterable[Instance]) -> Facts:
        there = [instance for instance in instances if not instance.is_folded]
        look_up_names(catalogue.places, project.evaluator, there)
        return catalogue.look_up(project.evaluator, filter(names_module, instances))

    facts = look_up(project.expansion.instances)
    inputs = PlanInputs(
        server=server.label,
        expansion=project.expansion,
        facts=facts,
        state=state,
        world=observe_launches(server, state),
        selection=selection,
        warnings=project.warnings,
        look_up=look_up,
    )
    plan = make_plan(project.evaluator, inputs)
    instances = plan.expansion.instances
    catalogue.check_places((instances[task.node], task.request) for task in plan.tasks if not task.is_folded)
    plan = with_agents(catalogue.places, project.spec, plan, time.monotonic())
    services = (instance.task.service for instance in instances)
    if any(service is not None and service.reuse for service in services):
        # Only such a plan needs the part of the engine that looks for running launches.
        from taskspec.engine.launches.reuse import with_reusable  # noqa: PLC0415 - see above

        plan = with_reusable(catalogue, plan, time.monotonic())
    return PlannedRun(plan, catalogue, inputs)
