"""Makes a start order from a planned task: evaluates it again, compares it with the plan, and gives it a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.api import StartRequest
from taskspec.api.tasks.start_request import marker
from taskspec.api.wire import DESCRIPTION_LIMIT
from taskspec.engine.launches.context import RunContext
from taskspec.engine.launches.start import StartOrder, UnresolvedStart
from taskspec.engine.server.observe import key_of
from taskspec.errors import StalePlan, TaskspecError, UsageError
from taskspec.plan.agent_rules import is_rule
from taskspec.plan.model import Action, Plan, PlannedTask
from taskspec.plan.request import LaunchRequest, Request, agrees_with_plan, start_key
from taskspec.plan.request_diff import last_key
from taskspec.secrets.sensitive import WithheldError, reveal
from taskspec.specfile.fields.launch_settings import LaunchSettings
from taskspec.state import event_bodies
from taskspec.state.model import Event, Phase, Record
from taskspec.template.expansion.instances import Instance
from taskspec.values import Json, pending_ids, unknowns

NOTHING_PASSED = 0.0
"""How much of its settle window an unresolved start has behind it. The intent tells when the first send was prepared,
not when the last one left. The time of day may jump, so a new apply waits for the whole window by its own clock."""


LOOK_BACK, LOOK_BACK_OF_NEW = 10_000, 500
"""How many of the newest launches are compared with a state, and with one that holds no launch, before the first start.
A state without a launch is nearly always new, and not lost."""
UNRECORDED = "the server has a launch of this start, and the state does not know it: it is taken over"


class NotLaunchable(TaskspecError):
    """The inputs of a task cannot be completed; the task fails without a launch."""


@dataclass(frozen=True, slots=True)
class PreparedLaunch:
    """An intent to be made durable, and the order to carry out afterwards. `note`: something people should know."""

    intent: Event
    order: StartOrder
    attempt: int
    note: str = ""


@dataclass(slots=True)
class LaunchPreparer:
    """Prepares the launches and calls of one run. Registers folder apps with the local server before anything starts.

    `lineage` is that of the plan's state: it goes into every start key.
    """

    lineage: str
    run_context: RunContext
    module_ids: dict[str, int] = field(default_factory=dict)
    watermarks: dict[int, int] = field(default_factory=dict)
    """By workspace, an id below every launch of this run: what is at or below it was there before."""
    unrecorded: dict[str, int] = field(default_factory=dict)
    """Start keys of launches that are newer than all on record, each with an id below its launch."""

    def register_folders(self, plan: Plan) -> None:
        """Make every folder app that will be launched startable. Runs in a worker: it connects to the server.

        Raises StalePlan when one changed since the plan.
        """
        for task in plan.tasks:
            may_launch = task.action.launches or task.action is Action.ATTACH  # a retry launches after an attach
            if not isinstance(task.request, LaunchRequest) or not may_launch:
                continue
            facts = task.request.facts
            if facts.folder is None or facts.folder in self.module_ids:
                continue
            registered = self.run_context.server.api.local.register_module(facts.folder)
            if registered.version != facts.version:
                raise StalePlan(f'the app in "{facts.folder}" changed since the plan was made', remedy="plan again")
            self.module_ids[facts.folder] = registered.module_id

    def final_launch(self, instance: Instance, planned: PlannedTask) -> LaunchRequest:
        """As `final_request`, for a task that launches."""
        request = self.final_request(instance, planned)
        if not isinstance(request, LaunchRequest):
            raise AssertionError("calls launch nothing")
        return request

    def final_request(self, instance: Instance, planned: PlannedTask) -> Request:
        """The request with every result of upstream in it. Raises NotLaunchable, or SpecError from an expression."""
        request = self.run_context.evaluator.request(instance, self.run_context.catalogue.facts)
        unresolved = [*unknowns(_open_part(request))]
        if self.run_context.evaluator.has_services:
            unresolved += [service.unknown for service in pending_ids(_open_part(request))]
        missing = ", ".join(dict.fromkeys(p for unknown in unresolved for p in unknown.producers))
        if missing:
            raise NotLaunchable(f"inputs are still unknown: {missing}", remedy="apply the tasks that produce them too")
        if planned.request is not None and not agrees_with_plan(planned.request.inputs, request.inputs):
            raise NotLaunchable("a value that the plan showed has changed", remedy="plan again")
        return request

    def is_ready(self, planned: PlannedTask, request: LaunchRequest, *, after: int | None = None) -> bool:
        """Whether all that `prepare` needs from the server is known. Raises UsageError as `Server.workspace`."""
        workspace = self.run_context.server.workspace(request.workspace)
        if workspace not in self.watermarks and self._keyed(planned, request, after)[2] is None:
            return False
        if is_rule(request.agent):
            return self.run_context.catalogue.places.are_fresh(workspace, self.run_context.clock())
        return self.run_context.catalogue.knows_agent(workspace, request.agent)

    def ask(self, request: LaunchRequest) -> None:
        """Ask the server for what `prepare` needs: agents, and the highest launch. Runs in a worker, one at a time."""
        workspace = self.run_context.server.workspace(request.workspace)
        if workspace not in self.watermarks:
            self.watermarks[workspace] = self._look_before_first_send(workspace)
        if is_rule(request.agent):
            self.run_context.catalogue.places.refresh(workspace, self.run_context.clock())
        else:
            self.run_context.catalogue.agent_id(workspace, request.agent)

    def _look_before_first_send(self, workspace: int) -> int:
        """The highest launch id. Launches that a state of an older day does not know are found by their keys."""
        calls, recorded = self.run_context.server.api.task, self._ids_on_record(workspace)
        known = max(recorded, default=0)
        newest = calls.newest_after(workspace, known, limit=LOOK_BACK if recorded else LOOK_BACK_OF_NEW)
        self.unrecorded.update((key, known) for key in map(key_of, newest) if key is not None)
        return newest[0].id if newest else calls.highest_id(workspace)

    def _ids_on_record(self, workspace: int) -> list[int]:
        """For each launch that the state knows in a workspace, its id, or one below it."""
        server, inputs = self.run_context.server, self.run_context.inputs
        launches = [r for r in inputs.state.records.values() if not r.is_call] if inputs is not None else []
        here = [r for r in launches if server.workspace(r.inputs.get("workspace")) == workspace]
        return [record.task_id or record.watermark for record in here]

    def prepare(
        self, planned: PlannedTask, request: LaunchRequest, *, after: int | None = None, is_service: bool = False
    ) -> PreparedLaunch:
        """The intent and the order for a start, from what `ask` has found out. Asks no server.

        `after` is the number of an attempt of this run that failed; the new one counts on from there.
        """
        fingerprint = request.fingerprint or ""
        key, attempt, repeated = self._keyed(planned, request, after)
        workspace = self.run_context.server.workspace(request.workspace)
        agent, note = self._agent(request, workspace)
        may_be_there = key in self.unrecorded
        if repeated is not None:
            watermark, may_be_there = repeated.watermark, repeated.phase is Phase.INTENDED
        elif may_be_there:
            watermark, note = self.unrecorded[key], UNRECORDED
        else:
            watermark = self.watermarks[workspace]
        order = StartOrder(
            address=planned.address,
            key=key,
            request=self._start_request(request, key, workspace, agent),
            workspace=workspace,
            watermark=watermark,
            unresolved_for=NOTHING_PASSED if may_be_there else None,
            unresolved_start=self._unresolved_start(planned.previous, key) if after is None else None,
        )
        intent = event_bodies.intent(planned.address, key, attempt, fingerprint, request.inputs, watermark=watermark)
        if is_service:
            intent = event_bodies.service_intent(intent, replaced_by(planned))
        return PreparedLaunch(intent, order, attempt, note)

    def _keyed(self, planned: PlannedTask, request: LaunchRequest, after: int | None) -> tuple[str, int, Record | None]:
        """The start key, the number of the attempt, and the record of a start with this key that was cut off."""
        fingerprint = request.fingerprint or ""
        if after is not None:
            return start_key(self.lineage, planned.address, fingerprint, after + 1), after + 1, None
        key, attempt = last_key(planned.previous, self.lineage, planned.address, fingerprint, highest=planned.attempts)
        return key, attempt, planned.previous if planned.previous is not None and planned.previous.key == key else None

    def _agent(self, request: LaunchRequest, workspace: int) -> tuple[int | None, str]:
        """The agent to launch on, and a word on it where a rule chose. Raises NotLaunchable when none fits."""
        if not is_rule(request.agent):
            return self.run_context.catalogue.agent_id(workspace, request.agent), ""
        try:
            return self.run_context.catalogue.places.take(workspace, request)
        except UsageError as error:
            raise NotLaunchable(error.message, remedy=error.remedy) from None

    def _unresolved_start(self, previous: Record | None, key: str) -> UnresolvedStart | None:
        """The last start, where it was cut off and the inputs have changed since: it may still arrive."""
        if previous is None or previous.phase is not Phase.INTENDED or previous.key == key:
            return None
        return UnresolvedStart(previous.key, previous.watermark, NOTHING_PASSED)

    def _start_request(self, request: LaunchRequest, key: str, workspace: int, agent: int | None) -> StartRequest:
        facts, settings = request.facts, request.settings or LaunchSettings()
        module_id = self.module_ids[facts.folder] if facts.folder is not None else facts.module_id
        return StartRequest(
            agent_id=agent,
            module_id=module_id,
            workspace_id=workspace,
            description=describe(request.description, key),
            params={"state": wire_params(request)},
            log_level=request.log_level,
            app_version=facts.version,
            is_branch=facts.is_branch,
            task_name=request.title,
            restart_policy=request.restart_policy,
            users_ids=list(settings.users) or None,
            limit_by_workspace=settings.limit_by_workspace,
            kubernetes_settings=settings.kubernetes or None,
            multi_user_session=settings.multi_user,
        )


def replaced_by(planned: PlannedTask) -> tuple[int, ...]:
    """Launches of ours that a new launch of a service replaces: they run until it is up."""
    record, observed = planned.previous, planned.observed
    if record is None:
        return ()
    runs = observed is not None and not observed.is_terminal and not record.reused
    return (*record.replaces, *((observed.task_id,) if observed is not None and runs else ()))


def wire_params(request: LaunchRequest) -> dict[str, Json]:
    """The params as the server gets them: the one place where secrets are laid open. Raises NotLaunchable."""
    return reveal_for_sending(request.params) if request.has_secrets else dict(request.params)


def reveal_for_sending(values: Mapping[str, Json]) -> dict[str, Json]:
    """Values with their secrets, to be sent and nothing else. Raises NotLaunchable when one is not there."""
    try:
        return dict(reveal(values))
    except WithheldError:
        remedy = "launch the task that gives the secret again too, with --rerun"
        raise NotLaunchable("a secret that only its mark is on record of", remedy=remedy) from None


def _open_part(request: Request) -> Json:
    """The part of a request that may wait for upstream."""
    return request.params if isinstance(request, LaunchRequest) else request.body


def describe(text: str, key: str) -> str:
    """The author's words and the start key, within what the server takes; the key is never cut."""
    tail = marker(key)
    room = DESCRIPTION_LIMIT - len(tail) - 1
    shown = text if len(text) <= room else text[: room - 1] + "…"
    return f"{shown} {tail}" if shown else tail
