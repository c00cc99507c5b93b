"""Where launches go and for whom: workspaces by name, users by login, agents by rule. Reads, never changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from taskspec.diagnostics import Code, Diagnostic, Severity, in_order
from taskspec.engine.server.connection import Server
from taskspec.errors import NotFound, Refused, SpecError, UsageError
from taskspec.plan.agent_rules import AgentChoice, AgentFacts, choose, describe, is_rule
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.model import Plan
from taskspec.plan.request import LaunchRequest
from taskspec.specfile.fields.launch_settings import AgentRule, Gpu
from taskspec.specfile.model import SpecFile
from taskspec.template.expansion.instances import Instance

if TYPE_CHECKING:
    from taskspec.api import Api
    from taskspec.api.records.records import AgentInfo

LOOK_SECONDS = 5.0
"""How long a list of agents is good for: launches of the same moment need not each ask for it."""


@dataclass(slots=True)
class Places:
    """What one command has asked a server about its places, each question once; agents again when time has passed."""

    server: Server
    teams: dict[int, int] = field(default_factory=dict)
    workspaces: dict[str, int] = field(default_factory=dict)
    users: dict[tuple[int, str], int] = field(default_factory=dict)
    taken: Counter[int] = field(default_factory=Counter)
    _agents: dict[int, tuple[float, tuple[AgentFacts, ...]]] = field(default_factory=dict)

    def team(self, workspace: int) -> int:
        if workspace not in self.teams:
            self.teams[workspace] = int(self.server.api.workspace.get_info_by_id(workspace).team_id or 0)
        return self.teams[workspace]

    def workspace_id(self, name: str) -> int:
        """The workspace of that name: in the team of the default workspace, or else in any team of ours.

        Raises NotFound, or Refused with the ids where several have the name.
        """
        if name not in self.workspaces:
            self.workspaces[name] = self._workspace_named(name)
        return self.workspaces[name]

    def _workspace_named(self, name: str) -> int:
        api, default = self.server.api, self.server.default_workspace
        if default is not None:
            return api.workspace.get_info_by_name(self.team(default), name).id
        found: list[tuple[int, str]] = []
        for team in api.team.get_list():
            try:
                found.append((api.workspace.get_info_by_name(team.id, name).id, team.name))
            except NotFound:
                continue
        if len(found) == 1:
            return found[0][0]
        if not found:
            raise NotFound(f'workspace "{name}" does not exist in any of your teams', status=404, remedy="use its id")
        ids = ", ".join(f"{number} (team {team})" for number, team in found)
        raise Refused(f'{len(found)} workspaces are called "{name}": {ids}', status=409, remedy="use the id instead")

    def user_id(self, workspace: int, login: str) -> int:
        """The member of the workspace's team with that login. Raises NotFound."""
        key = (self.team(workspace), login)
        if key not in self.users:
            self.users[key] = self.server.api.user.get_member_info_by_login(*key).id
        return self.users[key]

    def are_fresh(self, workspace: int, now: float) -> bool:
        """Whether the agents of the workspace's team are known, as they were a moment ago."""
        team = self.teams.get(workspace)
        return team in self._agents and now - self._agents[team][0] <= LOOK_SECONDS

    def refresh(self, workspace: int, now: float) -> None:
        """Ask the server for the agents of the workspace's team."""
        team = self.team(workspace)
        self._agents[team] = (now, _agents_of(self.server.api, team))

    def choice(self, workspace: int, request: LaunchRequest, now: float) -> AgentChoice:
        """The agents of the team as the rule of a launch sorts them now."""
        if not self.are_fresh(workspace, now):
            self.refresh(workspace, now)
        return self._choose(workspace, request)

    def _choose(self, workspace: int, request: LaunchRequest) -> AgentChoice:
        return choose(full_rule(request), self._agents[self.teams[workspace]][1], self.taken)

    def take(self, workspace: int, request: LaunchRequest) -> tuple[int, str]:
        """The agent to launch on, and a word on it, from the last answer of the server.

        Raises UsageError, with why for each agent, when none fits.
        """
        choice = self._choose(workspace, request)
        if not choice.candidates:
            raise UsageError(
                f"no agent fits the rule: {choice.why_not}", remedy="start one that fits, or change the rule"
            )
        best = choice.candidates[0]
        self.taken[best.id] += 1
        return best.id, f'on agent "{best.name}" (rule: {describe(full_rule(request))})'


