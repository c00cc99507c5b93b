"""The action for a call. The server keeps no record of calls, so only the state tells about the last one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from taskspec.plan.decide import Decision, Situation, decide_finished
from taskspec.plan.model import Action, Reason
from taskspec.sensitive import Sensitive
from taskspec.spec.value_types import described
from taskspec.state.model import Outcome, Phase, Record
from taskspec.values import Json, Path, Unknown

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


def unfit_parts(body: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
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
