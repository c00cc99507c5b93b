"""Exactly once, whatever the network does to a start: the fault server counts starts per key, and each ends at one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from taskspec.api import Api, StartRequest, Timeouts
from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, LaunchStarted
from taskspec.engine.launches.prepare import describe
from taskspec.engine.launches.start import Interrupted, StartDone, Starter, StartOrder
from taskspec.errors import ApiError, LockHeld, NotSent, OutcomeUnknown, Refused, Unauthorized
from taskspec.state.lease import this_owner
from taskspec.state.model import EventKind, Phase
from taskspec.state.store import open_store

from . import faultserver as fault
from .faultserver import FaultServer
from .spec_project import Dead, SpecProject, until

ONE = "tasks: {only: {module: owner/app, version: v1}}"
KEY = "0123456789abcdef0123"


class Virtual:
    """A clock that only moves when a caller sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def virtual() -> Virtual:
    return Virtual()


def starter(address: str, virtual: Virtual, pause: Callable[[float], None] | None = None) -> Starter:
    api = Api(address, "a-token-of-the-tests", timeouts=Timeouts(start=0.5), retries=0)
    return Starter(api, virtual, pause or virtual.pause, agree, settle=60.0)


def agree() -> None:
    """The lease is still ours."""


def order(**changes: object) -> StartOrder:
    request = StartRequest(agent_id=None, module_id=7, workspace_id=1, description=describe("words", KEY))
    return replace(StartOrder("only", KEY, request, workspace=1, watermark=0), **changes)  # type: ignore[arg-type]  # one field


FAULTS = [
    fault.ACCEPT_THEN_DROP,
    fault.DROP,
    fault.BAD_GATEWAY_BEFORE,
    fault.BAD_GATEWAY_AFTER,
    fault.HANG_AFTER,
    fault.HANG_BEFORE,
    fault.TRUNCATED,
    fault.NOT_JSON,
    fault.EMPTY_LIST,
    fault.TOO_MANY,
]


@pytest.mark.parametrize(("asked", "waited"), [(0, 0.5), (20, 20.0), (3600, 60.0)])
def test_a_start_that_is_refused_for_now_waits_as_long_as_the_server_asks(
    faults: FaultServer, virtual: Virtual, asked: int, waited: float
) -> None:
    faults.retry_after = asked
    faults.script("tasks.run.app", fault.TOO_MANY)
    with starter(faults.address, virtual).api as api:
        Starter(api, virtual, virtual.pause, agree, settle=60.0).start(order())
    assert virtual.pauses == [waited]
    assert faults.starts() == {KEY: 1}


@pytest.mark.parametrize("times", [1, 2, 4])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_start_arrives_once_through_each_fault(faults: FaultServer, virtual: Virtual, kind: str, times: int) -> None:
    if kind in (fault.HANG_AFTER, fault.HANG_BEFORE) and times > 1:
        times = 1  # each costs a whole deadline, and the way on is the same
    faults.script("tasks.run.app", *[kind] * times)
    with starter(faults.address, virtual).api as api:
        done = Starter(api, virtual, virtual.pause, agree, settle=60.0).start(order())
    assert faults.starts() == {KEY: 1}
    assert done.task_id == 1001


ARRIVED = [fault.ACCEPT_THEN_DROP, fault.BAD_GATEWAY_AFTER, fault.TRUNCATED, fault.NOT_JSON, fault.EMPTY_LIST]


@pytest.mark.parametrize("kind", ARRIVED)
def test_a_start_whose_answer_was_lost_is_found_and_adopted(faults: FaultServer, virtual: Virtual, kind: str) -> None:
    faults.script("tasks.run.app", kind)
    with starter(faults.address, virtual).api as api:
        assert Starter(api, virtual, virtual.pause, agree).start(order()) == StartDone(1001, adopted=True)
    assert faults.calls["tasks.run.app"] == 1


