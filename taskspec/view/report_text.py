"""Draw the report of a run, and results, as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from taskspec.engine.events import RunReport, TaskEnded
from taskspec.state.model import Outcome
from taskspec.values import Json
from taskspec.view.labels import show
from taskspec.view.summaries import report_summary
from taskspec.view.terminal_text import Paint, clean, one_line


def draw_report(report: RunReport, paint: Paint, *, spec: str = "") -> str:
    """The outcome of the run: failures with their cause first, then the counts."""
    lines: list[str] = []
    for task in report.tasks:
        if task.outcome in (Outcome.FAILED, Outcome.STOPPED):
            lines += [*_failure(task, paint, spec), ""]
    # Tasks downstream of a pending one are only counted.
    pending = [t for t in report.tasks if t.outcome is Outcome.PENDING and t.summary and not t.because_of]
    lines += _section("Pending:", {task.address: one_line(task.summary, 400) for task in pending}, paint)
    skipped = [task for task in report.tasks if task.outcome is Outcome.SKIPPED]
    lines += _section("Skipped:", {task.address: task.summary for task in skipped}, paint)
    remarks = [task for task in report.tasks if task.outcome is Outcome.SUCCEEDED and task.summary]
    if remarks:
        lines += [paint("Noted:", "bold"), *(f"  {clean(t.address)}: {one_line(t.summary, 400)}" for t in remarks), ""]
    if report.results and not report.failed and not report.detached and not report.pending:
        lines += [*draw_results(report.results, paint), ""]
    lines.append(report_summary(report))
    if report.detached:
        still = "the launches above are still running. `taskspec apply` attaches to them, `taskspec stop` stops them."
        ended = "Interrupted: no launch is running. `taskspec apply` continues."
        lines.append(f"Detached: {still}" if report.counts.get("running") else ended)
    return "\n".join(lines) + "\n"


def _section(title: str, summaries: Mapping[str, str], paint: Paint) -> list[str]:
    """A title and one line for each address; nothing without addresses."""
    if not summaries:
        return []
    width = min(60, max(map(len, summaries)))
    rows = (f"  {clean(address):<{width}}  {paint(summary, 'dim')}" for address, summary in summaries.items())
    return [paint(title, "bold"), *rows, ""]


def _failure(task: TaskEnded, paint: Paint, spec: str) -> Iterator[str]:
    launch = f" (launch {task.task_id})" if task.task_id is not None else ""
    yield f"{paint('Failed', 'bold', 'red')}: {paint(clean(task.address), 'bold')}{launch}: {clean(task.summary)}"
    if task.link:
        yield f"  {clean(task.link)}"
    for line in task.log_tail:
        yield f"  │ {one_line(line)}"
    if task.task_id is not None:
        yield f"  The whole log: taskspec logs {shlex.join([*filter(None, [spec]), clean(task.address)])}"


def draw_results(results: Mapping[str, Json], paint: Paint) -> list[str]:
    """Named values, one a line."""
    width = max((len(name) for name in results), default=0)
    return [paint("Results:", "bold"), *(f"  {name:<{width}} = {_result(value)}" for name, value in results.items())]


def _result(value: Json) -> str:
    return clean(value) if isinstance(value, str) and "\n" not in value else show(value, limit=2000)
