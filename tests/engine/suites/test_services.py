"""Services on the real local server: ready before their users, there while they are used, gone after the last one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, LaunchStarted, Noticed, StatusChanged, TaskEnded
from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.protocol import worker_context
from taskspec.errors import OutcomeUnknown
from taskspec.operations import state_file
from taskspec.operations import status as standing
from taskspec.plan.plan_inputs import Selection
from taskspec.state.model import Outcome, Phase
from taskspec.view.json_documents import plan_document
from taskspec.view.plan_text import draw_plan
from taskspec.view.terminal_text import Paint
from tests.apps import source

from .spec_project import SpecProject, interrupt_once_running, until

APPS = Path(__file__).parent.parent.parent.parent / "examples" / "apps"


@pytest.fixture
def project(project: SpecProject) -> SpecProject:
    """A project with a service, `service`, and an app, `user`, that takes the service's id."""
    project.app("service", source("service"), defaults={"folder": str(project.folder), "model": "small"})
    project.app("user", source("user"), defaults={"folder": str(project.folder), "session": 0, "code": 0, "seed": 0})
    return project


def notes(project: SpecProject) -> list[str]:
    path = project.folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def spec(project: SpecProject, serve: str = "", user: str = "", more: str = "") -> None:
    project.spec(f"""
        tasks:
          serve: {{module: ./service, kind: service{serve}}}
          user: {{module: ./user, params: {{session: "{{{{ tasks.serve.id }}}}"{user}}}}}
          {more}
    """)


def mark(project: SpecProject, name: str) -> Path:
    path = project.folder / name
    path.touch()
    return path


def running(project: SpecProject) -> list[int]:
    return [launch.id for launch in project.launches() if launch.status is None or not launch.status.is_terminal]


def test_a_user_gets_the_id_of_a_service_that_is_up_and_is_stopped_after_it(project: SpecProject) -> None:
    spec(project)
    applied = project.apply()
    assert applied.outcomes == {"serve": "succeeded", "user": "succeeded"}
    service = applied.ended("serve").task_id
    assert notes(project) == [f"up {service}", f"used {service}", f"stopped {service}"]
    assert applied.ended("serve").summary == "stopped after its last user"
    assert project.kinds("serve") == ["intent", "started", "ready", "ended"]
    assert project.info(service).raw_status == "stopped"
    assert not applied.report.failed


def test_a_second_apply_starts_no_service_for_users_that_are_kept(project: SpecProject) -> None:
    spec(project)
    project.apply()
    again = project.apply()
    assert again.outcomes == {"serve": "kept", "user": "kept"}
    assert not again.plan.has_changes
    assert len(project.launches()) == 2


def test_a_new_launch_of_a_service_is_no_change_for_other_users(project: SpecProject) -> None:
    more = 'other: {module: ./user, params: {session: "{{ tasks.serve.id }}", seed: SEED}}'
    spec(project, more=more.replace("SEED", "1"))
    project.apply()
    spec(project, more=more.replace("SEED", "2"))
    again = project.apply()
    assert again.outcomes == {"serve": "succeeded", "user": "kept", "other": "succeeded"}
    assert again.log.started() == ["serve", "other"]


@pytest.mark.parametrize(("level", "obstacle"), [("ready", "slow"), ("deployed", "undeployed")])
def test_users_wait_until_a_service_is_up_at_the_level_asked_for(
    project: SpecProject, level: str, obstacle: str
) -> None:
    blocker = mark(project, obstacle)
    spec(project, f", ready: {level}")
    seen: list[list[str]] = []

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and event.status == "started" and event.address == "serve":
            until(lambda: notes(project), "the service")
            assert project.server.api.task.is_running(event.task_id)
            seen.append([launch.name for launch in project.launches()])
            blocker.unlink()

    assert project.apply(react).outcomes == {"serve": "succeeded", "user": "succeeded"}
    assert seen == [["serve"]]