@pytest.mark.parametrize("kind", [fault.DROP, fault.BAD_GATEWAY_BEFORE])
def test_nothing_is_sent_again_before_the_settle_window_is_over(
    faults: FaultServer, virtual: Virtual, kind: str
) -> None:
    faults.script("tasks.run.app", kind)
    with starter(faults.address, virtual).api as api:
        done = Starter(api, virtual, virtual.pause, agree, settle=60.0).start(order())
    assert done == StartDone(1001, adopted=False, resent=True)
    assert sum(virtual.pauses) == pytest.approx(60, abs=0.2)


def test_a_start_that_is_listed_late_is_waited_for(faults: FaultServer, virtual: Virtual) -> None:
    """The server carries out the start after its answer was lost, within the window."""
    faults.script("tasks.run.app", fault.DROP)
    sent = order()

    def pause(seconds: float) -> None:
        virtual.pause(seconds)
        if virtual.now > 1030 and not faults.launches:
            faults.answer("tasks.run.app", sent.request.to_wire())

    with starter(faults.address, virtual).api as api:
        assert Starter(api, virtual, pause, agree, settle=60.0).start(sent) == StartDone(1001, adopted=True)
    assert faults.starts() == {KEY: 1}


def test_a_start_delivered_twice_keeps_the_older_launch_and_stops_the_other(
    faults: FaultServer, virtual: Virtual
) -> None:
    faults.status_of_new = "started"
    faults.script("tasks.run.app", fault.DELIVERED_TWICE)
    sent = order(unresolved_for=3.0)
    faults.answer("tasks.run.app", sent.request.to_wire())
    faults.answer("tasks.run.app", sent.request.to_wire())
    with starter(faults.address, virtual).api as api:
        assert Starter(api, virtual, virtual.pause, agree).start(sent) == StartDone(
            1001, adopted=True, duplicates=(1002,)
        )
    assert faults.stopped == [1002]


def test_a_look_that_was_not_answered_does_not_count(faults: FaultServer, virtual: Virtual) -> None:
    faults.script("tasks.run.app", fault.ACCEPT_THEN_DROP)
    faults.script("tasks.list", *[fault.BAD_GATEWAY_BEFORE] * 8, fault.DROP, fault.TRUNCATED)
    with starter(faults.address, virtual).api as api:
        assert Starter(api, virtual, virtual.pause, agree).start(order()).adopted
    assert faults.starts() == {KEY: 1}


def test_when_no_answer_can_be_had_the_start_is_given_up_and_never_sent_again(
    faults: FaultServer, virtual: Virtual
) -> None:
    faults.script("tasks.run.app", fault.ACCEPT_THEN_DROP)
    faults.script("tasks.list", *[fault.BAD_GATEWAY_BEFORE] * 1000)
    with starter(faults.address, virtual).api as api, pytest.raises(OutcomeUnknown) as unknown:
        Starter(api, virtual, virtual.pause, agree).start(order())
    assert unknown.value.remedy
    assert faults.calls["tasks.run.app"] == 1


@pytest.mark.parametrize(("kind", "error"), [(fault.REFUSED, Refused), (fault.FORBIDDEN, Unauthorized)])
def test_a_clear_no_is_final(faults: FaultServer, virtual: Virtual, kind: str, error: type[ApiError]) -> None:
    faults.script("tasks.run.app", kind)
    with starter(faults.address, virtual).api as api, pytest.raises(error):
        Starter(api, virtual, virtual.pause, agree).start(order())
    assert (faults.calls["tasks.run.app"], faults.calls["tasks.list"]) == (1, 0)


def test_a_start_that_never_left_is_tried_again_without_a_window(virtual: Virtual) -> None:
    with FaultServer() as server:
        address = server.address
    with starter(address, virtual).api as api, pytest.raises(NotSent):
        Starter(api, virtual, virtual.pause, agree).start(order())
    assert sum(virtual.pauses) < 60


