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
from taskspec.engine.protocol.commands import (
    FetchFacts,
    FindReusable,
    MakeCall,
    PrepareCall,
    RegisterFolders,
    StartLaunch,
    StopLaunches,
)
from taskspec.engine.protocol.states import StopPurpose
from taskspec.errors import NotSent, OutcomeUnknown, Refused
from taskspec.operations.project import Project, Request, open_project
from taskspec.plan.plan_inputs import Selection
from taskspec.state.model import EventKind

from .replay import Fate, Launched, Memory, Moment, Replayed, World, after, replay, running

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
TWO = """
tasks:
  first: {module: owner/app, version: v1}
  second: {module: owner/app, version: v1}
"""
TWO_CALLS = """
tasks:
  first: {kind: request, service: 17, method: train}
  second: {kind: request, service: 17, method: test}
"""
FAN_OUT = """
tasks:
  items: {module: owner/app, version: v1, results: {names: "{{ launch.output.names }}"}}
  train:
    module: owner/app
    version: v1
    for_each: "{{ tasks.items.results.names }}"
    params: {name: "{{ each.value }}"}
  sum: {module: owner/app, version: v1, depends_on: train}
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
    "job under the number of another launch": Row(
        JOB, Fate(shown_key="0" * 20), "failed", "launch 101 carries the key of another start", "intent started"
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


@pytest.mark.parametrize("is_ready", [False, True])
def test_a_service_under_the_number_of_another_launch_fails_and_nothing_is_stopped(
    opened: Open, is_ready: bool
) -> None:
    foreign = Fate(ends=("runs",), shown_key="0" * 20, is_ready=is_ready)
    done = replay(opened(SERVICE), {"serve": foreign})
    assert (done.outcomes["serve"], done.world.stops) == ("failed", [])
    assert EventKind.ENDED not in [event.kind for event in done.events if event.address == "serve"]


def test_a_launch_under_the_number_of_another_is_not_tried_again(opened: Open) -> None:
    """Its own launch runs under another number, so another try would be a second one."""
    spec = RETRY.replace("on: [error, refused]", "on: [error, stopped, vanished, refused]")
    assert spec != RETRY
    done = replay(opened(spec), {"only": Fate(shown_key="0" * 20)})
    assert (done.outcomes, len(done.world.starts)) == ({"only": "failed"}, 1)


@pytest.mark.parametrize("mode", OnInterrupt)
def test_an_interrupt_leaves_a_launch_of_another_start_alone(opened: Open, mode: OnInterrupt) -> None:
    done = replay(opened(JOB), {"only": Fate(ends=("runs",), shown_key="0" * 20)}, interrupt=_after(3), mode=mode)
    assert done.kinds("only") == ["intent", "started"]


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


def test_an_interrupt_with_stop_stops_what_runs(opened: Open) -> None:
    runs = {"only": Fate(ends=("runs",))}
    done = replay(opened(JOB), runs, interrupt=_after(4), mode=OnInterrupt.STOP)
    assert (done.outcomes, done.world.stops) == ({"only": "stopped"}, [101])
    assert done.kinds("only") == ["intent", "started", "ended"]


def test_an_interrupt_with_wait_waits_for_what_runs(opened: Open) -> None:
    done = replay(opened(JOB), {"only": Fate(seconds=50.0)}, interrupt=_after(4), mode=OnInterrupt.WAIT)
    assert (done.outcomes, done.world.stops) == ({"only": "succeeded"}, [])
    assert done.seconds >= 50.0


def test_an_interrupt_with_detach_leaves_what_runs_at_once(opened: Open) -> None:
    done = replay(opened(JOB), {"only": Fate(seconds=50.0)}, interrupt=_after(4))
    assert (done.outcomes, done.world.stops) == ({"only": "running"}, [])
    assert done.summary("only") == "still running; the next apply attaches to it"
    assert done.seconds < 2.0


def test_facts_from_the_server_come_before_the_first_start(opened: Open) -> None:
    done = replay(opened(TWO), knows_server=False)
    assert [type(command) for command in done.commands[1:4]] == [FetchFacts, StartLaunch, StartLaunch]
    assert done.outcomes == {"first": "succeeded", "second": "succeeded"}


@pytest.mark.parametrize("mode", OnInterrupt)
def test_a_launch_that_waits_for_facts_is_left_to_the_next_apply(opened: Open, mode: OnInterrupt) -> None:
    done = replay(opened(TWO), knows_server=False, interrupt=after(FetchFacts), mode=mode)
    assert (done.outcomes, done.world.starts) == ({"first": "pending", "second": "pending"}, [])
    assert done.kinds("first") == []


@pytest.mark.parametrize("mode", OnInterrupt)
def test_a_call_that_waits_for_others_is_not_made_after_an_interrupt(opened: Open, mode: OnInterrupt) -> None:
    done = replay(opened(TWO_CALLS), interrupt=after(MakeCall), mode=mode, parallelism=1)
    assert done.world.calls == ["first"]
    assert done.outcomes["second"] == "pending"


FAILING = {"first": Fate(ends=("error",), answers=(REFUSED,), seconds=0.02)}


def test_a_failure_that_ends_the_run_takes_back_a_call_that_waits(opened: Open) -> None:
    done = replay(opened(TWO_CALLS), FAILING, parallelism=1, fail_fast=True)
    assert (done.world.calls, done.outcomes) == (["first"], {"first": "failed", "second": "skipped"})


def test_a_failure_that_ends_the_run_gives_up_tries_to_come(opened: Open) -> None:
    spec = TWO.replace("second: {", "second: {retry: {attempts: 2, backoff: 9s}, ")
    fates = {"first": Fate(ends=("error",), seconds=3.0), "second": Fate(ends=("error", "finished"))}
    done = replay(opened(spec), fates, fail_fast=True)
    assert done.outcomes == {"first": "failed", "second": "failed"}
    assert "not tried again" in done.summary("second")
    assert len(done.world.starts) == 2


def test_a_service_is_stopped_after_its_last_user_and_not_before(opened: Open) -> None:
    done = replay(opened(SERVICE), {"serve": Fate(ends=("runs",)), "only": Fate(seconds=7.0)})
    assert done.outcomes == {"serve": "succeeded", "only": "succeeded"}
    assert done.kinds("serve") == ["intent", "started", "ready", "ended"]
    stopped = done.world.launches[101].stopped_at
    assert stopped is not None
    assert stopped >= done.world.launches[102].ends_at


def test_a_service_that_dies_takes_later_users_with_it_and_leaves_those_that_run(opened: Open) -> None:
    later = SERVICE + "  later: {module: owner/app, version: v1, depends_on: [serve, only]}\n"
    fates = {"serve": Fate(ends=("error",), seconds=2.0), "only": Fate(seconds=5.0)}
    done = replay(opened(later), fates)
    assert done.outcomes == {"serve": "failed", "only": "succeeded", "later": "skipped"}
    assert done.summary("later") == 'needs "serve", which died'


def test_a_service_of_another_user_is_reused_and_never_stopped(opened: Open) -> None:
    reuse = SERVICE.replace("kind: service", "kind: service, reuse: true, deadlines: {running: 1s}")
    world = World({"serve": Fate(reusable=77), "only": Fate(seconds=3.0)})
    world.launches[77] = Launched("serve", "runs", {}, 9e9, 0.0, key="")
    done = replay(opened(reuse), world=world)
    assert done.outcomes["serve"] in ("succeeded", "failed")
    assert done.world.stops == []
    assert done.kinds("serve")[:2] == ["intent", "started"]


def test_items_that_become_known_are_planned_in_the_same_run(opened: Open) -> None:
    done = replay(opened(FAN_OUT), {"items": Fate(outputs=({"names": ["a", "b"]},))})
    assert done.outcomes == {"items": "succeeded", "train[a]": "succeeded", "train[b]": "succeeded", "sum": "succeeded"}
    assert "2 instances: a, b" in done.notices()
    assert len({*done.world.starts}) == 4


def test_instances_are_planned_while_other_launches_are_on_their_way(opened: Open) -> None:
    """No launch is lost or started twice when the plan changes between its start and the server's answer."""
    many = FAN_OUT + "\n".join(f"  t{n}: {{module: owner/app, version: v1}}" for n in range(20))
    fates = {
        "items": Fate(outputs=({"names": ["a", "b"]},), seconds=0.05),
        **{f"t{n}": Fate(seconds=n / 9) for n in range(20)},
    }
    done = replay(opened(many), fates, parallelism=3)
    assert set(done.outcomes.values()) == {"succeeded"}
    assert len(done.world.starts) == len({*done.world.starts}) == 24