def full_rule(request: LaunchRequest) -> AgentRule:
    """The rule of a launch; an app that cannot do without a GPU brings that into a rule which does not speak of it."""
    rule = request.agent
    return replace(rule, gpu=Gpu.REQUIRED) if request.facts.needs_gpu and rule.gpu is None else rule


def _agents_of(api: Api, team: int) -> tuple[AgentFacts, ...]:
    return tuple(map(_facts, api.agent.get_list(team, with_gpu_info=True)))


def _facts(info: AgentInfo) -> AgentFacts:
    return AgentFacts(info.id, info.name, _trouble(info), info.has_gpu, info.free_memory)


def _trouble(info: AgentInfo) -> str:
    if info.is_disabled:
        return "disabled"
    if info.status != "running":
        return f"offline ({info.status or 'no status'})"
    return "" if info.runs("app") is not False else "does not run apps"


def look_up_names(places: Places, evaluator: Evaluator, instances: Iterable[Instance]) -> None:
    """The ids of workspaces and users that the instances name. Raises SpecError with all that cannot be found."""
    problems: list[Diagnostic] = []
    for instance in instances:
        if not isinstance(instance.task.workspace, str) and not instance.task.settings:
            continue
        try:
            _look_up(places, evaluator, instance)
        except SpecError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise SpecError(problems)


def _look_up(places: Places, evaluator: Evaluator, instance: Instance) -> None:
    section: tuple[str | int, ...] = ("workspace",)
    try:
        workspace = evaluator.workspace(instance)
        if isinstance(workspace, str):
            workspace = places.workspace_id(workspace)
        logins = [user for user in evaluator.users(instance) if isinstance(user, str)] if instance.task.settings else []
        section = ("settings", "users")
        for login in logins:
            places.user_id(places.server.workspace(workspace), login)
    except (NotFound, Refused, UsageError) as error:
        span = evaluator.spec.task_span(instance.task.name, *section)
        summary = f'task "{instance.address}": {error.message}'
        raise SpecError([Diagnostic(Code.PLACE, summary, span, remedy=error.remedy)]) from None


def with_agents(places: Places, spec: SpecFile, plan: Plan, now: float) -> Plan:
    """The plan with the agents that fit its rules now. Raises SpecError where none can ever fit."""
    names: dict[str, tuple[str, ...]] = {}
    problems: dict[tuple[str, str], Diagnostic] = {}
    for planned in plan.tasks:
        request = planned.request
        if not isinstance(request, LaunchRequest) or not is_rule(request.agent) or not planned.action.launches:
            continue
        choice = places.choice(places.server.workspace(request.workspace), request, now)
        names[planned.address] = tuple(agent.name for agent in choice.candidates)
        instance = plan.expansion.instances[planned.node]
        if not choice.candidates:
            problems.setdefault((instance.task.name, choice.why_not), _no_fit(spec, instance, choice, request.agent))
    if any(problem.is_error for problem in problems.values()):
        raise SpecError(in_order(problems.values()))
    return replace(plan, agents=names, warnings=(*plan.warnings, *problems.values())) if names else plan


def _no_fit(spec: SpecFile, instance: Instance, choice: AgentChoice, rule: AgentRule) -> Diagnostic:
    """An error where no agent can ever fit, a warning where one may be back by then."""
    return Diagnostic(
        Code.PLACE,
        f'task "{instance.address}": no agent fits now ({describe(rule)})',
        spec.task_span(instance.task.name, "agent"),
        detail="\n".join(map(str, choice.rejected)) or "the team has no agent",
        remedy="Start an agent that fits before the apply comes to this task, or change the rule.",
        severity=Severity.WARNING if choice.may_fit_later else Severity.ERROR,
    )
