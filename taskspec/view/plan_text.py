"""Draw a plan as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from taskspec.json_tree import leaves
from taskspec.plan.agent_rules import describe, is_rule
from taskspec.plan.model import Action, Plan, Planned, PlannedTask
from taskspec.plan.request import CallRequest, Request
from taskspec.specfile.fields.kinds import ServiceRule
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
        declared = plan.expansion.instances[task.node].task if isinstance(task, PlannedTask) else None
        sign = paint(task.action.sign, COLOURS[task.action], "bold")
        is_destructive = declared is not None and declared.destructive and task.action.launches
        mark = paint("  destructive", "red") if is_destructive else ""
        mark += paint("  runs on this machine: apply needs --allow-local", "yellow") if task.runs_here else ""
        lines.append(f"  {sign} {clean(task.address):<{width}}  {paint(why(task), 'dim')}{mark}")
        below = [*_details(task, plan.agents.get(task.address, ()), detailed=detailed), *_rules(plan, task, declared)]
        lines += [f"      {line}" for line in below]
    if launches:
        lines += ["", paint(f"Deadlines unless a task says otherwise: {deadlines(Deadlines())}.", "dim")]
    results = [f"  {name} = {show(value)}" for name, value in plan.results.items()]
    if results:
        lines += ["", paint("Results:", "bold"), *results]
    return "\n".join([*lines, "", plan_summary(plan)]) + "\n"


def _rules(plan: Plan, planned: Planned, task: TaskDecl | None) -> Iterator[str]:
    """The service rule, and the deadlines and retries that differ from the defaults."""
    if task is None:
        return
    if task.service is not None and planned.action is not Action.KEEP:
        yield _service(task.service, plan.reusable.get(planned.address))
    if planned.action.launches and task.deadlines != Deadlines():
        yield f"deadlines: {deadlines(task.deadlines)}"
    if planned.action.launches and task.retry.attempts > 1 and not task.destructive:
        yield f"retry: {retries(task.retry)}"


def _service(rule: ServiceRule, reused: int | None) -> str:
    """When it is up, and how it ends."""
    if reused is not None:
        return f"service: up when {rule.ready}, reuses launch {reused}, which is running, and keeps it up"
    reuse = f", reuses one that runs{f' as {one_line(rule.reuse_name)}' if rule.reuse_name else ''}"
    end = "left up" if rule.keep else "stopped after its last user"
    return f"service: up when {rule.ready}{reuse if rule.reuse else ''}, {end}"


def _server(label: str) -> str:
    return "the local server" if label == "local" else label


def _details(task: Planned, agents: Sequence[str], *, detailed: bool) -> Iterator[str]:
    if task.duplicates:
        yield f"started more than once; launches to stop: {', '.join(map(str, task.duplicates))}"
    if task.condition:
        yield one_line(task.condition, 200)
    yield from map(show_change, task.changes)
    is_new = task.action is Action.START and detailed and not task.changes
    if task.request is not None and (task.runs_here or is_new):
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
    if request.workspace is not None:
        yield f"workspace: {show(request.workspace)}"
    if request.restart_policy != RESTART_POLICY:
        yield f"restart_policy: {request.restart_policy}"
    if request.log_level != LOG_LEVEL:
        yield f"log_level: {request.log_level}"
    yield from _values(request.settings.as_json() if request.settings else {}, "settings")
    yield from _values(request.params, "params")


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
