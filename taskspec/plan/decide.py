"""The rules that choose an action for one task. Pure, small, tried from the top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from taskspec.plan.model import Action, Observed, PlannedTask, Reason
from taskspec.secrets.sensitive import Sensitive
from taskspec.specfile.fields.value_types import described
from taskspec.specfile.model import Rerun
from taskspec.state.model import Outcome, Phase, Record
from taskspec.values import Json, Path, Unknown


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the choice depends on.

    `upstream_launches` are tasks it needs that are launched in this plan. `upstream_ran_since` is one with a launch
    younger than the last launch of this task.
    """

    rerun: Rerun
    record: Record | None
    observed: Observed | None
    fingerprint: str | None
    inputs_differ: bool
    upstream_launches: tuple[str, ...]
    upstream_ran_since: str | None
    outputs_differ: bool
    requested: bool


@dataclass(frozen=True, slots=True)
class Upstream:
    """Upstream tasks that are launched in this plan, the youngest launch on record, and whether any may still fail."""

    launching: tuple[str, ...] = ()
    newest: tuple[int, str] = (0, "")
    may_fail: bool = False


def through(above: Upstream, record: Record | None, planned: PlannedTask | None) -> Upstream:
    """The flow behind a service: that into it, and its own name only where its inputs have changed."""
    fingerprint = planned.fingerprint if planned is not None else None
    if record is None or fingerprint is None or fingerprint == record.fingerprint:
        return above
    return Upstream((*above.launching, record.address), above.newest)


def merge_upstream(flows: Iterable[Upstream], limit: int = 5) -> Upstream:
    """All flows into a node as one. Only the first few names are kept, since they are for display."""
    launching: tuple[str, ...] = ()
    newest = (0, "")
    may_fail = False
    for flow in flows:
        launching = (launching + flow.launching)[:limit]
        newest = max(newest, flow.newest)
        may_fail = may_fail or flow.may_fail
    return Upstream(launching, newest, may_fail)


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    reason: Reason
    detail: str = ""


def decide(now: Situation) -> Decision:
    """Choose the action for one task.

    The rules are tried from the top and the first that holds wins: what is unfinished comes before what changed. A task
    whose last launch failed is reported as failed even if its inputs changed too.
    """
    if now.record is None:
        return Decision(Action.START, Reason.NEVER_LAUNCHED)
    unfinished = _unfinished(now, now.record)
    if unfinished is not None:
        return unfinished
    if not now.record.succeeded:
        return Decision(Action.RERUN, Reason.LAST_LAUNCH_FAILED, now.record.summary)
    if now.requested:
        return Decision(Action.RERUN, Reason.REQUESTED)
    return decide_finished(now)


def _unfinished(now: Situation, record: Record) -> Decision | None:
    """Launches whose end is not on record, and launches that the server does not know."""
    if record.phase is Phase.REFUSED:
        return Decision(Action.START, Reason.NOT_ARRIVED, record.summary)
    if record.phase is Phase.INTENDED and now.observed is None:
        return Decision(Action.START, Reason.NOT_ARRIVED, "the last start was cut off before the server had it")
    if now.observed is None:
        return Decision(Action.START, Reason.FORGOTTEN, f"launch {record.task_id}")
    if not now.observed.is_terminal:
        return _running(now, now.observed)
    is_renumbered = record.task_id is not None and record.task_id != now.observed.task_id
    if record.phase is not Phase.ENDED or record.outcome is Outcome.RUNNING or is_renumbered:
        if now.inputs_differ:
            return Decision(Action.RERUN, Reason.INPUTS_CHANGED)
        return Decision(Action.ATTACH, Reason.ENDED_UNSEEN, f"launch {now.observed.task_id} is {now.observed.status}")
    return None