def test_running_is_enough_where_it_is_asked_for(project: SpecProject) -> None:
    mark(project, "slow")
    spec(project, ", ready: running")
    assert project.apply().outcomes == {"serve": "succeeded", "user": "succeeded"}


def test_a_service_that_is_not_ready_in_time_fails_and_is_stopped(project: SpecProject) -> None:
    mark(project, "slow")
    spec(project, ", deadlines: {starting: 1s}")
    applied = project.apply()
    assert applied.outcomes == {"serve": "failed", "user": "skipped"}
    assert "starting for more than 1s" in applied.ended("serve").summary
    assert running(project) == []


def test_a_service_that_ends_before_it_is_ready_fails_with_its_last_words(project: SpecProject) -> None:
    mark(project, "broken")
    spec(project)
    applied = project.apply()
    assert applied.outcomes == {"serve": "failed", "user": "skipped"}
    assert "before it was ready" in applied.ended("serve").summary
    assert any("no weights" in line for line in applied.ended("serve").log_tail)


def test_a_service_is_stopped_after_its_last_user_has_failed(project: SpecProject) -> None:
    spec(project, user=", code: 3")
    applied = project.apply()
    assert applied.outcomes == {"serve": "succeeded", "user": "failed"}
    assert running(project) == []
    assert project.record("serve").outcome is Outcome.SUCCEEDED


def test_a_service_whose_users_are_all_skipped_is_not_left_running(project: SpecProject) -> None:
    project.app("bad", shell="exit 3")
    project.spec("""
        tasks:
          bad: {module: ./bad}
          serve: {module: ./service, kind: service}
          user: {module: ./user, depends_on: [bad, serve]}
    """)
    mark(project, "slow")
    applied = project.apply()
    assert applied.outcomes["user"] == "skipped"
    assert running(project) == []
    assert not project.plan().stops


@pytest.mark.parametrize("reads", ["", ", depends_on: serve"], ids=["in addition to the list", "read by the list too"])
def test_users_that_only_the_run_makes_find_the_service_up_and_are_its_last(project: SpecProject, reads: str) -> None:
    project.app("list", "print('listed')")
    project.spec(f"""
        tasks:
          serve: {{module: ./service, kind: service}}
          list: {{module: ./list, results: {{cells: "{{{{ [launch.name ~ '-a', 'b'] }}}}"}}{reads}}}
          user:
            module: ./user
            for_each: "{{{{ tasks.list.results.cells }}}}"
            params: {{session: "{{{{ tasks.serve }}}}"}}
          after: {{module: ./list, depends_on: user}}
    """)
    applied = project.apply()
    assert {a: o for a, o in applied.outcomes.items() if o != "succeeded"} == {}
    assert len(applied.outcomes) == 5
    (up,) = [note.split()[1] for note in notes(project) if note.startswith("up ")]
    assert notes(project) == [f"up {up}", f"used {up}", f"used {up}", f"stopped {up}"]
    assert running(project) == []
    assert not project.plan().has_changes


LIMITS = [
    ("pools: {gpu: 1}", "pool: gpu", ""),
    ("pools: {gpu: 2}", "pool: gpu", "pool: gpu"),
    ("pools: {gpu: 3}", "pool: {gpu: 2}", "pool: gpu"),
    ("fail_fast: false", "max_parallel: 1", ""),
    ("slots_per_agent: 1", "agent: local", ""),
    ("slots_per_agent: 2", "agent: local", "agent: local"),
]


@pytest.mark.parametrize(("limit", "service", "user"), LIMITS)
def test_services_give_their_slots_back_and_leave_room_for_a_user(
    project: SpecProject, limit: str, service: str, user: str
) -> None:
    project.spec(f"""
        {limit}
        tasks:
          serve: {{module: ./service, kind: service, for_each: [a, b, c], {service}}}
          use: {{module: ./user, for_each: [a, b, c], params: {{session: "{{{{ tasks.serve[each.key] }}}}"}}, {user}}}
          other: {{module: ./user, {service.replace("max_parallel: 1", "priority: 1")}}}
    """)
    applied = project.apply()
    assert {a: o for a, o in applied.outcomes.items() if o != "succeeded"} == {}
    first, *_ = [note for note in notes(project) if not note.startswith("used 0")]
    assert first.startswith("up ")
    assert running(project) == []


