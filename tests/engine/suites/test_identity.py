"""A launch is ours by its start key: other launches under its number, other servers, older states, hidden keys."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from taskspec.api.tasks.start_request import marker
from taskspec.diagnostics import Code
from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, StatusChanged
from taskspec.errors import SpecError, UsageError
from taskspec.operations import state_file
from taskspec.operations.project import open_project
from taskspec.operations.state_admin import adopt, forget
from taskspec.operations.status import stop
from taskspec.plan.model import Action
from taskspec.plan.plan_inputs import Selection
from taskspec.state.event_bodies import Actor
from taskspec.state.model import EventKind

from . import faultserver as fault
from .faultserver import FaultServer
from .spec_project import Dead, SpecProject, interrupt_once_running

ONE = "tasks: {only: {module: owner/app, version: v1, params: {x: %d}}}"
TWO = "tasks: {a: {module: owner/app, version: v1}, b: {module: owner/app, version: v1}}"
FOREIGN = "f" * 20


def foreign_launch(task_id: int, **changed: Any) -> Mapping[str, Any]:
    row = {"id": task_id, "status": "started", "description": marker(FOREIGN), "workspaceId": 1, "meta": {}}
    return {**row, **changed}


def begin_anew(faults: FaultServer, *launches: Mapping[str, Any]) -> None:
    """The server is another one from here on: it has other launches under the same numbers."""
    faults.launches.clear()
    faults.launches.update({launch["id"]: dict(launch) for launch in launches})


def test_the_answers_of_two_starts_may_be_swapped(remote: SpecProject, faults: FaultServer) -> None:
    faults.status_of_new = "started"
    remote.spec(TWO)

    def swap(run: Apply, event: EngineEvent) -> None:
        del run
        if len(faults.launches) == 2 and isinstance(event, StatusChanged) and not swapped:
            swapped.append(event.address)
            one, other = faults.launches[1001], faults.launches[1002]
            one["description"], other["description"] = other["description"], one["description"]

    swapped: list[str] = []
    first = remote.apply(swap)
    assert set(first.outcomes.values()) == {"failed"}
    assert "carries the key of another start" in first.ended("a").summary
    before = {remote.record(address).task_id for address in ("a", "b")}
    faults.finish_all()
    second = remote.apply()
    assert second.outcomes == {"a": "succeeded", "b": "succeeded"}
    assert sorted(second.log.attached()) == ["a", "b"]
    assert {remote.record(address).task_id for address in ("a", "b")} == before
    assert set(faults.starts().values()) == {1}
    assert remote.apply().outcomes == {"a": "kept", "b": "kept"}


@pytest.mark.parametrize("status", ["finished", "started"])
def test_a_server_that_has_begun_anew_has_done_nothing_of_this_spec(
    remote: SpecProject, faults: FaultServer, status: str
) -> None:
    remote.spec(ONE % 1)
    remote.apply()
    begin_anew(faults, foreign_launch(1001, status=status))
    assert remote.plan().tasks[0].action is Action.START
    assert remote.apply().outcomes == {"only": "succeeded"}
    assert faults.stopped == []
    assert faults.launches[1001]["status"] == status


def test_what_left_the_spec_is_not_stopped_under_the_number_of_another_launch(
    remote: SpecProject, faults: FaultServer
) -> None:
    faults.status_of_new = "started"
    remote.spec(ONE % 1)
    remote.apply(interrupt_once_running("only"))
    begin_anew(faults, foreign_launch(1001))
    remote.spec("tasks: {other: {module: owner/app, version: v1}}")
    faults.status_of_new = "finished"
    assert remote.plan().stops == ()
    remote.apply()
    assert faults.stopped == []


def test_a_launch_that_changed_its_number_is_found_by_its_key(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec(ONE % 1)
    remote.apply()
    ours = faults.launches[1001]
    begin_anew(faults, foreign_launch(1001), {**ours, "id": 1044})
    assert remote.plan().tasks[0].action is Action.ATTACH
    assert remote.apply().outcomes == {"only": "succeeded"}
    assert remote.record("only").task_id == 1044
    assert not remote.plan().has_changes


def test_a_start_that_the_network_delivers_twice_is_found_before_the_run_ends(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(ONE % 1)
    faults.on_start = lambda: faults.launches.setdefault(
        1005, {**faults.launches[1001], "id": 1005, "status": "started"}
    )
    applied = remote.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert applied.log.notices() == ["started more than once; the later launch 1005 was stopped"]
    assert faults.stopped == [1005]


def test_a_twin_that_has_ended_by_itself_is_told(remote: SpecProject, faults: FaultServer) -> None:
    remote.spec(ONE % 1)
    faults.on_start = lambda: faults.launches.setdefault(1005, {**faults.launches[1001], "id": 1005})
    assert remote.apply().log.notices() == ["started more than once; launch 1005 ran too, and is finished"]
    assert faults.stopped == []


@pytest.mark.parametrize("status", ["finished", "started"])
def test_launches_that_an_older_copy_of_the_state_does_not_know_are_taken_over(
    remote: SpecProject, faults: FaultServer, status: str
) -> None:
    remote.spec(ONE % 1)
    remote.apply()
    backup = remote.folder / "backup"
    shutil.copytree(remote.folder / ".taskspec", backup)
    remote.spec(ONE % 2)
    faults.status_of_new = status
    if status == "started":
        remote.apply(interrupt_once_running("only"))
    else:
        remote.apply()
    shutil.rmtree(remote.folder / ".taskspec")
    shutil.copytree(backup, remote.folder / ".taskspec")
    faults.finish_all()
    applied = remote.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert (applied.log.attached(), applied.log.started()) == (["only"], [])
    assert "the state does not know it" in applied.log.notices()[0]
    assert set(faults.starts().values()) == {1}
    assert remote.record("only").task_id == 1002


@pytest.fixture
def hidden(remote: SpecProject, faults: FaultServer) -> SpecProject:
    """The answer to a start was lost, and the server shows no keys."""
    remote.spec(ONE % 1)
    faults.on_start = lambda: [launch.update(description="") for launch in faults.launches.values()]
    faults.script("tasks.run.app", fault.ACCEPT_THEN_DROP)
    first = remote.apply()
    assert first.outcomes == {"only": "failed"}
    assert "the server shows no start keys, and launch 1001 may be the one" in first.ended("only").summary
    return remote


def test_a_start_is_not_sent_again_where_a_launch_hides_its_key(hidden: SpecProject, faults: FaultServer) -> None:
    assert hidden.apply().outcomes == {"only": "failed"}
    assert len(faults.launches) == 1


@pytest.mark.parametrize("is_the_one", [True, False])
def test_the_user_says_whether_the_launch_is_the_one(
    hidden: SpecProject, faults: FaultServer, is_the_one: bool
) -> None:
    with state_file.writing(hidden.state_path) as store:
        with pytest.raises(UsageError, match="it is not known whether it reached the server"):
            forget(store, "only", Actor("ada"), force=False)
        forget(store, "only", Actor("ada"), force=True)
        if is_the_one:
            adopt(open_project(hidden.request), hidden.server, store, "only", 1001, force=True, actor=Actor("ada"))
    assert hidden.apply().outcomes == {"only": "succeeded"}
    assert len(faults.launches) == (1 if is_the_one else 2)


@pytest.mark.parametrize(
    ("other", "is_told"),
    [
        ({"description": ""}, True),
        ({"description": marker(FOREIGN)}, False),
        ({"description": "", "meta": {"name": "started by hand"}}, False),
        ({"description": "", "meta": {"app": {"moduleId": 99}}}, False),
    ],
    ids=["no key", "another key", "another title", "another app"],
)
def test_only_a_launch_that_may_be_the_one_keeps_a_start_from_being_sent_again(
    remote: SpecProject, faults: FaultServer, other: Mapping[str, Any], is_told: bool
) -> None:
    """What the list shows above the highest launch of before, after the answer to the start was lost."""
    remote.spec(ONE % 1)
    faults.script("tasks.run.app", fault.ACCEPT_THEN_DROP)
    faults.on_start = lambda: faults.launches[1001].update(foreign_launch(1001, **other))
    applied = remote.apply()
    assert applied.outcomes == {"only": "failed" if is_told else "succeeded"}
    assert ("may be the one" in applied.ended("only").summary) is is_told


def test_a_launch_without_a_key_is_ours_where_the_server_shows_no_keys(
    remote: SpecProject, faults: FaultServer
) -> None:
    remote.spec(ONE % 1)
    faults.on_start = lambda: [launch.update(description="") for launch in faults.launches.values()]
    assert remote.apply().outcomes == {"only": "succeeded"}
    assert remote.apply().outcomes == {"only": "kept"}


@pytest.fixture
def lost(remote: SpecProject, faults: FaultServer) -> int:
    """Two launches run, and a user has edited the description of that of "a", which is returned."""
    faults.status_of_new = "started"
    remote.spec(TWO)
    remote.apply(interrupt_once_running("a", "b"))
    lost = remote.record("a").task_id or 0
    faults.launches[lost]["description"] = "my best run"
    return lost


def test_a_launch_that_lost_its_key_where_others_show_theirs_is_left_to_the_user(
    remote: SpecProject, faults: FaultServer, lost: int
) -> None:
    with pytest.raises(SpecError) as refused:
        remote.plan()
    (problem,) = refused.value.diagnostics
    assert (problem.code, problem.span is not None) == (Code.UNPROVEN, True)
    assert f"taskspec state adopt 'a' {lost}" in problem.remedy
    assert remote.plan(Selection(excludes=("a",))).tasks[0].action is Action.ATTACH
    with state_file.writing(remote.state_path) as store:
        assert stop(remote.server, store, [], lambda *_: None) == []
    assert faults.stopped == [remote.record("b").task_id]
    assert len(faults.launches) == 2


def test_such_a_launch_is_taken_over_when_it_is_forgotten_and_adopted(
    remote: SpecProject, faults: FaultServer, lost: int
) -> None:
    with state_file.writing(remote.state_path) as store:
        forget(store, "a", Actor("ada"), force=False)
        project = open_project(remote.request)
        adopt(project, remote.server, store, "a", lost, force=True, actor=Actor("ada"))
    faults.finish_all()
    assert remote.apply().outcomes == {"a": "succeeded", "b": "succeeded"}
    assert remote.record("a").task_id == lost
    assert len(faults.launches) == 2


def test_such_a_task_is_launched_again_when_that_is_asked_for_and_the_launch_is_left_alone(
    remote: SpecProject, faults: FaultServer, lost: int
) -> None:
    faults.status_of_new = "finished"
    faults.launches[remote.record("b").task_id or 0]["status"] = "finished"
    applied = remote.apply(selection=Selection(reruns=("a",)))
    assert applied.outcomes == {"a": "succeeded", "b": "succeeded"}
    assert (faults.stopped, faults.launches[lost]["status"]) == ([], "started")


def test_what_left_the_spec_is_not_stopped_where_it_lost_its_key(
    remote: SpecProject, faults: FaultServer, lost: int
) -> None:
    remote.spec("tasks: {b: {module: owner/app, version: v1}}")
    faults.finish_all()
    faults.launches[lost]["status"] = "started"
    assert remote.apply().outcomes == {"b": "succeeded"}
    assert faults.stopped == []


def test_a_launch_that_is_attached_to_and_fails_is_tried_again(project: SpecProject) -> None:
    """The retry launches an app in a folder that this run has attached to, and not launched."""
    tried = project.folder / "tried"
    first = f"while [ ! -e '{project.gate}' ]; do sleep 0.02; done; touch '{tried}'; exit 3"
    project.app("app", shell=f"if [ -e '{tried}' ]; then exit 0; fi; {first}")
    project.spec("tasks: {only: {module: ./app, retry: {attempts: 2, backoff: 0}}}")
    project.apply(interrupt_once_running("only"))
    project.open_gate()
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert applied.log.attached() == ["only"]
    assert len(project.launches()) == 2


def test_an_apply_that_dies_before_the_answer_finds_its_launch_and_no_other(
    remote: SpecProject, faults: FaultServer
) -> None:
    faults.script("tasks.run.app", fault.ACCEPT_THEN_DROP)
    remote.spec(ONE % 1)
    with pytest.raises(Dead):
        remote.apply(dies_before=EventKind.STARTED)
    ours = faults.launches[1001]
    begin_anew(faults, foreign_launch(1001), {**ours, "id": 1002})
    assert remote.apply().outcomes == {"only": "succeeded"}
    assert remote.record("only").task_id == 1002
