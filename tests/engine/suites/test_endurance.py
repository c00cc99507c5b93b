"""Deadlines, retries and the three ways to leave, on the real local server."""

from __future__ import annotations

import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, StatusChanged
from taskspec.engine.interrupt import OnInterrupt
from taskspec.state.model import Outcome

from .faultserver import FaultServer
from .spec_project import SpecProject

COUNTING = """
    import os, sys
    from pathlib import Path
    count = Path(os.environ["AGENT_STORAGE"]) / os.environ["modal.state.counter"]
    count.write_text(count.read_text() + "x" if count.exists() else "x")
    sys.exit(0 if len(count.read_text()) >= int(os.environ["modal.state.good_at"]) else 3)
"""


def counting(project: SpecProject, good_at: int) -> str:
    """An app that fails until it is launched for the `good_at`th time; its launches count by the test's folder."""
    project.app("counting", COUNTING)
    return f"module: ./counting, params: {{counter: {project.folder.name}, good_at: {good_at}}}"


def test_a_failed_launch_is_tried_again_until_it_succeeds(project: SpecProject) -> None:
    project.spec(f"tasks: {{only: {{{counting(project, 3)}, retry: {{attempts: 3, backoff: 0}}}}}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert project.kinds("only") == ["intent", "started", "ended"] * 3
    assert [launch.raw_status for launch in project.launches()] == ["error", "error", "finished"]
    assert len({row.event.key for row in project.journal() if row.event.address == "only"}) == 3
    assert [notice.split("; ")[1] for notice in applied.log.notices()] == ["try 2 of 3 in 0 s", "try 3 of 3 in 0 s"]


def test_tries_end_and_then_the_task_has_failed(project: SpecProject) -> None:
    project.spec(f"tasks: {{only: {{{counting(project, 9)}, retry: {{attempts: 2, backoff: 0}}}}}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "failed"}
    assert len(project.launches()) == 2


def test_a_next_apply_has_tries_of_its_own_and_goes_on_counting_attempts(project: SpecProject) -> None:
    project.spec(f"tasks: {{only: {{{counting(project, 4)}, retry: {{attempts: 2, backoff: 0}}}}}}")
    assert project.apply().outcomes == {"only": "failed"}
    assert project.apply().outcomes == {"only": "succeeded"}
    assert project.record("only").attempt == 4


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("retry: {attempts: 3, backoff: 0, on: [vanished]}", id="another class of failure"),
        pytest.param("retry: {attempts: 3, backoff: 0}, destructive: true", id="destructive"),
        pytest.param("retry: {attempts: 1}", id="one attempt"),
        pytest.param("retry: {attempts: 3, backoff: 0}, checks: [{assert: '{{ false }}'}]", id="never reached"),
    ],
)
def test_what_is_not_tried_again(project: SpecProject, rule: str) -> None:
    project.spec(f"tasks: {{only: {{{counting(project, 1 if 'checks' in rule else 9)}, {rule}}}}}")
    assert project.apply().outcomes == {"only": "failed"}
    assert len(project.launches()) == 1


def test_a_failed_check_is_tried_again_when_it_is_named(project: SpecProject) -> None:
    rule = "retry: {attempts: 2, backoff: 0, on: [failed_check]}, checks: [{assert: '{{ false }}'}]"
    project.spec(f"tasks: {{only: {{{counting(project, 1)}, {rule}}}}}")
    assert project.apply().outcomes == {"only": "failed"}
    assert len(project.launches()) == 2


def test_a_launch_past_its_deadline_is_stopped_and_says_so(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("tasks: {only: {module: ./slow, deadlines: {running: 0.2s, queued: null}}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "failed"}
    assert applied.ended("only").summary == "running for more than 0.2s (status started)"
    assert [launch.raw_status for launch in project.launches()] == ["stopped"]
    assert project.record("only").outcome is Outcome.FAILED


def test_a_deadline_is_a_class_of_failure_that_can_be_tried_again(project: SpecProject) -> None:
    project.waiting_app("slow")
    rule = "deadlines: {running: 0.2s}, retry: {attempts: 2, backoff: 0, on: [running_deadline]}"
    project.spec(f"tasks: {{only: {{module: ./slow, {rule}}}}}")
    assert project.apply().outcomes == {"only": "failed"}
    assert [launch.raw_status for launch in project.launches()] == ["stopped", "stopped"]


TWO = """
    tasks:
      first: {module: ./slow}
      second: {module: ./slow, depends_on: first}
"""


def interrupt_when_started(run: Apply, event: EngineEvent) -> None:
    if isinstance(event, StatusChanged) and event.status == "started":
        run.interrupt()


def test_an_interrupt_may_stop_what_runs(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec(TWO)
    applied = project.apply(interrupt_when_started, on_interrupt=OnInterrupt.STOP)
    assert applied.outcomes == {"first": "stopped", "second": "skipped"}
    assert [launch.raw_status for launch in project.launches()] == ["stopped"]
    assert project.record("first").outcome is Outcome.STOPPED


def test_an_interrupt_may_wait_for_what_runs_and_launches_nothing_more(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec(TWO)

    def interrupt_and_let_go(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and event.status == "started":
            run.interrupt()
            project.open_gate()

    applied = project.apply(interrupt_and_let_go, on_interrupt=OnInterrupt.WAIT)
    assert applied.outcomes == {"first": "succeeded", "second": "pending"}
    assert len(project.launches()) == 1


def test_the_deadline_of_an_apply_detaches_and_the_next_one_attaches(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("tasks: {only: {module: ./slow}}")
    first = project.apply(deadline=0.3)
    assert first.report.detached
    assert first.outcomes == {"only": "running"}
    project.open_gate()
    second = project.apply()
    assert (second.log.attached(), second.outcomes) == (["only"], {"only": "succeeded"})
    assert len(project.launches()) == 1


def test_an_interrupt_gives_up_a_try_that_was_to_come(project: SpecProject) -> None:
    project.spec(f"tasks: {{only: {{{counting(project, 2)}, retry: {{attempts: 2, backoff: 1h}}}}}}")

    def leave(run: Apply, event: EngineEvent) -> None:
        if "try 2 of 2" in str(event):
            run.interrupt()

    assert project.apply(leave).outcomes == {"only": "failed"}
    assert len(project.launches()) == 1


def test_a_failed_launch_may_be_restarted_under_the_same_id(project: SpecProject) -> None:
    rule = "retry: {attempts: 3, backoff: 0, how: restart}"
    project.spec(f"tasks: {{only: {{{counting(project, 3)}, {rule}}}}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert [launch.raw_status for launch in project.launches()] == ["finished"]
    assert project.kinds("only") == ["intent", "started", "ended", "started", "ended", "started", "ended"]
    assert project.apply().outcomes == {"only": "kept"}


def test_where_the_server_cannot_restart_a_new_launch_is_started(remote: SpecProject, faults: FaultServer) -> None:
    faults.status_of_new = "error"
    rule = "retry: {attempts: 2, backoff: 0, how: restart}"
    remote.spec(f"tasks: {{only: {{module: owner/app, version: v1, {rule}}}}}")

    def heal(run: Apply, event: EngineEvent) -> None:
        faults.status_of_new = "finished" if "; try 2 of 2" in str(event) else faults.status_of_new

    applied = remote.apply(heal)
    assert applied.outcomes == {"only": "succeeded"}
    assert len(faults.launches) == 2