def test_an_end_of_the_run_ends_the_waiting(faults: FaultServer, virtual: Virtual) -> None:
    def pause(seconds: float) -> None:
        raise Interrupted

    faults.script("tasks.run.app", fault.DROP)
    with starter(faults.address, virtual).api as api, pytest.raises(Interrupted):
        Starter(api, virtual, pause, agree).start(order())
    assert faults.calls["tasks.run.app"] == 1


@pytest.mark.parametrize("age", [0.0, 20.0, 59.0])
def test_an_intent_of_an_earlier_run_waits_for_the_rest_of_its_window(
    faults: FaultServer, virtual: Virtual, age: float
) -> None:
    with starter(faults.address, virtual).api as api:
        Starter(api, virtual, virtual.pause, agree, settle=60.0).start(order(unresolved_for=age))
    assert sum(virtual.pauses) == pytest.approx(60 - age, abs=0.2)
    assert faults.starts() == {KEY: 1}


@pytest.mark.parametrize(
    ("text", "length"),
    [("", 25), ("short", 31), ("x" * 229, 255), ("x" * 230, 255), ("ä" * 5000, 255)],
)
def test_a_description_keeps_the_key_whole_within_the_limit(text: str, length: int) -> None:
    described = describe(text, KEY)
    assert described.endswith(f"[ts:{KEY}]")
    assert len(described) == length


