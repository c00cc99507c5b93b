"""The texts for actions, reasons, outcomes and values, shared by all views."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from taskspec.plan.model import Action, Change, Planned, Reason
from taskspec.plan.request import CallRequest
from taskspec.secrets.sensitive import HIDDEN, Sensitive
from taskspec.specfile.fields import retries_and_deadlines as durations
from taskspec.specfile.fields.retries_and_deadlines import Deadlines, Retry, RetryMode
from taskspec.state.model import Outcome
from taskspec.values import ABSENT, Json, ServiceId, Unknown, canonical, show_path
from taskspec.view.terminal_text import one_line

REASONS: Mapping[Reason, str] = {
    Reason.NEVER_LAUNCHED: "never launched",
    Reason.NOT_ARRIVED: "the last start did not arrive",
    Reason.FORGOTTEN: "the server has forgotten it",
    Reason.STILL_RUNNING: "still running",
    Reason.ENDED_UNSEEN: "ended since the last run",
    Reason.LAST_LAUNCH_FAILED: "the last launch failed",
    Reason.REQUESTED: "requested with --rerun",
    Reason.ALWAYS: "reruns always",
    Reason.INPUTS_CHANGED: "inputs changed",
    Reason.UPSTREAM_RERUNS: "upstream reruns",
    Reason.UPSTREAM_RAN: "upstream has run since",
    Reason.INPUTS_UNKNOWN: "reruns if its inputs change",
    Reason.OUTPUTS_CHANGED: "only its outputs changed",
    Reason.UNCHANGED: "unchanged",
    Reason.NEVER_RERUNS: "never reruns",
    Reason.NOT_IN_SPEC: "no longer in the spec",
    Reason.SERVICE_NEEDED: "needed",
    Reason.SERVICE_NOT_NEEDED: "no task in this run needs it",
    Reason.INSTANCES_UNKNOWN: "known after",
    Reason.CUT_OFF: "the last call was cut off",
    Reason.STILL_PENDING: "still pending",
    Reason.CONDITION_FALSE: "its condition is false",
    Reason.RUNS_ON_FAILURE: "only if something that it needs fails",
    Reason.RUNS_ALWAYS: "runs regardless of upstream outcomes",
}
CALL_REASONS: Mapping[Reason, str] = {
    Reason.NEVER_LAUNCHED: "never done",
    Reason.LAST_LAUNCH_FAILED: "the last call failed",
}
"""Reasons with another text for a call."""
COLOURS: Mapping[Action, str] = {
    Action.START: "green",
    Action.RERUN: "yellow",
    Action.ATTACH: "cyan",
    Action.PUBLISH: "yellow",
    Action.KEEP: "dim",
    Action.STOP: "red",
    Action.SKIP: "dim",
}
OUTCOME_COLOURS: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "green",
    Outcome.KEPT: "dim",
    Outcome.FAILED: "red",
    Outcome.STOPPED: "red",
    Outcome.SKIPPED: "yellow",
    Outcome.RUNNING: "cyan",
    Outcome.PENDING: "dim",
}


def why(task: Planned) -> str:
    """The reason and its detail. For a task that another one causes, only the detail."""
    if task.root:
        return one_line(task.detail)
    words = REASONS[task.reason]
    if task.is_folded:
        return f"{words} {one_line(task.detail)}"
    if isinstance(task.request, CallRequest):
        words = CALL_REASONS.get(task.reason, words)
    return f"{words}: {one_line(task.detail)}" if task.detail else words


def show(value: Json, limit: int = 120) -> str:
    """A value on one line: JSON, or `(known after apply: …)`."""
    if isinstance(value, Unknown):
        return value.describe()
    if isinstance(value, ServiceId):
        return value.symbol
    if isinstance(value, Sensitive):
        return HIDDEN
    # Each entry takes at least one character, so more do not fit.
    if isinstance(value, Mapping):
        entries = islice(value.items(), limit)
        return one_line("{" + ", ".join(f"{key}: {show(item)}" for key, item in entries) + "}", limit)
    if isinstance(value, list | tuple):
        return one_line("[" + ", ".join(map(show, islice(value, limit))) + "]", limit)
    return one_line(canonical(value), limit)


def show_change(change: Change) -> str:
    """`params.lr: 0.1 → 0.2`."""
    before = "(not set)" if change.before is ABSENT else show(change.before)
    after = "(not set)" if change.after is ABSENT else show(change.after)
    return f"{one_line(show_path(change.path))}: {before} → {after}"


def duration(seconds: float) -> str:
    """3.2s, 4m 05s, 2h 07m."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"


def deadlines(limits: Deadlines) -> str:
    """`queued 24h, starting 2h, running no limit, stopping 10m`."""
    return ", ".join(
        f"{stage} {'no limit' if limit is None else durations.show(limit)}" for stage, limit in limits.limits.items()
    )


def retries(rule: Retry) -> str:
    """`3 attempts in all, the first pause 30s, on error, vanished`."""
    again = ", restarting the same launch" if rule.how is RetryMode.RESTART else ""
    kinds = ", ".join(map(str, rule.on))
    return f"{rule.attempts} attempts in all, the first pause {durations.show(rule.backoff)}, on {kinds}{again}"