def _running(now: Situation, observed: Observed) -> Decision:
    where = f"launch {observed.task_id} is {observed.status}"
    if now.inputs_differ:
        return Decision(Action.RERUN, Reason.INPUTS_CHANGED, f"{where} and will be stopped first")
    if now.requested:
        return Decision(Action.RERUN, Reason.REQUESTED, f"{where} and will be stopped first")
    return Decision(Action.ATTACH, Reason.STILL_RUNNING, where)


def decide_finished(now: Situation) -> Decision:
    """Choose the action for a task that has succeeded, and that no `--rerun` names."""
    if now.rerun is Rerun.ALWAYS:
        return Decision(Action.RERUN, Reason.ALWAYS)
    if now.rerun is Rerun.NEVER:
        return _kept(now, Reason.NEVER_RERUNS)
    return rerun_for_change(now) or _kept(now, Reason.UNCHANGED)


def rerun_for_change(now: Situation) -> Decision | None:
    """A rerun because of the inputs, or because of what the task needs."""
    launching = ", ".join(now.upstream_launches)
    if now.inputs_differ:
        return Decision(Action.RERUN, Reason.INPUTS_CHANGED)
    if now.rerun is Rerun.UPSTREAM_RERUNS and launching:
        return Decision(Action.RERUN, Reason.UPSTREAM_RERUNS, launching)
    if now.rerun is Rerun.UPSTREAM_RERUNS and now.upstream_ran_since is not None:
        return Decision(Action.RERUN, Reason.UPSTREAM_RAN, now.upstream_ran_since)
    return Decision(Action.RERUN, Reason.INPUTS_UNKNOWN, launching) if now.fingerprint is None else None


def _kept(now: Situation, reason: Reason) -> Decision:
    if now.outputs_differ:
        return Decision(Action.PUBLISH, Reason.OUTPUTS_CHANGED)
    return Decision(Action.KEEP, reason)


UNKNOWN_OUTCOME = "its outcome is unknown"


def decide_call(now: Situation) -> Decision:
    """Choose the action for a call. The rules are tried from the top."""
    record = now.record
    if record is None:
        return Decision(Action.START, Reason.NEVER_LAUNCHED)
    if not record.is_call:
        return Decision(Action.RERUN, Reason.INPUTS_CHANGED, _replaced(now))
    if record.phase is not Phase.ENDED:
        return Decision(Action.START, Reason.CUT_OFF, UNKNOWN_OUTCOME)
    if record.outcome is Outcome.PENDING:
        return Decision(Action.RERUN, Reason.STILL_PENDING, record.summary)
    if not record.succeeded:
        return Decision(Action.RERUN, Reason.LAST_LAUNCH_FAILED, record.summary)
    if now.requested:
        return Decision(Action.RERUN, Reason.REQUESTED)
    return decide_finished(now)


def may_not_be_repeated(record: Record | None, *, destructive: bool, requested: bool) -> bool:
    """Whether the user has to decide: the call deletes or overwrites, and the server may have made it already."""
    return record is not None and record.is_call and record.phase is Phase.INTENDED and destructive and not requested


def body_problems(body: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    """What no server accepts in a call, by its place. Unknown values are checked once they are known."""
    method, wait = body.get("method", "-"), body.get("wait", {})
    if not isinstance(method, Unknown | Sensitive) and not (isinstance(method, str) and method):
        yield ("method",), f"method must be text that is not empty, and is {described(method)}"
    for name, value in wait.items():
        if isinstance(value, Unknown | Sensitive):
            continue
        if name == "team_file" and not (isinstance(value, str) and value.startswith("/")):
            yield ("wait", name), f"{name} must be a path that begins with /, and is {described(value)}"
        if name != "team_file" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            yield ("wait", name), f"{name} must be an integer id, 1 or more, and is {described(value)}"


def _replaced(now: Situation) -> str:
    """What apply does with the launch that this address had before it was a call."""
    if now.observed is None or now.observed.is_terminal:
        return "it was a launch before"
    return f"launch {now.observed.task_id} is {now.observed.status} and will be stopped first"