def test_an_apply_through_lost_answers_starts_each_task_once(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec("tasks: {cell: {module: owner/app, version: v1, for_each: [a, b, c, d, e]}}")
    faults.script("tasks.run.app", fault.ACCEPT_THEN_DROP, None, fault.BAD_GATEWAY_AFTER, fault.DROP, fault.TRUNCATED)
    applied = remote.apply()
    assert set(applied.outcomes.values()) == {"succeeded"}
    assert sorted(faults.starts().values()) == [1] * 5
    assert remote.apply().log.started() == []


def test_reads_that_fail_for_a_while_are_waited_out(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec(ONE)
    faults.status_of_new = "started"

    def trouble(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted):
            faults.script("tasks.list", fault.NOT_JSON, fault.TRUNCATED, fault.EMPTY_LIST, fault.NOT_JSON)
            faults.finish_all()

    assert remote.apply(trouble).outcomes == {"only": "succeeded"}


def test_a_launch_the_server_has_lost_fails_and_is_started_again_by_the_next_apply(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(ONE)
    faults.status_of_new = "started"

    def lose_it(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted):
            faults.launches.clear()

    applied = remote.apply(lose_it)
    assert applied.outcomes == {"only": "failed"}
    assert "vanished" in applied.ended("only").summary
    faults.status_of_new = "finished"
    assert remote.apply().outcomes == {"only": "succeeded"}


def test_a_permission_lost_on_the_way_ends_the_run_and_the_next_one_attaches(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(ONE)
    faults.status_of_new = "started"

    def lock_out(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted):
            faults.script("tasks.list", *[fault.FORBIDDEN] * 5)

    with pytest.raises(Unauthorized):
        remote.apply(lock_out)
    faults.finish_all()
    faults.script_clear("tasks.list")
    second = remote.apply()
    assert second.outcomes == {"only": "succeeded"}
    assert list(faults.starts().values()) == [1]


def test_an_apply_that_dies_with_the_answer_in_its_hands_attaches_when_it_is_repeated(
    remote: SpecProject, faults: FaultServer
) -> None:
    """The server has the launch, the journal only has the intent."""
    remote.spec(ONE)
    faults.status_of_new = "started"

    with pytest.raises(Dead):
        remote.apply(dies_before=EventKind.STARTED)
    assert (remote.kinds("only"), remote.record("only").phase) == (["intent"], Phase.INTENDED)
    faults.finish_all()
    second = remote.apply()
    assert second.outcomes == {"only": "succeeded"}
    assert (second.log.started(), second.log.attached()) == ([], ["only"])
    assert list(faults.starts().values()) == [1]


def test_an_apply_that_dies_with_two_launches_of_one_key_on_the_server_ends_with_one_running(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(ONE)
    faults.status_of_new = "started"
    faults.script("tasks.run.app", fault.DELIVERED_TWICE)

    with pytest.raises(Dead):
        remote.apply(dies_before=EventKind.STARTED)

    faults.launches[1001]["status"] = "finished"
    second = remote.apply()
    assert second.outcomes == {"only": "succeeded"}
    assert (remote.record("only").task_id, faults.stopped) == (1001, [1002])
    assert any("started more than once" in notice and "1002" in notice for notice in second.log.notices())


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.engine.suites.spec_project import SpecProject

with SpecProject.on_a_server(Path(sys.argv[1]), sys.argv[2]) as project:
    project.apply()
"""


def other_process(project: SpecProject, faults: FaultServer) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[3]
    arguments = [sys.executable, "-c", PROGRAM, str(project.folder), faults.address, str(root)]
    return subprocess.Popen(arguments, stderr=subprocess.DEVNULL, cwd=root)


@pytest.mark.parametrize("kind", [fault.HANG_AFTER, fault.HANG_BEFORE])
def test_an_apply_killed_between_intent_and_answer_starts_once_when_it_is_repeated(
    remote: SpecProject, faults: FaultServer, kind: str
) -> None:
    remote.spec(ONE)
    faults.script("tasks.run.app", kind)
    process = other_process(remote, faults)
    try:
        until(lambda: faults.calls["tasks.run.app"] == 1, "the start")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert remote.kinds("only") == ["intent"], "nothing is sent before its intent is durable"
    faults.release.set()
    second = remote.apply()
    assert second.outcomes == {"only": "succeeded"}
    assert list(faults.starts().values()) == [1]


def test_a_start_of_a_dead_apply_that_arrives_during_the_next_one_is_waited_for(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(ONE)
    faults.script("tasks.run.app", fault.DELIVERED_LATE)
    process = other_process(remote, faults)
    try:
        until(lambda: faults.calls["tasks.run.app"] == 1, "the start")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    def arrive() -> None:
        assert not faults.launches, "the plan has seen no launch"
        faults.release.set()
        until(lambda: faults.launches, "the arrival")

    second = remote.apply(between=arrive, settle=30.0)
    assert second.plan.tasks[0].reason == "not_arrived"
    assert second.outcomes == {"only": "succeeded"}
    assert (list(faults.starts().values()), faults.calls["tasks.run.app"]) == ([1], 1)


def test_the_intent_is_durable_before_the_start_is_sent(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec("tasks: {cell: {module: owner/app, version: v1, for_each: [a, b, c]}}")
    seen: list[bool] = []

    def look() -> None:
        intended = {row.event.key for row in remote.journal() if row.event.kind == "intent"}
        seen.append(set(faults.starts()) <= intended)

    faults.on_start = look
    remote.apply()
    assert seen == [True, True, True]


def test_an_interrupted_apply_does_not_wait_for_a_start_that_hangs(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec(ONE)
    faults.script("tasks.run.app", fault.HANG_AFTER)

    def run_began(run: Apply, event: EngineEvent) -> None:
        def interrupt_during_the_start() -> None:
            until(lambda: faults.calls["tasks.run.app"] == 1, "the start")
            run.interrupt()

        thread = threading.Thread(target=interrupt_during_the_start)
        if not threads:
            threads.append(thread)
            thread.start()

    threads: list[threading.Thread] = []
    applied = remote.apply(run_began, detach_within=0.2)
    threads[0].join()
    assert applied.report.detached, "the start still hangs, and apply has returned"
    assert applied.outcomes == {"only": "running"}
    faults.release.set()
    assert remote.apply().outcomes == {"only": "succeeded"}
    assert list(faults.starts().values()) == [1]


def test_an_older_apply_that_lost_its_lease_sends_nothing_more(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec(ONE)

    def take_over() -> None:
        with open_store(remote.state_path, clock=time.time) as other:
            other.acquire(this_owner())

    with pytest.raises(LockHeld):
        remote.apply(between=take_over)
    assert faults.calls["tasks.run.app"] == 0
