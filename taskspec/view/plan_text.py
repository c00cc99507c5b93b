"""Draw a plan as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from taskspec.json_tree import leaves
from taskspec.plan.agent_rules import describe, is_rule
from taskspec.plan.model import Action, Plan, Planned, PlannedTask
from taskspec.plan.request import CallRequest, LaunchRequest, Request
from taskspec.specfile.fields.launch_settings import AgentRule
from taskspec.specfile.fields.retries_and_deadlines import Deadlines
from taskspec.specfile.model import LOG_LEVEL, RESTART_POLICY, TaskDecl
from taskspec.values import Json, show_path
from taskspec.view.labels import COLOURS, deadlines, retries, show, show_change, why
from taskspec.view.summaries import draw_limits, plan_summary
from taskspec.view.terminal_text import Paint, clean, one_line

DETAILED_TASKS = 30
"""Plans with more launches show one line for each task, unless --full is given."""
_DEPTH = 4


def draw_plan(plan: Plan, paint: Paint, *, full: bool = False) -> str:
    """The plan, ending with its summary line."""
    launches = sum(task.action.launches for task in plan.tasks)
    detailed = full or launches <= DETAILED_TASKS
    shown = [task for task in (*plan.tasks, *plan.stops) if full or detailed or task.action is not Action.KEEP]
    width = min(60, max((len(task.address) for task in shown), default=0))
    lines = [paint(f"{clean(plan.name)} on {_server(plan.server)}", "bold"), *draw_limits(plan), ""]
    for task in shown:
        sign = paint(task.action.sign, COLOURS[task.action], "bold")
        mark = paint("  destructive", "red") if _is_destructive(plan, task) else ""
        mark += paint("  runs on this machine: apply needs --allow-local", "yellow") if task.runs_here else ""
        lines.append(f"  {sign} {clean(task.address):<{width}}  {paint(why(task), 'dim')}{mark}")
        fitting = plan.agents.get(task.address, ())
        lines += [f"      {line}" for line in _details(task, fitting, detailed=detailed)]
        if isinstance(task, PlannedTask) and task.action is not Action.KEEP:
            lines += [f"      {line}" for line in _service(plan, task)]
        if isinstance(task, PlannedTask) and task.action.launches:
            lines += [f"      {line}" for line in _endurance(plan.expansion.instances[task.node].task)]
    if launches:
        lines += ["", paint(f"Deadlines unless a task says otherwise: {deadlines(Deadlines())}.", "dim")]
    results = [f"  {name} = {show(value)}" for name, value in plan.results.items()]
    if results:
        lines += ["", paint("Results:", "bold"), *results]
    return "\n".join([*lines, "", plan_summary(plan)]) + "\n"


def _endurance(task: TaskDecl) -> Iterator[str]:
    """The deadlines and retries that differ from the defaults."""
    if task.deadlines != Deadlines():
        yield f"deadlines: {deadlines(task.deadlines)}"
    if task.retry.attempts > 1 and not task.destructive:
        yield f"retry: {retries(task.retry)}"


def _service(plan: Plan, task: PlannedTask) -> Iterator[str]:
    """The service rule: when it is up, and how it ends."""
    rule = plan.expansion.instances[task.node].task.service
    if rule is None:
        return
    launch = plan.reusable.get(task.address)
    if launch is not None:
        yield f"service: up when {rule.ready}, reuses launch {launch}, which is running, and keeps it up"
        return
    reuse = f", reuses one that runs{f' as {one_line(rule.reuse_name)}' if rule.reuse_name else ''}"
    end = "left up" if rule.keep else "stopped after its last user"
    yield f"service: up when {rule.ready}{reuse if rule.reuse else ''}, {end}"


def _is_destructive(plan: Plan, task: Planned) -> bool:
    if not isinstance(task, PlannedTask) or not task.action.launches:
        return False
    return plan.expansion.instances[task.node].task.destructive


def _server(label: str) -> str:
    return "the local server" if label == "local" else label


def _details(task: Planned, agents: Sequence[str], *, detailed: bool) -> Iterator[str]:
    if task.duplicates:
        yield f"started more than once; launches to stop: {', '.join(map(str, task.duplicates))}"
    if task.condition:
        yield one_line(task.condition, 200)
    if task.changes:
        for change in task.changes:
            yield show_change(change)
        if task.runs_here and task.request is not None:
            yield from _request(task.request)
    elif task.request is not None and (task.runs_here or (task.action is Action.START and detailed)):
        yield from _request(task.request, agents)


def _request(request: Request, agents: Sequence[str] = ()) -> Iterator[str]:
    """The request, one line for each part."""
    if isinstance(request, CallRequest):
        yield f"kind: {request.kind}"
        yield from _values(request.body)
        return
    facts = request.facts
    yield f"module: {one_line(str(facts.identity))} ({one_line(facts.name)}), {facts.version or 'no version'}"
    if request.agent is not None:
        yield f"agent: {_agent(request.agent, agents)}"
    yield from _settings(request)
    yield from _values(request.params, "params")


def _settings(request: LaunchRequest) -> Iterator[str]:
    """The workspace and settings that differ from the defaults."""
    if request.workspace is not None:
        yield f"workspace: {show(request.workspace)}"
    if request.restart_policy != RESTART_POLICY:
        yield f"restart_policy: {request.restart_policy}"
    if request.log_level != LOG_LEVEL:
        yield f"log_level: {request.log_level}"
    yield from _values(request.settings.as_json() if request.settings else {}, "settings")


def _values(values: Mapping[str, Json], *path: str) -> Iterator[str]:
    """One line for each value, maps opened down to four keys."""
    found = leaves(values, path, depth=_DEPTH - len(path), lists=False) if values else ()
    return (f"{one_line(show_path(place))}: {show(value)}" for place, value in found)


def _agent(agent: AgentRule | Json, fitting: Sequence[str]) -> str:
    """The name of an agent, or a rule with the agents that match it now."""
    if not is_rule(agent):
        return one_line(str(agent))
    now = ", ".join(map(one_line, fitting)) or "none"
    return f"{one_line(describe(agent))}; now: {now}"
