"""A plan without a server, from the spec and the record only, and the list of what it did not check."""

from __future__ import annotations

from collections.abc import Iterator

from taskspec.engine.server.catalogue import Catalogue
from taskspec.engine.server.connection import Server
from taskspec.errors import UsageError
from taskspec.files.project_files import root_reason
from taskspec.operations.project import Project, Request
from taskspec.operations.state_file import read_state, state_path
from taskspec.plan.model import Observed, Plan
from taskspec.plan.plan_inputs import PlanInputs, Selection
from taskspec.plan.planner import make_plan
from taskspec.plan.request import LaunchRequest
from taskspec.state.model import Phase
from taskspec.wording import listing

NOT_ASKED = "not asked about"


def plan_offline(project: Project, request: Request, server: Server, selection: Selection) -> Plan:
    """Plan without asking a server. Raises SpecError or UsageError."""
    path = state_path(project, request, server)
    if project.root is not None and not path.resolve().is_relative_to(project.root):
        raise UsageError(
            f'the record "{path}" leads outside of the project, "{project.root}", which is {root_reason(project.root)}',
            remedy="make it a folder and no link, or allow it with --allow-outside",
        )
    state = read_state(path)
    project.evaluator.secrets.salt = server.label
    catalogue = Catalogue(project.spec, project.folder, server, project.root, is_offline=True)
    inputs = PlanInputs(
        server=server.label,
        expansion=project.expansion,
        facts=catalogue.look_up(project.evaluator, project.expansion.instances),
        state=state,
        world={
            address: Observed(record.task_id or 0, NOT_ASKED, record.phase is Phase.ENDED, {})
            for address, record in state.records.items()
        },
        selection=selection,
        warnings=project.warnings,
    )
    return make_plan(project.evaluator, inputs)


def not_checked(project: Project, plan: Plan) -> Iterator[str]:
    launches = [task.request for task in plan.tasks if isinstance(task.request, LaunchRequest)]
    apps = {str(request.facts.identity) for request in launches if not request.is_checked}
    if apps:
        shown = listing(sorted(apps), 5)
        yield f"whether these apps exist at these versions, and their defaults: {shown}"
    if any(task.previous is not None for task in plan.tasks):
        yield "the status of past launches: the plan uses what is recorded"
    if any(request.agent is not None for request in launches):
        yield "whether the agents exist"
    secrets = project.secret_names()
    if secrets:
        yield f"secrets, which count as unchanged: {', '.join(secrets)}"
