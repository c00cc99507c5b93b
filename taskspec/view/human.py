"""Plans, reports, status and results as text for people. Values in, text out; nothing here prints."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from taskspec.plan.agents import describe, is_rule
from taskspec.plan.model import Action, Plan, Planned, PlannedTask
from taskspec.plan.request import CallRequest, LaunchRequest, Request
from taskspec.spec.endurance import Deadlines
from taskspec.spec.model import LOG_LEVEL, RESTART_POLICY, TaskDecl
from taskspec.spec.settings import AgentRule
from taskspec.standing import Standing
from taskspec.state.model import Outcome, Phase
from taskspec.template.items import item_limit
from taskspec.values import Json, show_path
from taskspec.view.limits import draw_limits
from taskspec.view.paint import Paint, clean, one_line
from taskspec.view.words import COLOURS, OUTCOME_COLOURS, deadlines, duration, retries, show, show_change, why

if TYPE_CHECKING:
    from taskspec.engine.events import RunReport, TaskEnded

DETAILED_TASKS = 30
"""Plans with more launches than this show one line a task, unless everything is asked for."""

_PLANNED = (
    (Action.START, "to start"),
    (Action.RERUN, "to rerun"),
    (Action.ATTACH, "to attach"),
    (Action.PUBLISH, "to publish"),
    (Action.STOP, "to stop"),
    (Action.KEEP, "to keep"),
    (Action.SKIP, "to skip"),
)


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
    """What the author says about deadlines and tries; nothing where the defaults hold."""
    if task.deadlines != Deadlines():
        yield f"deadlines: {deadlines(task.deadlines)}"
    if task.retry.attempts > 1 and not task.destructive:
        yield f"retry: {retries(task.retry)}"


def _service(plan: Plan, task: PlannedTask) -> Iterator[str]:
    """That a task is a service, when it counts as up, and how it is left."""
    rule = plan.expansion.instances[task.node].task.service
    if rule is None:
        return
    launch = plan.reusable.get(task.address)
    if launch is not None:
        yield f"service: up when {rule.ready}, reuses launch {launch}, which runs already, and leaves it up"
        return
    reuse = f", reuses one that runs{f' as {one_line(rule.reuse_name)}' if rule.reuse_name else ''}"
    end = "left up" if rule.keep else "stopped after its last user"
    yield f"service: up when {rule.ready}{reuse if rule.reuse else ''}, {end}"


def _is_destructive(plan: Plan, task: Planned) -> bool:
    return (
        isinstance(task, PlannedTask) and task.action.launches and plan.expansion.instances[task.node].task.destructive
    )


def plan_summary(plan: Plan) -> str:
    """One stable line: `Plan: 2 to start, 1 to keep.`"""
    if not plan.has_changes:
        skipped = f", {plan.counts[Action.SKIP]} to skip" if plan.counts[Action.SKIP] else ""
        return f"Plan: nothing to do, {plan.counts[Action.KEEP]} to keep{skipped}."
    counts = plan.counts
    folded = [task for task in plan.tasks if task.is_folded] if plan.expansion.has_folded else []
    counts[Action.START] -= len(folded)
    reused = len(plan.reusable)
    for task in plan.tasks:
        counts[task.action] -= task.address in plan.reusable
    known = ", ".join(f"{counts[action]} {words}" for action, words in _PLANNED if counts[action])
    known = ", ".join(filter(None, (known, f"{reused} to reuse" if reused else "")))
    return "; ".join(filter(None, (f"Plan: {known}" if known else "Plan: nothing else", _at_most(plan, folded)))) + "."


def _at_most(plan: Plan, folded: list[PlannedTask]) -> str:
    """`at most 20 more once train[*] is known`: what an approval covers beyond the tasks that are listed."""
    if not folded:
        return ""
    limit = sum(item_limit(plan.expansion.instances[task.node].task) for task in folded)
    names = ", ".join(clean(task.address) for task in folded)
    return f"at most {limit:,} more once {names} {'is' if len(folded) == 1 else 'are'} known"


def _server(label: str) -> str:
    return "the local server" if label == "local" else label


def _details(task: Planned, agents: Sequence[str], *, detailed: bool) -> Iterator[str]:
    if task.twins:
        yield f"started more than once; launches to stop: {', '.join(map(str, task.twins))}"
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
    """What is asked for, a line for each part."""
    if isinstance(request, CallRequest):
        yield f"kind: {request.kind}"
        for path, value in _leaves(request.body, ()):
            yield f"{one_line(show_path(path))}: {show(value)}"
        return
    facts = request.facts
    yield f"module: {one_line(str(facts.identity))} ({one_line(facts.name)}), {facts.version or 'no version'}"
    if request.agent is not None:
        yield f"agent: {_agent(request.agent, agents)}"
    yield from _settings(request)
    for path, value in _leaves(request.params, ("params",)):
        yield f"{one_line(show_path(path))}: {show(value)}"


def _settings(request: LaunchRequest) -> Iterator[str]:
    """Where and how it is launched, as far as that is not what it is anyway."""
    if request.workspace is not None:
        yield f"workspace: {show(request.workspace)}"
    if request.restart_policy != RESTART_POLICY:
        yield f"restart_policy: {request.restart_policy}"
    if request.log_level != LOG_LEVEL:
        yield f"log_level: {request.log_level}"
    for path, value in _leaves(request.settings.as_json() if request.settings else {}, ("settings",)):
        yield f"{one_line(show_path(path))}: {show(value)}"


def _agent(agent: AgentRule | Json, fitting: Sequence[str]) -> str:
    """An agent as it is named; a rule in words, with the agents that fit it now."""
    if not is_rule(agent):
        return one_line(str(agent))
    now = ", ".join(map(one_line, fitting)) or "none"
    return f"{one_line(describe(agent))}; now: {now}"


def _leaves(value: Json, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    if isinstance(value, Mapping) and value and len(path) < 4:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif path not in ((), ("params",), ("settings",)):
        yield path, value


def draw_report(report: RunReport, paint: Paint, *, spec: str = "") -> str:
    """What became of the run: failures with their cause first, then every count."""
    lines: list[str] = []
    for task in report.tasks:
        if task.outcome in (Outcome.FAILED, Outcome.STOPPED):
            lines += [*_failure(task, paint, spec), ""]
    lines += _pending(report, paint)
    skipped = [task for task in report.tasks if task.outcome is Outcome.SKIPPED]
    if skipped:
        width = min(60, max(len(task.address) for task in skipped))
        named = (f"  {clean(task.address):<{width}}  {paint(task.summary, 'dim')}" for task in skipped)
        lines += [paint("Skipped:", "bold"), *named, ""]
    remarks = [task for task in report.tasks if task.outcome is Outcome.SUCCEEDED and task.summary]
    if remarks:
        lines += [paint("Noted:", "bold"), *(f"  {clean(t.address)}: {one_line(t.summary, 400)}" for t in remarks), ""]
    if report.results and not report.failed and not report.detached and not report.pending:
        lines += [*draw_results(report.results, paint), ""]
    lines.append(report_summary(report))
    if report.detached:
        goes_on = "the launches above go on. `taskspec apply` attaches to them, `taskspec stop` stops them."
        is_running = bool(report.counts.get("running"))
        lines.append(f"Detached: {goes_on}" if is_running else "Interrupted: nothing runs. `taskspec apply` goes on.")
    return "\n".join(lines) + "\n"


def _pending(report: RunReport, paint: Paint) -> list[str]:
    """What waits for people or was interrupted; the tasks below it are in the counts."""
    found = [task for task in report.tasks if task.outcome is Outcome.PENDING and task.summary and not task.because_of]
    if not found:
        return []
    width = min(60, max(len(task.address) for task in found))
    named = (f"  {clean(task.address):<{width}}  {paint(one_line(task.summary, 400), 'dim')}" for task in found)
    return [paint("Pending:", "bold"), *named, ""]


def _failure(task: TaskEnded, paint: Paint, spec: str) -> Iterator[str]:
    launch = f" (launch {task.task_id})" if task.task_id is not None else ""
    yield f"{paint('Failed', 'bold', 'red')}: {paint(clean(task.address), 'bold')}{launch}: {clean(task.summary)}"
    if task.link:
        yield f"  {clean(task.link)}"
    for line in task.log_tail:
        yield f"  │ {one_line(line)}"
    if task.task_id is not None:
        yield f"  The whole log: taskspec logs {shlex.join([*filter(None, [spec]), clean(task.address)])}"


def report_summary(report: RunReport) -> str:
    """One stable line: `Applied: 3 succeeded, 1 kept in 4.2s.`"""
    counts = [f"{report.counts[str(o)]} {o}" for o in Outcome if report.counts.get(str(o))]
    counts += [f"{len(report.stopped)} no longer wanted and stopped"] if report.stopped else []
    counts += [f"{len(report.unstopped)} could not be stopped"] if report.unstopped else []
    return f"Applied: {', '.join(counts) or 'nothing'} in {duration(report.seconds)}."


def draw_results(results: Mapping[str, Json], paint: Paint) -> list[str]:
    """Named values, one a line."""
    width = max((len(name) for name in results), default=0)
    return [paint("Results:", "bold"), *(f"  {name:<{width}} = {_result(value)}" for name, value in results.items())]


def _result(value: Json) -> str:
    return clean(value) if isinstance(value, str) and "\n" not in value else show(value, limit=2000)


def draw_status(standings: Sequence[Standing], in_spec: Iterable[str], paint: Paint) -> str:
    """Every address on record: what we know, what the server says, and where the two differ."""
    if not standings:
        return "Nothing was launched yet.\n"
    wanted = set(in_spec)
    width = min(60, max(len(standing.record.address) for standing in standings))
    lines = []
    for standing in standings:
        outcome, colour = _standing_outcome(standing)
        launch = f"launch {standing.record.task_id}" if standing.record.task_id is not None else _no_launch(standing)
        notes = "; ".join(_drift(standing, wanted))
        address = f"{clean(standing.record.address):<{width}}"
        lines.append(f"  {address}  {paint(f'{outcome:<9}', colour)}  {launch}{'  ' + notes if notes else ''}".rstrip())
    return "\n".join(lines) + "\n"


def _no_launch(standing: Standing) -> str:
    return "call" if standing.record.is_call else "no launch"


def _standing_outcome(standing: Standing) -> tuple[str, str]:
    observed, record = standing.observed, standing.record
    if observed is not None and not observed.is_terminal:
        return observed.status, "cyan"
    if record.phase is Phase.ENDED and record.outcome is not None:
        return record.outcome.value, OUTCOME_COLOURS[record.outcome]
    return (observed.status if observed is not None else record.phase.value), "yellow"


def _drift(standing: Standing, wanted: set[str]) -> Iterator[str]:
    record, observed = standing.record, standing.observed
    if record.is_service and observed is not None and not observed.is_terminal:
        yield "service, " + ("ready" if record.is_ready else "not ready yet") + (", reused" * record.reused)
    for old in record.replaces:
        yield f"replaces launch {old}, which is stopped once this one is up"
    if record.address not in wanted:
        running = observed is not None and not observed.is_terminal and not record.reused
        yield "no longer in the spec" + (", still running: the next apply stops it" if running else "")
    if record.task_id is not None and observed is None:
        yield "the server has forgotten it"
    if observed is not None and not observed.is_terminal and record.phase is Phase.ENDED:
        yield "runs again: restarted outside of taskspec"
    if observed is not None and observed.is_terminal and record.phase is not Phase.ENDED:
        then = "" if record.is_service else ": the next apply takes that in"
        yield f"{one_line(observed.status)} while nobody watched{then}"
    if record.summary:
        yield one_line(record.summary)