def test_what_can_never_have_its_slots_fails_with_a_message_and_holds_up_no_other(project: SpecProject) -> None:
    project.spec("""
        pools: {gpu: 1}
        tasks:
          serve: {module: ./service, kind: service, pool: gpu}
          user: {module: ./user, pool: gpu, params: {session: "{{ tasks.serve }}"}}
          other: {module: ./user, pool: gpu}
    """)
    applied = project.apply()
    assert applied.outcomes == {"serve": "failed", "user": "skipped", "other": "succeeded"}
    assert 'pool "gpu" is too small' in applied.ended("serve").summary
    assert notes(project) == ["used 0"]


def test_a_join_over_services_that_do_not_fit_together_fails_and_the_others_go_on(project: SpecProject) -> None:
    project.spec("""
        pools: {gpu: 1}
        tasks:
          serve: {module: ./service, kind: service, for_each: [a, b], pool: gpu}
          user: {module: ./user, for_each: [a, b], params: {session: "{{ tasks.serve[each.key] }}"}}
          join: {module: ./user, params: {code: "{{ tasks.serve | length - 2 }}"}, depends_on: serve}
    """)
    applied = project.apply()
    assert applied.outcomes["join"] == "skipped"
    assert sorted(applied.outcomes.values()) == ["failed", "skipped", "skipped", "succeeded", "succeeded"]
    assert running(project) == []


def test_a_skipped_task_gives_its_slots_back(project: SpecProject) -> None:
    project.spec("""
        pools: {gpu: 1}
        tasks:
          first: {module: ./user, results: {n: "{{ launch.id }}"}}
          never: {module: ./user, pool: gpu, priority: 5, when: "{{ tasks.first.results.n < 0 }}"}
          last: {module: ./user, pool: gpu, depends_on: first}
    """)
    assert project.apply().outcomes == {"first": "succeeded", "never": "skipped", "last": "succeeded"}


def test_a_service_does_not_take_a_place_from_its_users(project: SpecProject) -> None:
    spec(project)
    assert project.apply(parallelism=1).outcomes == {"serve": "succeeded", "user": "succeeded"}


def test_results_of_a_service_are_read_when_it_is_up(project: SpecProject) -> None:
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service, results: {model: "{{ launch.params.model }}"}}
          user: {module: ./user, depends_on: [serve], params: {seed: "{{ tasks.serve.results.model }}"}}
        results: {model: "{{ tasks.serve.results.model }}"}
    """)
    assert project.apply().report.results == {"model": "small"}
    again = project.apply()
    assert again.outcomes == {"serve": "kept", "user": "kept"}


def test_when_a_service_dies_later_users_are_skipped_and_running_ones_go_on(project: SpecProject) -> None:
    project.waiting_app("long")
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
          after_long: {module: ./user, depends_on: [long]}
          later: {module: ./user, depends_on: [long, serve]}
    """)

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and (event.address, event.status) == ("long", "started"):
            service = next(launch.id for launch in project.launches() if launch.name == "serve")
            project.server.api.task.send_request(service, "die", {}, skip_response=True)
            project.end_of(service)
        if isinstance(event, StatusChanged) and (event.address, event.status) == ("serve", "error"):
            project.open_gate()

    applied = project.apply(react)
    assert applied.outcomes == {"serve": "failed", "long": "succeeded", "after_long": "succeeded", "later": "skipped"}
    assert applied.ended("later").because_of == "serve"
    assert "while it was needed" in applied.ended("serve").summary


def test_an_interrupt_stops_a_service_that_no_running_launch_uses(project: SpecProject) -> None:
    spec(project)

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and (event.address, event.status) == ("serve", "ready"):
            run.interrupt()

    applied = project.apply(react, detach_within=10.0)
    assert applied.report.detached
    assert applied.outcomes == {"serve": "succeeded", "user": "pending"}
    assert running(project) == []


