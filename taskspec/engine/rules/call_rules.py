"""Rules for calls, which launch nothing: made, awaited and judged; a wait for a person may outlast the run. Pure.

The intent is on record before a call is made. A call that is interrupted leaves its intent, and the next plan decides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from taskspec.engine.events import CallBegan, error_text
from taskspec.engine.executors.call_protocol import CallFailed, CallOrder, StillPending, describe
from taskspec.engine.launches.prepare import NotLaunchable, reveal_for_sending
from taskspec.engine.launches.start import Interrupted
from taskspec.engine.launches.verdict import judge_response
from taskspec.engine.protocol.commands import MakeCall, PrepareCall
from taskspec.engine.protocol.effects import NO_EFFECTS, record, report, submit
from taskspec.engine.protocol.messages import Answered, CallMessage, CallPrepared
from taskspec.engine.protocol.run_facts import RunFacts
from taskspec.engine.protocol.states import (
    Attempt,
    Calling,
    CallQueued,
    Digesting,
    Dropped,
    EndedService,
    Failed,
    Kept,
    OnHold,
    Pending,
    Succeeded,
    TaskState,
)
from taskspec.engine.rules.launch_rules import Step
from taskspec.errors import LockHeld, NotSent, Refused, TaskspecError
from taskspec.plan.request import CallRequest, start_key
from taskspec.specfile.fields.kinds import Call, can_be_repeated
from taskspec.specfile.fields.platform_calls import PlatformCall
from taskspec.specfile.fields.retries_and_deadlines import FailureKind
from taskspec.state import event_bodies
from taskspec.state.model import Outcome
from taskspec.values import Json

CUT_OFF = "interrupted; the next apply makes the call again"


def begin_call(state: CallQueued, facts: RunFacts, now: float) -> Step:
    """Make a call that may begin, or keep it where its inputs turn out to be unchanged."""
    attempt = replace(state.attempt, began=now)
    if _call(facts).body.get("call") == PlatformCall.UPLOAD_FILES:
        prepare = PrepareCall(facts.instance, facts.planned)
        return Digesting(attempt, state.retry), submit(prepare)
    try:
        request = facts.setup.preparer.final_request(facts.instance, facts.planned)
        return _begin(replace(state, attempt=attempt), request, facts)
    except TaskspecError as error:
        return Failed(attempt, error_text(error), kind=FailureKind.INPUTS), NO_EFFECTS


def on_call(state: TaskState, message: CallMessage, facts: RunFacts, now: float) -> Step:
    """What a message means for a call. A message about an attempt that is over changes nothing."""
    match message:
        case CallPrepared():
            return _prepared(state, message, facts) if isinstance(state, Digesting) else (state, NO_EFFECTS)
        case Answered():
            return _answered(state, message, facts, now)
        case _:
            assert_never(message)


def poll_again(state: OnHold, facts: RunFacts) -> Step:
    """Look again whether a person has finished."""
    return Calling(state.attempt, state.order), submit(_made(state.attempt, state.order, facts))


def give_up_waiting(state: OnHold) -> Step:
    """A person has not finished: the task and those that need it wait for the next apply."""
    attempt = state.attempt
    event = event_bodies.ended(attempt.address, attempt.key, Outcome.PENDING, state.summary, {})
    return Pending(attempt, state.summary), record(event)


def abandon_call(attempt: Attempt) -> Step:
    """The run ends while the call is being made."""
    return EndedService(attempt, Outcome.PENDING, CUT_OFF), NO_EFFECTS


def _prepared(state: Digesting, message: CallPrepared, facts: RunFacts) -> Step:
    if facts.interrupt is not None:
        return Dropped(state.attempt, state.retry), NO_EFFECTS
    try:
        if message.request is None:
            raise message.error or NotLaunchable("the call could not be prepared")
        return _begin(state, message.request, facts)
    except TaskspecError as error:
        return Failed(state.attempt, error_text(error), kind=FailureKind.INPUTS), NO_EFFECTS


def _begin(state: CallQueued | Digesting, request: object, facts: RunFacts) -> Step:
    if not isinstance(request, CallRequest):
        raise AssertionError("only calls come here")
    planned, retry = facts.planned, state.retry
    order = _order(request, facts)
    previous = planned.previous
    if planned.only_if_changed and previous is not None and previous.fingerprint == request.fingerprint:
        return Kept(state.attempt), NO_EFFECTS
    fingerprint = request.fingerprint or ""
    number = 1 + (retry.attempt if retry else max(previous.attempt if previous else 0, planned.attempts))
    key = start_key(facts.setup.preparer.lineage, facts.address, fingerprint, number)
    attempt = replace(state.attempt, key=key, number=number, fingerprint=fingerprint)
    intent = event_bodies.intent(facts.address, key, number, fingerprint, request.inputs, watermark=0)
    began = CallBegan(facts.address, str(request.kind), describe(request.kind, request.inputs["body"]))
    effects = record(intent) + submit(_made(attempt, order, facts)) + report(began)
    return Calling(attempt, order), effects


def _order(request: CallRequest, facts: RunFacts) -> CallOrder:
    instance, call, evaluator = facts.instance, _call(facts), facts.setup.evaluator

    def why_not_met(response: Json) -> str:
        return evaluator.why_not_met(instance, call.poll.until, response) if call.poll is not None else ""

    body = reveal_for_sending(request.body) if request.has_secrets else request.body
    return CallOrder(facts.address, request.kind, body, call, request.workspace, why_not_met, request.folder)


def _made(attempt: Attempt, order: CallOrder, facts: RunFacts) -> MakeCall:
    observed = facts.planned.observed
    former = observed.task_id if observed is not None and not observed.is_terminal else None
    return MakeCall(order, attempt.key, former)


def _answered(state: TaskState, message: Answered, facts: RunFacts, now: float) -> Step:
    if not isinstance(state, Calling) or state.attempt.key != message.key:
        return state, NO_EFFECTS
    error = message.error
    if error is None:
        return _judged(state, message.response, facts)
    if isinstance(error, LockHeld):
        raise error
    if isinstance(error, Interrupted):
        return abandon_call(state.attempt)
    if isinstance(error, StillPending):
        return _hold(state, error, facts, now)
    return _failed(state, error, facts)


def _judged(state: Calling, response: Json, facts: RunFacts) -> Step:
    attempt = state.attempt
    verdict = judge_response(facts.setup.evaluator, facts.instance, response)
    event = event_bodies.ended(facts.address, attempt.key, verdict.outcome, verdict.summary, verdict.results)
    if verdict.outcome is not Outcome.SUCCEEDED:
        return Failed(attempt, verdict.summary, verdict.outcome, verdict.kind), record(event)
    return Succeeded(attempt, verdict.results), record(event)


def _hold(state: Calling, error: StillPending, facts: RunFacts, now: float) -> Step:
    call = state.order.call
    patient_until = state.attempt.began + (call.timeout or 0.0)
    held = OnHold(state.attempt, state.order, now + call.every, patient_until, error_text(error))
    return give_up_waiting(held) if facts.interrupt is not None else (held, NO_EFFECTS)


def _failed(state: Calling, error: Exception, facts: RunFacts) -> Step:
    """The call failed. Where it is unknown whether something was deleted, the intent stays for the user to judge."""
    failed = Failed(state.attempt, error_text(error), kind=_kind(error, facts))
    if failed.kind is FailureKind.UNKNOWN_START and facts.task.destructive:
        return failed, NO_EFFECTS
    return failed, record(event_bodies.ended(facts.address, state.attempt.key, Outcome.FAILED, failed.summary, {}))


def _kind(error: Exception, facts: RunFacts) -> FailureKind:
    if isinstance(error, CallFailed):
        return error.kind
    if isinstance(error, Refused):
        return FailureKind.REFUSED
    is_safe = isinstance(error, NotSent) or can_be_repeated(facts.task.kind, _call(facts))
    return FailureKind.ERROR if is_safe else FailureKind.UNKNOWN_START


def _call(facts: RunFacts) -> Call:
    if facts.task.call is None:
        raise AssertionError("only calls come here")
    return facts.task.call
