"""Draw each event of an apply as one plain line, for logs, pipes and CI."""

from __future__ import annotations

from taskspec.engine.events import CallBegan, EngineEvent, LaunchStarted, Noticed, StatusChanged, TaskEnded
from taskspec.state.model import Outcome
from taskspec.view.labels import OUTCOME_COLOURS, duration
from taskspec.view.terminal_text import Paint, clean, one_line

_QUIET_STATUSES = frozenset({"finished", "error", "stopped"})
"""Not shown, because the outcome follows."""


def line(event: EngineEvent, paint: Paint) -> str | None:
    """The line for an event, or None for an event that is not shown."""
    match event:
        case LaunchStarted(address, task_id, adopted):
            return f"{clean(address)}: {'attached to' if adopted else 'started'} launch {task_id}"
        case CallBegan(address, _, what):
            return f"{clean(address)}: {one_line(what, 200)}"
        case StatusChanged(address, _, status) if status not in _QUIET_STATUSES:
            return f"{clean(address)}: {clean(status)}"
        case TaskEnded(address, outcome) if outcome is not Outcome.KEPT:
            return f"{clean(address)}: {paint(str(outcome), OUTCOME_COLOURS[outcome])}{_rest(event)}"
        case Noticed(address, message):
            return f"{clean(address)}: {one_line(message, 400)}"
    return None


def _rest(ended: TaskEnded) -> str:
    launch = f" (launch {ended.task_id}, {duration(ended.seconds)})" if ended.task_id is not None else ""
    summary = f": {one_line(ended.summary, 400)}" if ended.summary else ""
    return launch + summary