def test_an_interrupt_leaves_a_service_that_is_used_and_the_next_apply_stops_it(project: SpecProject) -> None:
    project.waiting_app("long")
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    applied = project.apply(interrupt_once_running("long"))
    assert applied.outcomes == {"serve": "running", "long": "running"}
    assert len(running(project)) == 2
    project.open_gate()
    again = project.apply()
    assert again.outcomes == {"serve": "succeeded", "long": "succeeded"}
    assert running(project) == []
    assert len(project.launches()) == 2


def test_an_interrupt_leaves_a_service_to_a_launch_that_was_not_attached_to_yet(project: SpecProject) -> None:
    project.waiting_app("long")
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    project.apply(interrupt_once_running("long"))
    blocker = mark(project, "slow")
    project.apply(interrupt_once_running("serve"))
    assert len(running(project)) == 2
    blocker.unlink()
    project.open_gate()
    assert project.apply().outcomes == {"serve": "succeeded", "long": "succeeded"}
    assert running(project) == []
    assert len(project.launches()) == 2


def test_an_interrupt_that_stops_launches_stops_services_too(project: SpecProject) -> None:
    project.waiting_app("long")
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    applied = project.apply(interrupt_once_running("long"), on_interrupt=OnInterrupt.STOP)
    assert applied.outcomes == {"serve": "succeeded", "long": "stopped"}
    assert running(project) == []


class Crash(Exception):
    """The end of an apply, as a kill would be one."""


def crash_when(address: str, status: str) -> Callable[[Apply, EngineEvent], None]:
    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and (event.address, event.status) == (address, status):
            raise Crash

    return react


def test_a_service_left_by_a_crash_is_taken_over_while_its_users_have_still_to_run(project: SpecProject) -> None:
    spec(project)
    with pytest.raises(Crash):
        project.apply(crash_when("serve", "ready"))
    again = project.apply()
    assert again.outcomes == {"serve": "succeeded", "user": "succeeded"}
    assert again.log.attached() == ["serve"]
    assert len(project.launches()) == 2
    assert running(project) == []


