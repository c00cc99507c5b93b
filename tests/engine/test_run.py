"""Runs carried out from memory: every kind of task, every end, every interrupt. No server and no process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from taskspec.engine.executors.call_protocol import CallFailed, StillPending
from taskspec.engine.interrupt import OnInterrupt
from taskspec.errors import NotSent, OutcomeUnknown, Refused
from taskspec.operations.project import Project, Request, open_project
from taskspec.state.model import EventKind

from .replay import Fate, Memory, Moment, Replayed, World, replay, running

Open = Callable[[str], Project]
REFUSED = Refused("no such module", status=404)
NOT_SENT = NotSent("no connection")
LOST = OutcomeUnknown("the answer was lost")
ERROR_OUTPUT = {"general": {"isError": True, "title": "no images"}}


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Write a spec and open it."""

    def open_spec(text: str) -> Project:
        path = tmp_path / "spec.yaml"
        path.write_text("taskspec: 1\nname: tests\n" + dedent(text), encoding="utf-8")
        return open_project(Request(path, "spec.yaml", {}))

    return open_spec


JOB = "tasks: {only: {module: owner/app, version: v1}}"
PROMISES = """
tasks:
  only:
    module: owner/app
    version: v1
    results: {score: "{{ launch.output.score }}"}
    checks: [{assert: "{{ results.score > 0.5 }}", message: too low}]
"""
DEADLINES = "tasks: {only: {module: owner/app, version: v1, deadlines: {queued: 1s, running: 1s}}}"
RETRY = "tasks: {only: {module: owner/app, version: v1, retry: {attempts: 2, backoff: 0s, on: [error, refused]}}}"
RESTART = "tasks: {only: {module: owner/app, version: v1, retry: {attempts: 2, backoff: 0s, how: restart}}}"
SERVICE = """
tasks:
  serve: {module: owner/service, version: v1, kind: service}
  only: {module: owner/app, version: v1, params: {session: "{{ tasks.serve }}"}}
"""
CALL = "tasks: {only: {kind: request, service: 17, method: train}}"
CALL_RESULT = """
tasks:
  only: {kind: request, service: 17, method: train, results: {loss: "{{ response.loss }}"}}
"""
WAIT = "tasks: {only: {kind: wait, wait: {labeling_job: 3}, every: 5s, timeout: 1m}}"


@dataclass(frozen=True, slots=True)
class Row:
    """One way for the task `only` to end: what the report says of it, and what is on record."""

    spec: str
    fate: Fate
    outcome: str
    summary: str
    kinds: str
    starts: int = 1
    serve: Fate = field(default_factory=lambda: Fate(ends=("runs",)))


ENDS: Mapping[str, Row] = {
    "job finished": Row(JOB, Fate(), "succeeded", "", "intent started ended"),
    "job failed": Row(JOB, Fate(ends=("error",)), "failed", "ended with status error", "intent started ended"),
    "job stopped": Row(JOB, Fate(ends=("stopped",)), "stopped", "stopped on the server", "intent started ended"),
    "job vanished": Row(JOB, Fate(ends=("vanishes",)), "failed", "does not know launch 101", "intent started ended"),
    "job gave an error": Row(
        JOB, Fate(outputs=(ERROR_OUTPUT,)), "failed", "its output is an error: no images", "intent started ended"
    ),
    "job refused": Row(JOB, Fate(starts=(REFUSED,)), "failed", "no such module", "intent refused", 0),
    "job not sent": Row(JOB, Fate(starts=(NOT_SENT,)), "failed", "no connection", "intent refused", 0),
    "job lost": Row(JOB, Fate(starts=(LOST,)), "failed", "the answer was lost", "intent", 0),
    "job kept its promise": Row(PROMISES, Fate(outputs=({"score": 0.9},)), "succeeded", "", "intent started ended"),
    "job broke its promise": Row(
        PROMISES, Fate(outputs=({"score": 0.1},)), "failed", "too low", "intent started ended"
    ),
    "job owes a result": Row(PROMISES, Fate(), "failed", 'result "score"', "intent started ended"),
    "job queued for too long": Row(
        DEADLINES, Fate(ends=("queued",), seconds=9.0), "failed", "queued for more than 1s", "intent started ended"
    ),
    "job ran for too long": Row(
        DEADLINES, Fate(ends=("runs",)), "failed", "running for more than 1s", "intent started ended"
    ),
    "job retried": Row(
        RETRY, Fate(ends=("error", "finished")), "succeeded", "", "intent started ended intent started ended", 2
    ),
    "job refused, then retried": Row(
        RETRY, Fate(starts=(REFUSED, None)), "succeeded", "", "intent refused intent started ended"
    ),
    "job retried in vain": Row(
        RETRY, Fate(ends=("error",)), "failed", "status error", "intent started ended intent started ended", 2
    ),
    "job restarted": Row(
        RESTART, Fate(ends=("error", "finished")), "succeeded", "", "intent started ended started ended"
    ),
    "job that cannot be restarted": Row(
        RESTART,
        Fate(ends=("error", "finished"), restarts=REFUSED),
        "succeeded",
        "",
        "intent started ended intent started ended",
        2,
    ),
    "user of a service": Row(SERVICE, Fate(), "succeeded", "", "intent started ended", 2),
    "user of a service that failed": Row(
        SERVICE, Fate(), "skipped", 'needs "serve", which failed', "", 1, Fate(ends=("error",), is_ready=False)
    ),
    "user of a service that was refused": Row(
        SERVICE, Fate(), "skipped", 'needs "serve", which failed', "", 0, Fate(starts=(REFUSED,))
    ),
    "call answered": Row(CALL, Fate(), "succeeded", "", "intent ended", 0),
    "call with a result": Row(CALL_RESULT, Fate(answers=({"loss": 1},)), "succeeded", "", "intent ended", 0),
    "call that owes a result": Row(CALL_RESULT, Fate(), "failed", 'result "loss"', "intent ended", 0),
    "call refused": Row(CALL, Fate(answers=(REFUSED,)), "failed", "no such module", "intent ended", 0),
    "call failed": Row(CALL, Fate(answers=(CallFailed("no GPU"),)), "failed", "no GPU", "intent ended", 0),
    "call lost": Row(CALL, Fate(answers=(LOST,)), "failed", "the answer was lost", "intent ended", 0),
    "wait over": Row(WAIT, Fate(answers=({"status": "completed"},)), "succeeded", "", "intent ended", 0),
    "wait for a person": Row(
        WAIT, Fate(answers=(StillPending("3 of 9 images"),)), "pending", "3 of 9 images", "intent ended", 0
    ),
    "wait for a person who finishes": Row(
        WAIT, Fate(answers=(StillPending("3 of 9 images"), {})), "succeeded", "", "intent ended", 0
    ),
}