def test_a_launch_that_fails_while_a_plan_is_made_is_not_started_again(opened: Open) -> None:
    """Its log is still being read when the run goes on with the new plan."""
    fates = {"items": Fate(outputs=({"names": ["a"]},)), "bad": Fate(ends=("error",))}
    done = replay(opened(FAN_OUT + "  bad: {module: owner/app, version: v1}\n"), fates)
    assert (done.outcomes["bad"], done.outcomes["sum"]) == ("failed", "succeeded")
    assert done.kinds("bad") == ["intent", "started", "ended"]


BAD = "  bad: {module: owner/app, version: v1}\n"
REFUSES = {"bad": Fate(starts=(REFUSED,))}


def test_a_failure_that_ends_the_run_takes_back_a_start_that_waits_for_the_launch_it_replaces(opened: Open) -> None:
    memory, job = Memory(), "  only: {module: owner/app, version: v1}\n"
    runs = {"only": Fate(ends=("runs",))}
    before = replay(opened(f"tasks:\n{job}"), runs, memory=memory, interrupt=_after(4))
    now = replay(
        opened(f"tasks:\n{BAD}{job}"),
        world=World(REFUSES, before.world.launches),
        memory=memory,
        observed=running(before),
        selection=Selection(reruns=("only",)),
        fail_fast=True,
    )
    assert StopPurpose.REPLACED in {one.purpose for one in now.commands if isinstance(one, StopLaunches)}
    assert (now.outcomes, now.world.starts) == ({"bad": "failed", "only": "skipped"}, [])


def test_a_failure_that_ends_the_run_takes_back_a_start_that_waits_for_a_service_to_reuse(opened: Open) -> None:
    spec = SERVICE.replace("kind: service", "kind: service, reuse: true").replace("tasks:\n", f"tasks:\n{BAD}")
    done = replay(opened(spec), REFUSES, fail_fast=True)
    assert any(isinstance(command, FindReusable) for command in done.commands)
    assert (done.outcomes["serve"], done.world.starts) == ("skipped", [])


def test_a_passing_error_while_the_results_of_a_service_are_looked_up_is_waited_out(opened: Open) -> None:
    result = 'kind: service, results: {state: "{{ launch.fields.state }}"}'
    fates = {"serve": Fate(ends=("runs",), lookups=(LOST, None)), "only": Fate()}
    done = replay(opened(SERVICE.replace("kind: service", result)), fates)
    assert done.outcomes == {"serve": "succeeded", "only": "succeeded"}


def test_a_call_that_uploads_has_its_files_read_by_a_worker(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    spec = "tasks: {only: {kind: api, call: upload_files, with: {from: data, to: /there}}}"
    done = replay(opened(spec))
    assert [type(command) for command in done.commands] == [RegisterFolders, PrepareCall, MakeCall]
    assert done.outcomes == {"only": "succeeded"}
