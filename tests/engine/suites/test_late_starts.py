"""Starts that arrive late: after the settle window, or after the inputs have changed."""

from __future__ import annotations

import pytest

from taskspec.api.tasks.start_request import marker
from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, StatusChanged
from taskspec.state.model import EventKind, Phase

from . import faultserver as fault
from .faultserver import FaultServer
from .spec_project import Dead, SpecProject

SPEC = "tasks: {only: {module: owner/app, version: v1, params: {x: %d}}}"


def cut_off(project: SpecProject, faults: FaultServer, kind: str) -> None:
    """An apply that dies when its first start is answered, so that only the intent is on record."""
    faults.script("tasks.run.app", kind)
    with pytest.raises(Dead):
        project.apply(dies_before=EventKind.STARTED)
    assert project.record("only").phase is Phase.INTENDED


def test_a_cut_off_start_that_arrived_is_stopped_before_a_changed_one_is_sent(
    remote: SpecProject, faults: FaultServer
) -> None:
    faults.status_of_new = "started"
    remote.spec(SPEC % 1)
    cut_off(remote, faults, fault.ACCEPT_THEN_DROP)
    remote.spec(SPEC % 2)
    faults.status_of_new = "finished"
    assert remote.apply().outcomes == {"only": "succeeded"}
    assert faults.stopped == [1001]
    assert sorted(faults.starts().values()) == [1, 1]


def test_a_cut_off_start_is_waited_for_although_the_inputs_have_changed(
    remote: SpecProject, faults: FaultServer
) -> None:
    """The old start is still on its way while the new apply plans; it is looked for until the window is over."""
    faults.status_of_new = "started"
    remote.spec(SPEC % 1)
    cut_off(remote, faults, fault.ACCEPT_THEN_DROP)
    hidden = dict(faults.launches)
    faults.launches.clear()
    remote.spec(SPEC % 2)
    faults.status_of_new = "finished"

    def deliver() -> None:
        faults.launches.update(hidden)

    assert remote.apply(between=deliver, settle=60.0).outcomes == {"only": "succeeded"}
    assert faults.stopped == [1001]


def test_a_twin_that_turns_up_at_the_end_of_the_run_is_stopped(remote: SpecProject, faults: FaultServer) -> None:
    faults.status_of_new = "started"
    remote.spec(SPEC % 1)
    faults.script("tasks.run.app", fault.DROP)

    def late(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and event.status == "started":
            twin = {**faults.launches[event.task_id], "id": 1007}
            faults.finish_all()
            faults.launches[1007] = twin

    applied = remote.apply(late)
    assert applied.outcomes == {"only": "succeeded"}
    assert faults.stopped == [1007]
    assert applied.log.notices() == ["started more than once; the later launch 1007 was stopped"]


def test_a_twin_that_turns_up_after_the_run_is_stopped_by_the_next_one(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(SPEC % 1)
    faults.script("tasks.run.app", fault.DROP)
    assert remote.apply().outcomes == {"only": "succeeded"}
    key = remote.record("only").key
    assert remote.record("only").resent
    ours = faults.launches[remote.record("only").task_id]
    faults.launches[1009] = {**ours, "id": 1009, "status": "started", "description": marker(key)}
    assert remote.plan().has_changes
    second = remote.apply()
    assert second.outcomes == {"only": "kept"}
    assert faults.stopped == [1009]


def test_a_start_that_was_answered_is_not_looked_for_again(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec(SPEC % 1)
    remote.apply()
    assert not remote.record("only").resent


def test_a_failure_on_a_server_with_a_web_interface_is_reported_with_its_link(
    remote: SpecProject, faults: FaultServer
) -> None:
    faults.status_of_new = "error"
    remote.spec(SPEC % 1)
    assert remote.apply().ended("only").link == f"{faults.address}/apps/sessions/1001"