def played(opened: Open, row: Row, **how: Any) -> Replayed:
    return replay(opened(row.spec), {"only": row.fate, "serve": row.serve}, **how)


@pytest.mark.parametrize("row", ENDS.values(), ids=ENDS)
def test_a_task_ends_as_its_launch_or_call_does(opened: Open, row: Row) -> None:
    done = played(opened, row)
    assert done.outcomes["only"] == row.outcome
    assert row.summary in done.summary("only")
    assert " ".join(done.kinds("only")) == row.kinds
    assert len(done.world.starts) == row.starts


@pytest.mark.parametrize("row", ENDS.values(), ids=ENDS)
def test_the_same_history_gives_the_same_run(opened: Open, row: Row) -> None:
    assert played(opened, row).events == played(opened, row).events


@pytest.mark.parametrize("row", ENDS.values(), ids=ENDS)
def test_a_second_apply_starts_nothing_that_runs_or_is_done(opened: Open, row: Row) -> None:
    memory, project = Memory(), opened(row.spec)
    first = replay(project, {"only": row.fate, "serve": row.serve}, memory=memory)
    second = replay(project, {}, memory=memory, observed=running(first))
    if row.outcome == "succeeded":
        assert second.outcomes["only"] == "kept"
        assert second.world.starts == []
    else:
        assert second.outcomes["only"] in ("succeeded", "failed")
    assert not {*first.world.starts} & {*second.world.starts}, "a start key is used once"


def _after(count: int) -> Moment:
    return lambda commands, _: len(commands) >= count


@pytest.mark.parametrize("mode", OnInterrupt)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("row", ENDS.values(), ids=ENDS)
def test_an_interrupt_sends_no_further_start_and_loses_nothing(
    opened: Open, row: Row, count: int, mode: OnInterrupt
) -> None:
    """Whenever it comes, every launch is on record, and the next apply does not start it again."""
    memory, project = Memory(), opened(row.spec)
    fates = {"only": row.fate, "serve": row.serve}
    first = replay(project, fates, memory=memory, interrupt=_after(count), mode=mode)
    assert first.late_starts == 0
    started = [event.key for event in first.events if event.kind is EventKind.STARTED]
    assert {*started} >= {*first.world.starts} or mode is OnInterrupt.DETACH
    if mode is OnInterrupt.STOP:
        assert [launch.address for launch in first.world.launches.values() if _runs(launch.status(9e9))] == []
    there = World({"serve": Fate(ends=("runs",))}, first.world.launches)
    second = replay(project, world=there, memory=memory, observed=running(first))
    assert not {*started} & {*second.world.starts}
    assert second.outcomes["only"] in ("succeeded", "kept", "failed", "stopped")


def _runs(status: str | None) -> bool:
    return status in ("queued", "started")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5, 1.5, 3.0])
@pytest.mark.parametrize("row", ENDS.values(), ids=ENDS)
def test_a_run_ends_at_its_deadline(opened: Open, row: Row, seconds: float) -> None:
    done = played(opened, row, deadline=seconds)
    assert done.seconds <= seconds + 2.0
    assert len({*done.outcomes}) == len(done.report.tasks)


def test_a_poll_is_not_held_against_a_launch_that_it_did_not_ask_for(opened: Open) -> None:
    spec = "\n".join(["tasks:", *(f"  t{n}: {{module: owner/app, version: v1}}" for n in range(5))])
    done = replay(opened(spec), {"t3": Fate(seconds=4.0)}, parallelism=2)
    assert set(done.outcomes.values()) == {"succeeded"}


def test_a_world_without_a_single_answer_is_left_at_once(opened: Open) -> None:
    done = replay(opened(JOB), world=World({}), interrupt=_after(1))
    assert done.outcomes == {"only": "pending"}
    assert done.events[-1].kind is EventKind.RUN_ENDED
