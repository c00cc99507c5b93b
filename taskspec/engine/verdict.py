"""Whether a launch that has ended is a success. Pure.

Finished is not success: the output must not be an error, every declared result must be there, every check must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.api import LaunchStatus, TaskInfo
from taskspec.plan.evaluate import Evaluator
from taskspec.spec.endurance import FailureKind
from taskspec.state.model import Outcome
from taskspec.template.instances import Instance
from taskspec.values import Json, canonical


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a launch came out; `kind` classes a failure. `may_improve`: a result is missing that may still arrive."""

    outcome: Outcome
    summary: str = ""
    results: Mapping[str, Json] = field(default_factory=dict)
    may_improve: bool = False
    kind: FailureKind | None = None


def launch_scope(info: TaskInfo) -> dict[str, Json]:
    """What `launch` means in an expression."""
    state = info.params.get("state")
    return {
        "id": info.id,
        "name": info.name,
        "status": info.raw_status,
        "output": dict(info.output),
        "params": dict(state) if isinstance(state, Mapping) else {},
    }


def judge(evaluator: Evaluator, instance: Instance, info: TaskInfo) -> Verdict:
    """The verdict on a launch with a terminal status."""
    if info.status is LaunchStatus.STOPPED:
        return Verdict(Outcome.STOPPED, "stopped on the server", kind=FailureKind.STOPPED)
    if info.status is not LaunchStatus.FINISHED:
        return Verdict(Outcome.FAILED, _server_error(info), kind=FailureKind.ERROR)
    error = _error_output(info)
    if error:
        summary = f"finished, but its output is an error: {error}"
        return Verdict(Outcome.FAILED, summary, kind=FailureKind.ERROR_OUTPUT)
    return judge_ready(evaluator, instance, info)


def fallen(info: TaskInfo, *, was_up: bool) -> Verdict:
    """The verdict on a service that has ended by itself: never a success."""
    when = "while it was needed" if was_up else "before it was ready"
    if info.status is LaunchStatus.STOPPED:
        return Verdict(Outcome.STOPPED, f"stopped on the server {when}", kind=FailureKind.STOPPED)
    return Verdict(Outcome.FAILED, f"{_server_error(info)}, {when}", kind=FailureKind.ERROR)


def judge_ready(evaluator: Evaluator, instance: Instance, info: TaskInfo) -> Verdict:
    """The verdict on what a launch says of itself: of a job that has finished well, of a service that is up."""
    launch = launch_scope(info)
    results, missing = evaluator.results(instance, launch)
    if missing:
        summary = _missing(missing, "launch's output", dict(info.output))
        return Verdict(Outcome.FAILED, summary, results, may_improve=True, kind=FailureKind.MISSING_RESULT)
    failed = evaluator.failed_checks(instance, launch, results)
    if failed:
        return Verdict(Outcome.FAILED, "; ".join(failed), results, kind=FailureKind.FAILED_CHECK)
    return Verdict(Outcome.SUCCEEDED, "", results)


def judge_response(evaluator: Evaluator, instance: Instance, response: Json) -> Verdict:
    """The verdict on a call that was answered."""
    results, missing = evaluator.results(instance, response)
    if missing:
        return Verdict(Outcome.FAILED, _missing(missing, "response", response), kind=FailureKind.MISSING_RESULT)
    failed = evaluator.failed_checks(instance, response, results)
    if failed:
        return Verdict(Outcome.FAILED, "; ".join(failed), results, kind=FailureKind.FAILED_CHECK)
    return Verdict(Outcome.SUCCEEDED, "", results)


def _server_error(info: TaskInfo) -> str:
    error = info.meta.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    words = f"ended with status {info.raw_status}"
    return f"{words}: {message}" if isinstance(message, str) and message else words


def _error_output(info: TaskInfo) -> str:
    general = info.output.get("general")
    if not isinstance(general, Mapping) or general.get("isError") is not True:
        return ""
    return ": ".join(str(general[part]) for part in ("title", "description") if general.get(part)) or "no title"


def _missing(missing: Mapping[str, str], source: str, content: Json) -> str:
    found = canonical(content)
    shown = found if len(found) <= 200 else found[:200] + "…"
    names = "; ".join(f'result "{name}": {why}' for name, why in missing.items())
    return f"{names}. The {source} is {shown}"