def test_a_service_left_by_a_crash_is_stopped_when_nothing_needs_it_any_more(
    project: SpecProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(project)

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == "user":
            raise Crash

    def never(*_: object) -> None:
        raise OutcomeUnknown("the process was killed before the stop was sent")

    with monkeypatch.context() as patch:
        patch.setattr(worker_context, "stop_and_wait", never)
        with pytest.raises(Crash):
            project.apply(react)
    project.apply()
    plan = project.plan()
    assert running(project) == []
    assert not plan.has_changes
    assert project.record("serve").phase is Phase.ENDED


def test_a_changed_service_is_up_before_the_one_it_replaces_is_stopped(project: SpecProject) -> None:
    spec(project, ", keep: true")
    old = project.apply().ended("serve").task_id
    assert running(project) == [old]
    spec(project, ", keep: true, params: {model: large}")
    new = project.apply().ended("serve").task_id
    seen = notes(project)
    assert seen.index(f"up {new}") < seen.index(f"stopped {old}")
    assert running(project) == [new]
    assert project.record("serve").replaces == ()


@pytest.mark.parametrize(
    "after", ["{gone: {module: ./user}}", "SERVE, when: false}}"], ids=["left the spec", "unwanted"]
)
def test_what_a_failed_launch_was_to_replace_is_stopped_when_the_service_is_wanted_no_more(
    project: SpecProject, after: str
) -> None:
    serve = "{serve: {module: ./service, kind: service, keep: true, deadlines: {starting: 2s}, params: {model: MODEL}"
    project.spec(f"tasks: {serve.replace('MODEL', 'small')}}}}}")
    project.apply()
    mark(project, "broken")
    project.spec(f"tasks: {serve.replace('MODEL', 'large')}}}}}")
    assert project.apply().outcomes == {"serve": "failed"}
    assert len(running(project)) == 1
    (old,) = project.record("serve").replaces

    project.spec(f"tasks: {after.replace('SERVE', serve.replace('MODEL', 'large'))}")
    plan = project.plan()
    (stop,) = plan.stops
    assert (stop.address, stop.detail) == ("serve", f"launch {old}, to be replaced, may still run")
    project.apply()
    assert running(project) == []
    assert project.record("serve").outcome is Outcome.FAILED
    assert not project.plan().stops


def test_a_service_that_a_call_has_killed_has_failed_and_says_so(project: SpecProject) -> None:
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          ask: {kind: request, service: "{{ tasks.serve }}", method: die}
    """)
    applied = project.apply()
    assert applied.outcomes == {"serve": "failed", "ask": "failed"}
    assert "while it was needed" in applied.ended("serve").summary


def test_a_changed_service_that_nothing_uses_replaces_the_one_that_is_kept_up(project: SpecProject) -> None:
    project.spec("tasks: {serve: {module: ./service, kind: service, keep: true}}")
    project.apply()
    project.spec("tasks: {serve: {module: ./service, kind: service, keep: true, params: {model: large}}}")
    new = project.apply().ended("serve").task_id
    assert running(project) == [new]
    assert project.record("serve").replaces == ()
    assert not project.plan().has_changes


def test_the_launch_to_replace_is_stopped_by_the_next_apply_after_a_crash_in_between(project: SpecProject) -> None:
    spec(project, ", keep: true")
    old = project.apply().ended("serve").task_id
    spec(project, ", keep: true, params: {model: large}")
    with pytest.raises(Crash):
        project.apply(crash_when("serve", "started"))
    assert project.record("serve").replaces == (old,)
    project.apply()
    assert running(project) == [project.record("serve").task_id]
    assert project.record("serve").replaces == ()


def test_a_service_that_is_kept_is_left_up_and_is_nothing_to_do(project: SpecProject) -> None:
    spec(project, ", keep: true")
    applied = project.apply()
    assert running(project) == [applied.ended("serve").task_id]
    assert not project.plan().has_changes


def test_a_running_launch_with_the_same_params_is_reused_and_never_stopped(project: SpecProject) -> None:
    spec(project, ", keep: true")
    first = project.apply().ended("serve").task_id
    (project.folder / ".taskspec").rename(project.folder / ".other")
    spec(project, ", reuse: true")
    plan = project.plan()
    assert plan.reusable == {"serve": first}
    drawn = draw_plan(plan, Paint())
    assert f"reuses launch {first}, which is running" in drawn
    assert "Plan: 1 to start, 1 to reuse." in drawn
    assert plan_document(plan)["tasks"][0]["service"]["reusable"] == first
    applied = project.apply()
    assert applied.ended("serve").task_id == first
    assert notes(project)[-1] == f"used {first}"
    assert project.record("serve").reused
    assert running(project) == [first]
    with state_file.writing(project.state_path) as store:
        assert standing.stop(project.server, store, (), lambda *_: None) == []
    assert running(project) == [first]


@pytest.mark.parametrize("other", [", reuse: {name: another}", ", reuse: true, params: {model: large}"])
def test_a_launch_with_other_params_or_another_name_is_not_reused(project: SpecProject, other: str) -> None:
    spec(project, ", keep: true")
    first = project.apply().ended("serve").task_id
    (project.folder / ".taskspec").rename(project.folder / ".other")
    spec(project, other)
    assert project.plan().reusable == {}
    assert project.apply().ended("serve").task_id != first
    assert running(project) == [first]


def test_a_rerun_by_name_does_not_reuse_the_launch_it_replaces(project: SpecProject) -> None:
    spec(project, ", keep: true, reuse: true")
    old = project.apply().ended("serve").task_id
    again = project.apply(selection=Selection(reruns=("serve",)))
    assert again.ended("serve").task_id != old
    assert running(project) == [again.ended("serve").task_id]


def test_a_try_of_a_user_after_its_service_has_died_is_not_made(project: SpecProject) -> None:
    spec(project, user=", code: 3")
    text = (project.folder / "spec.yaml").read_text()
    retry = "user: {module: ./user, retry: {attempts: 2, backoff: 1s},"
    (project.folder / "spec.yaml").write_text(text.replace("user: {module: ./user,", retry))

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, Noticed) and "try 2 of 2" in event.message:
            service = next(launch.id for launch in project.launches() if launch.name == "serve")
            project.server.api.task.send_request(service, "die", {}, skip_response=True)
            project.end_of(service)

    applied = project.apply(react)
    assert applied.outcomes == {"serve": "failed", "user": "failed"}
    assert applied.ended("user").summary.startswith('service "serve" died')
    assert applied.log.started() == ["serve", "user"]


EVALUATE = """
import json, os, urllib.request
state = {"data": os.environ["modal.state.data"]}
body = {"taskId": int(os.environ["modal.state.session"]), "command": "evaluate", "state": state, "skipResponse": False}
headers = {"x-api-key": os.environ["API_TOKEN"], "Content-Type": "application/json"}
address = os.environ["SERVER_ADDRESS"] + "/public/api/v3/tasks.request.direct"
answer = urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)).read()
set_output({"general": {"title": "evaluated", "description": answer.decode()}})
"""


def test_the_app_that_serves_digits_is_deployed_and_reads_them(project: SpecProject) -> None:
    project.app("evaluate", EVALUATE, defaults={"session": 0, "data": ""})
    for name in ("import_digits", "serve_digits"):
        shutil.copytree(APPS / name, project.folder / name)
    project.spec("""
        tasks:
          import:
            module: ./import_digits
            params: {folder: "{{ 'served/digits' }}"}
            results: {folder: "{{ launch.output.general.title }}"}
          serve:
            kind: service
            module: ./serve_digits
            params: {data: "{{ tasks.import.results.folder }}"}
            ready: deployed
          evaluate:
            module: ./evaluate
            params: {session: "{{ tasks.serve.id }}", data: "{{ tasks.import.results.folder }}"}
            results: {said: "{{ launch.output.general.description | fromjson }}"}
            checks: [{assert: "{{ results.said.accuracy > 0.8 }}", message: "{{ results.said }}"}]
    """)
    applied = project.apply()
    assert applied.outcomes == {"import": "succeeded", "serve": "succeeded", "evaluate": "succeeded"}
    assert any(
        "left by itself" in str(line) for line in project.server.api.task.get_logs(applied.ended("serve").task_id or 0)
    )
    assert not project.plan().has_changes


def test_stop_stops_services_too(project: SpecProject) -> None:
    spec(project, ", keep: true")
    project.apply()
    with state_file.writing(project.state_path) as store:
        assert standing.stop(project.server, store, (), lambda *_: None) == []
    assert running(project) == []


def test_a_user_is_notified_when_its_service_has_died(project: SpecProject) -> None:
    project.waiting_app("long")
    project.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    lifelines: list[str] = []

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted) and event.address == "long":
            service = next(launch.id for launch in project.launches() if launch.name == "serve")
            project.server.api.task.send_request(service, "die", {}, skip_response=True)
        if isinstance(event, TaskEnded) and event.address == "serve":
            lifelines.extend(run._run.state.failed_services.values())
            project.open_gate()

    project.apply(react)
    assert len(lifelines) == 1
    assert lifelines[0].startswith('service "serve" died: ended with status error')


def test_a_service_of_an_included_spec_is_stopped_after_its_last_user(project: SpecProject) -> None:
    spec(project)
    (project.folder / "serve.yaml").write_bytes((project.folder / "spec.yaml").read_bytes())
    project.spec("""
        include: {part: serve.yaml}
        tasks: {last: {module: ./user, params: {session: 1}, depends_on: [part]}}
    """)
    applied = project.apply()
    assert applied.outcomes == {"part.serve": "succeeded", "part.user": "succeeded", "last": "succeeded"}
    assert [word.split()[0] for word in notes(project)] == ["up", "used", "used", "stopped"]
    assert running(project) == []
    assert not project.plan().has_changes
