"""Whether a launch that has ended is a success. Pure.

Finished is not success: the output must not be an error, every declared result must be there, every check must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from taskspec.api import LaunchStatus, TaskInfo
from taskspec.api.records.wire_record import without_tokens
from taskspec.errors import SpecError
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.lookup_needs import Evidence, Findings, Need, evidence_views
from taskspec.specfile.fields.retries_and_deadlines import FailureKind
from taskspec.state.model import Outcome
from taskspec.template.expansion.instances import Instance
from taskspec.values import Json, canonical


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a launch came out; `kind` classes a failure. `may_improve`: a result is missing that may still arrive.

    While `wants` names something that was not looked up, this is not a verdict yet. `found` is what it rests on.
    """

    outcome: Outcome
    summary: str = ""
    results: Mapping[str, Json] = field(default_factory=dict)
    may_improve: bool = False
    kind: FailureKind | None = None
    wants: frozenset[Need] = frozenset()
    found: Findings = field(default_factory=dict)


def launch_scope(info: TaskInfo, evidence: Evidence | None = None) -> dict[str, Json]:
    """What `launch` means in an expression."""
    state = info.params.get("state")
    return {
        "id": info.id,
        "name": info.name,
        "status": info.raw_status,
        "output": dict(info.output),
        "params": dict(state) if isinstance(state, Mapping) else {},
        "meta": without_tokens(dict(info.meta)),
        **evidence_views(evidence or Evidence()),
    }


def after_scope(info: TaskInfo, verdict: Verdict, evidence: Evidence) -> dict[str, Json]:
    """What outputs see of a launch that has ended."""
    return {
        "launch": launch_scope(info, evidence),
        "results": dict(verdict.results),
        "failure": {"summary": verdict.summary, "status": info.raw_status},
    }


def judge(evaluator: Evaluator, instance: Instance, info: TaskInfo, found: Findings | None = None) -> Verdict:
    """The verdict on a launch with a terminal status, by what has been found so far."""
    evidence = Evidence(found or {})
    verdict = _judge(evaluator, instance, info, evidence)
    if instance.task.outputs and not evidence.wanted:
        with suppress(SpecError):  # reported when they are published
            failed = verdict.outcome is not Outcome.SUCCEEDED
            evaluator.outputs(instance, after_scope(info, verdict, evidence), failed=failed)
    if not evidence.wanted and not evidence.found:
        return verdict
    return replace(verdict, wants=frozenset(evidence.wanted), found=evidence.found)


def shows_text_of(instance: Instance, info: TaskInfo) -> bool:
    """Whether text of the launch is stored or shown, so that its token has to be redacted there."""
    task = instance.task
    if task.results or task.checks or task.outputs or task.service:
        return True
    return info.status is not LaunchStatus.FINISHED


def _judge(evaluator: Evaluator, instance: Instance, info: TaskInfo, evidence: Evidence) -> Verdict:
    if info.status is LaunchStatus.STOPPED:
        return Verdict(Outcome.STOPPED, "stopped on the server", kind=FailureKind.STOPPED)
    if info.status is not LaunchStatus.FINISHED:
        return Verdict(Outcome.FAILED, _server_error(info), kind=FailureKind.ERROR)
    error = _error_output(info)
    if error:
        summary = f"finished, but its output is an error: {error}"
        return Verdict(Outcome.FAILED, summary, kind=FailureKind.ERROR_OUTPUT)
    return _judge_words(evaluator, instance, info, evidence)


def judge_ended_service(info: TaskInfo, *, was_up: bool) -> Verdict:
    """The verdict on a service that has ended by itself: never a success."""
    when = "while it was needed" if was_up else "before it was ready"
    if info.status is LaunchStatus.STOPPED:
        return Verdict(Outcome.STOPPED, f"stopped on the server {when}", kind=FailureKind.STOPPED)
    return Verdict(Outcome.FAILED, f"{_server_error(info)}, {when}", kind=FailureKind.ERROR)


def judge_ready(evaluator: Evaluator, instance: Instance, info: TaskInfo, found: Findings | None = None) -> Verdict:
    """The verdict on a service that is up, by what has been found so far."""
    evidence = Evidence(found or {})
    verdict = _judge_words(evaluator, instance, info, evidence)
    return replace(verdict, wants=frozenset(evidence.wanted), found=evidence.found)


def _judge_words(evaluator: Evaluator, instance: Instance, info: TaskInfo, evidence: Evidence) -> Verdict:
    """The verdict on what a launch says of itself: of a job that has finished well, of a service that is up."""
    launch = launch_scope(info, evidence)
    results, missing = evaluator.results(instance, launch)
    if missing:
        summary = _missing(instance, missing, "launch's output", dict(info.output))
        return Verdict(Outcome.FAILED, summary, results, may_improve=True, kind=FailureKind.MISSING_RESULT)
    failed = evaluator.failed_checks(instance, launch, results)
    if failed:
        return Verdict(Outcome.FAILED, "; ".join(failed), results, kind=FailureKind.FAILED_CHECK)
    return Verdict(Outcome.SUCCEEDED, "", results)


def judge_response(evaluator: Evaluator, instance: Instance, response: Json) -> Verdict:
    """The verdict on a call that was answered."""
    results, missing = evaluator.results(instance, response)
    if missing:
        return Verdict(
            Outcome.FAILED, _missing(instance, missing, "response", response), kind=FailureKind.MISSING_RESULT
        )
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


def _missing(instance: Instance, missing: Mapping[str, str], source: str, content: Json) -> str:
    found = canonical(content)
    shown = found if len(found) <= 200 else found[:200] + "…"
    names = "; ".join(f'result "{name}" of "{instance.address}": {why}' for name, why in missing.items())
    return f"{names}. The {source} is {shown}"
