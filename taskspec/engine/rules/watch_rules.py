"""Rules for a launch that is polled: what is news, when it is lost, when it is past a deadline. Pure."""

from __future__ import annotations

from dataclasses import replace

from taskspec.api import TaskInfo
from taskspec.engine.events import StatusChanged
from taskspec.engine.launches.verdict import Verdict
from taskspec.engine.protocol.effects import NO_EFFECTS, Effects, report
from taskspec.engine.protocol.run_facts import RunFacts
from taskspec.engine.protocol.states import Attempt, Failed, WatchedLaunch
from taskspec.engine.server.observe import is_foreign
from taskspec.errors import ApiError, Unauthorized
from taskspec.specfile.fields.retries_and_deadlines import DEADLINE_OF, FailureKind, Stage, show
from taskspec.state.model import Outcome

MISSING_LIMIT = 3
"""Polls in a row that must not list a launch before it counts as lost."""
_STAGES = {"queued": Stage.QUEUED, "consumed": Stage.STARTING, "terminating": Stage.STOPPING}
"""Every other status that is not an end means that the launch runs."""
_SILENT = ("", "queued", "consumed", "terminating")
"""In these the app of a service does not answer."""


def update_status(launch: WatchedLaunch, info: TaskInfo, facts: RunFacts) -> tuple[WatchedLaunch, Effects]:
    """The launch as this poll shows it, and the report of a new status."""
    if launch.missing:
        launch = replace(launch, missing=0)
    if info.raw_status == launch.status:
        return launch, NO_EFFECTS
    changed = replace(launch, status=info.raw_status)
    return changed, report(StatusChanged(facts.address, info.id, info.raw_status))


def is_of_another(attempt: Attempt, info: TaskInfo, facts: RunFacts) -> bool:
    """Whether the server shows another launch under the number of this one."""
    return attempt.carries_key and is_foreign(info, attempt.key, shows_keys=facts.setup.server.is_local)


def mistaken(attempt: Attempt) -> Failed:
    """The number is not that of the launch, which runs under another one. So it has no end on record."""
    summary = (
        f"launch {attempt.task_id} carries the key of another start, so it is not the launch of this task; "
        "the next apply looks for the right one by its key"
    )
    return Failed(attempt, summary, kind=FailureKind.UNKNOWN_START)


def count_missed_poll(launch: WatchedLaunch) -> WatchedLaunch | Verdict:
    """One more poll did not list the launch; the verdict once that is too often."""
    missing = launch.missing + 1
    if missing < MISSING_LIMIT:
        return replace(launch, missing=missing)
    summary = f"vanished: the server does not know launch {launch.task_id} any more"
    return Verdict(Outcome.FAILED, summary, kind=FailureKind.VANISHED)


def in_stage(launch: WatchedLaunch, info: TaskInfo, now: float, *, is_rising: bool = False) -> WatchedLaunch:
    stage = _STAGES.get(info.raw_status, Stage.RUNNING)
    return launch.enter(Stage.STARTING if is_rising and stage is Stage.RUNNING else stage, now)


def deadline_verdict(launch: WatchedLaunch, info: TaskInfo, facts: RunFacts, now: float) -> Verdict | None:
    """The verdict on a launch that has been in one stage for too long."""
    limit = facts.task.deadlines.limit(launch.stage)
    if limit is None or now - launch.stage_since <= limit:
        return None
    summary = f"{launch.stage} for more than {show(limit)} (status {info.raw_status})"
    return Verdict(Outcome.FAILED, summary, kind=DEADLINE_OF[launch.stage])


def wait_for_results(launch: WatchedLaunch, facts: RunFacts, now: float) -> WatchedLaunch | None:
    """Apps set their output late: the launch with time for a missing result to arrive; None once that is over."""
    until = now + facts.pace.results_grace if launch.settling_until is None else launch.settling_until
    return replace(launch, settling_until=until) if now < until else None


def tolerate_failed_poll(launch: WatchedLaunch, error: Exception, facts: RunFacts, now: float) -> WatchedLaunch:
    """A look-up failed: the next poll tries again, for as long as the run has patience. Raises the error after that."""
    since = now if launch.fails_since is None else launch.fails_since
    is_passing = isinstance(error, ApiError) and not isinstance(error, Unauthorized)
    if not is_passing or now - since > facts.pace.server_patience:
        raise error
    return replace(launch, is_asking=False, fails_since=since)


def may_answer(launch: WatchedLaunch) -> bool:
    """Whether the app of a service may be asked if it is up."""
    return launch.status not in _SILENT
