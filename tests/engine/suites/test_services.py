"""Services on the real local server: ready before their users, there while they are used, gone after the last one."""

from __future__ import annotations

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

from .workshop import Workshop, interrupt_once_running, until

APPS = Path(__file__).parent.parent.parent.parent / "examples" / "apps"


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """A workshop with a service, `service`, and an app, `user`, that takes the service's id."""
    workshop.app("service", source("service"), defaults={"folder": str(workshop.folder), "model": "small"})
    workshop.app("user", source("user"), defaults={"folder": str(workshop.folder), "session": 0, "code": 0, "seed": 0})
    return workshop


def notes(shop: Workshop) -> list[str]:
    path = shop.folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def spec(shop: Workshop, serve: str = "", user: str = "", more: str = "") -> None:
    shop.spec(f"""
        tasks:
          serve: {{module: ./service, kind: service{serve}}}
          user: {{module: ./user, params: {{session: "{{{{ tasks.serve.id }}}}"{user}}}}}
          {more}
    """)


def mark(shop: Workshop, name: str) -> Path:
    path = shop.folder / name
    path.touch()
    return path


def running(shop: Workshop) -> list[int]:
    return [launch.id for launch in shop.launches() if launch.status is None or not launch.status.is_terminal]


def test_a_user_gets_the_id_of_a_service_that_is_up_and_is_stopped_after_it(shop: Workshop) -> None:
    spec(shop)
    applied = shop.apply()
    assert applied.outcomes == {"serve": "succeeded", "user": "succeeded"}
    service = applied.ended("serve").task_id
    assert notes(shop) == [f"up {service}", f"used {service}", f"stopped {service}"]
    assert applied.ended("serve").summary == "stopped after its last user"
    assert shop.kinds("serve") == ["intent", "started", "ready", "ended"]
    assert shop.info(service).raw_status == "stopped"
    assert not applied.report.failed


def test_a_second_apply_starts_no_service_for_users_that_are_kept(shop: Workshop) -> None:
    spec(shop)
    shop.apply()
    again = shop.apply()
    assert again.outcomes == {"serve": "kept", "user": "kept"}
    assert not again.plan.has_changes
    assert len(shop.launches()) == 2


def test_a_new_launch_of_a_service_is_no_change_for_other_users(shop: Workshop) -> None:
    more = 'other: {module: ./user, params: {session: "{{ tasks.serve.id }}", seed: SEED}}'
    spec(shop, more=more.replace("SEED", "1"))
    shop.apply()
    spec(shop, more=more.replace("SEED", "2"))
    again = shop.apply()
    assert again.outcomes == {"serve": "succeeded", "user": "kept", "other": "succeeded"}
    assert again.told.started() == ["serve", "other"]


@pytest.mark.parametrize(("level", "obstacle"), [("ready", "slow"), ("deployed", "undeployed")])
def test_users_wait_until_a_service_is_up_at_the_level_asked_for(shop: Workshop, level: str, obstacle: str) -> None:
    blocker = mark(shop, obstacle)
    spec(shop, f", ready: {level}")
    seen: list[list[str]] = []

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and event.status == "started" and event.address == "serve":
            until(lambda: notes(shop), "the service")
            assert shop.server.api.task.is_running(event.task_id)
            seen.append([launch.name for launch in shop.launches()])
            blocker.unlink()

    assert shop.apply(react).outcomes == {"serve": "succeeded", "user": "succeeded"}
    assert seen == [["serve"]]


def test_running_is_enough_where_it_is_asked_for(shop: Workshop) -> None:
    mark(shop, "slow")
    spec(shop, ", ready: running")
    assert shop.apply().outcomes == {"serve": "succeeded", "user": "succeeded"}


def test_a_service_that_is_not_ready_in_time_fails_and_is_stopped(shop: Workshop) -> None:
    mark(shop, "slow")
    spec(shop, ", deadlines: {starting: 1s}")
    applied = shop.apply()
    assert applied.outcomes == {"serve": "failed", "user": "skipped"}
    assert "starting for more than 1s" in applied.ended("serve").summary
    assert running(shop) == []


def test_a_service_that_ends_before_it_is_ready_fails_with_its_last_words(shop: Workshop) -> None:
    mark(shop, "broken")
    spec(shop)
    applied = shop.apply()
    assert applied.outcomes == {"serve": "failed", "user": "skipped"}
    assert "before it was ready" in applied.ended("serve").summary
    assert any("no weights" in line for line in applied.ended("serve").log_tail)


def test_a_service_is_stopped_after_its_last_user_has_failed(shop: Workshop) -> None:
    spec(shop, user=", code: 3")
    applied = shop.apply()
    assert applied.outcomes == {"serve": "succeeded", "user": "failed"}
    assert running(shop) == []
    assert shop.record("serve").outcome is Outcome.SUCCEEDED


def test_a_service_whose_users_are_all_skipped_is_not_left_running(shop: Workshop) -> None:
    shop.app("bad", shell="exit 3")
    shop.spec("""
        tasks:
          bad: {module: ./bad}
          serve: {module: ./service, kind: service}
          user: {module: ./user, depends_on: [bad, serve]}
    """)
    mark(shop, "slow")
    applied = shop.apply()
    assert applied.outcomes["user"] == "skipped"
    assert running(shop) == []
    assert not shop.plan().stops


@pytest.mark.parametrize("reads", ["", ", depends_on: serve"], ids=["in addition to the list", "read by the list too"])
def test_users_that_only_the_run_makes_find_the_service_up_and_are_its_last(shop: Workshop, reads: str) -> None:
    shop.app("list", "print('listed')")
    shop.spec(f"""
        tasks:
          serve: {{module: ./service, kind: service}}
          list: {{module: ./list, results: {{cells: "{{{{ [launch.name ~ '-a', 'b'] }}}}"}}{reads}}}
          user:
            module: ./user
            for_each: "{{{{ tasks.list.results.cells }}}}"
            params: {{session: "{{{{ tasks.serve }}}}"}}
          after: {{module: ./list, depends_on: user}}
    """)
    applied = shop.apply()
    assert {a: o for a, o in applied.outcomes.items() if o != "succeeded"} == {}
    assert len(applied.outcomes) == 5
    (up,) = [note.split()[1] for note in notes(shop) if note.startswith("up ")]
    assert notes(shop) == [f"up {up}", f"used {up}", f"used {up}", f"stopped {up}"]
    assert running(shop) == []
    assert not shop.plan().has_changes


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
    shop: Workshop, limit: str, service: str, user: str
) -> None:
    shop.spec(f"""
        {limit}
        tasks:
          serve: {{module: ./service, kind: service, for_each: [a, b, c], {service}}}
          use: {{module: ./user, for_each: [a, b, c], params: {{session: "{{{{ tasks.serve[each.key] }}}}"}}, {user}}}
          other: {{module: ./user, {service.replace("max_parallel: 1", "priority: 1")}}}
    """)
    applied = shop.apply()
    assert {a: o for a, o in applied.outcomes.items() if o != "succeeded"} == {}
    first, *_ = [note for note in notes(shop) if not note.startswith("used 0")]
    assert first.startswith("up ")
    assert running(shop) == []


def test_what_can_never_have_its_slots_fails_with_words_and_holds_up_nobody_else(shop: Workshop) -> None:
    shop.spec("""
        pools: {gpu: 1}
        tasks:
          serve: {module: ./service, kind: service, pool: gpu}
          user: {module: ./user, pool: gpu, params: {session: "{{ tasks.serve }}"}}
          other: {module: ./user, pool: gpu}
    """)
    applied = shop.apply()
    assert applied.outcomes == {"serve": "failed", "user": "skipped", "other": "succeeded"}
    assert 'pool "gpu" is too small' in applied.ended("serve").summary
    assert notes(shop) == ["used 0"]


def test_a_join_over_services_that_do_not_fit_together_fails_and_the_others_go_on(shop: Workshop) -> None:
    shop.spec("""
        pools: {gpu: 1}
        tasks:
          serve: {module: ./service, kind: service, for_each: [a, b], pool: gpu}
          user: {module: ./user, for_each: [a, b], params: {session: "{{ tasks.serve[each.key] }}"}}
          join: {module: ./user, params: {code: "{{ tasks.serve | length - 2 }}"}, depends_on: serve}
    """)
    applied = shop.apply()
    assert applied.outcomes["join"] == "skipped"
    assert sorted(applied.outcomes.values()) == ["failed", "skipped", "skipped", "succeeded", "succeeded"]
    assert running(shop) == []


def test_a_skipped_task_gives_its_slots_back(shop: Workshop) -> None:
    shop.spec("""
        pools: {gpu: 1}
        tasks:
          first: {module: ./user, results: {n: "{{ launch.id }}"}}
          never: {module: ./user, pool: gpu, priority: 5, when: "{{ tasks.first.results.n < 0 }}"}
          last: {module: ./user, pool: gpu, depends_on: first}
    """)
    assert shop.apply().outcomes == {"first": "succeeded", "never": "skipped", "last": "succeeded"}


def test_a_service_does_not_take_a_place_from_its_users(shop: Workshop) -> None:
    spec(shop)
    assert shop.apply(parallelism=1).outcomes == {"serve": "succeeded", "user": "succeeded"}


def test_results_of_a_service_are_read_when_it_is_up(shop: Workshop) -> None:
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service, results: {model: "{{ launch.params.model }}"}}
          user: {module: ./user, depends_on: [serve], params: {seed: "{{ tasks.serve.results.model }}"}}
        results: {model: "{{ tasks.serve.results.model }}"}
    """)
    assert shop.apply().report.results == {"model": "small"}
    again = shop.apply()
    assert again.outcomes == {"serve": "kept", "user": "kept"}


def test_when_a_service_dies_later_users_are_skipped_and_running_ones_go_on(shop: Workshop) -> None:
    shop.waiting_app("long")
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
          after_long: {module: ./user, depends_on: [long]}
          later: {module: ./user, depends_on: [long, serve]}
    """)

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and (event.address, event.status) == ("long", "started"):
            service = next(launch.id for launch in shop.launches() if launch.name == "serve")
            shop.server.api.task.send_request(service, "die", {}, skip_response=True)
            shop.end_of(service)
        if isinstance(event, StatusChanged) and (event.address, event.status) == ("serve", "error"):
            shop.open_gate()

    applied = shop.apply(react)
    assert applied.outcomes == {"serve": "failed", "long": "succeeded", "after_long": "succeeded", "later": "skipped"}
    assert applied.ended("later").because_of == "serve"
    assert "while it was needed" in applied.ended("serve").summary


def test_an_interrupt_stops_a_service_that_no_running_launch_uses(shop: Workshop) -> None:
    spec(shop)

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and (event.address, event.status) == ("serve", "ready"):
            run.interrupt()

    applied = shop.apply(react, detach_within=10.0)
    assert applied.report.detached
    assert applied.outcomes == {"serve": "succeeded", "user": "pending"}
    assert running(shop) == []


def test_an_interrupt_leaves_a_service_that_is_used_and_the_next_apply_stops_it(shop: Workshop) -> None:
    shop.waiting_app("long")
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    applied = shop.apply(interrupt_once_running("long"))
    assert applied.outcomes == {"serve": "running", "long": "running"}
    assert len(running(shop)) == 2
    shop.open_gate()
    again = shop.apply()
    assert again.outcomes == {"serve": "succeeded", "long": "succeeded"}
    assert running(shop) == []
    assert len(shop.launches()) == 2


def test_an_interrupt_leaves_a_service_to_a_launch_that_was_not_attached_to_yet(shop: Workshop) -> None:
    shop.waiting_app("long")
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    shop.apply(interrupt_once_running("long"))
    blocker = mark(shop, "slow")
    shop.apply(interrupt_once_running("serve"))
    assert len(running(shop)) == 2
    blocker.unlink()
    shop.open_gate()
    assert shop.apply().outcomes == {"serve": "succeeded", "long": "succeeded"}
    assert running(shop) == []
    assert len(shop.launches()) == 2


def test_an_interrupt_that_stops_launches_stops_services_too(shop: Workshop) -> None:
    shop.waiting_app("long")
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    applied = shop.apply(interrupt_once_running("long"), on_interrupt=OnInterrupt.STOP)
    assert applied.outcomes == {"serve": "succeeded", "long": "stopped"}
    assert running(shop) == []


class Crash(Exception):
    """The end of an apply, as a kill would be one."""


def crash_when(address: str, status: str) -> Callable[[Apply, EngineEvent], None]:
    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, StatusChanged) and (event.address, event.status) == (address, status):
            raise Crash

    return react


def test_a_service_left_by_a_crash_is_taken_over_while_its_users_have_still_to_run(shop: Workshop) -> None:
    spec(shop)
    with pytest.raises(Crash):
        shop.apply(crash_when("serve", "ready"))
    again = shop.apply()
    assert again.outcomes == {"serve": "succeeded", "user": "succeeded"}
    assert again.told.attached() == ["serve"]
    assert len(shop.launches()) == 2
    assert running(shop) == []


def test_a_service_left_by_a_crash_is_stopped_when_nothing_needs_it_any_more(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(shop)

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == "user":
            raise Crash

    def never(*_: object) -> None:
        raise OutcomeUnknown("the process was killed before the stop was sent")

    with monkeypatch.context() as patch:
        patch.setattr(worker_context, "stop_and_wait", never)
        with pytest.raises(Crash):
            shop.apply(react)
    shop.apply()
    plan = shop.plan()
    assert running(shop) == []
    assert not plan.has_changes
    assert shop.record("serve").phase is Phase.ENDED


def test_a_changed_service_is_up_before_the_one_it_replaces_is_stopped(shop: Workshop) -> None:
    spec(shop, ", keep: true")
    old = shop.apply().ended("serve").task_id
    assert running(shop) == [old]
    spec(shop, ", keep: true, params: {model: large}")
    new = shop.apply().ended("serve").task_id
    seen = notes(shop)
    assert seen.index(f"up {new}") < seen.index(f"stopped {old}")
    assert running(shop) == [new]
    assert shop.record("serve").replaces == ()


@pytest.mark.parametrize(
    "after", ["{gone: {module: ./user}}", "SERVE, when: false}}"], ids=["left the spec", "unwanted"]
)
def test_what_a_failed_launch_was_to_replace_is_stopped_when_the_service_is_wanted_no_more(
    shop: Workshop, after: str
) -> None:
    serve = "{serve: {module: ./service, kind: service, keep: true, deadlines: {starting: 2s}, params: {model: MODEL}"
    shop.spec(f"tasks: {serve.replace('MODEL', 'small')}}}}}")
    shop.apply()
    mark(shop, "broken")
    shop.spec(f"tasks: {serve.replace('MODEL', 'large')}}}}}")
    assert shop.apply().outcomes == {"serve": "failed"}
    assert len(running(shop)) == 1
    (old,) = shop.record("serve").replaces

    shop.spec(f"tasks: {after.replace('SERVE', serve.replace('MODEL', 'large'))}")
    plan = shop.plan()
    (stop,) = plan.stops
    assert (stop.address, stop.detail) == ("serve", f"launch {old}, to be replaced, may still run")
    shop.apply()
    assert running(shop) == []
    assert shop.record("serve").outcome is Outcome.FAILED
    assert not shop.plan().stops


def test_a_service_that_a_call_has_killed_has_failed_and_says_so(shop: Workshop) -> None:
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          ask: {kind: request, service: "{{ tasks.serve }}", method: die}
    """)
    applied = shop.apply()
    assert applied.outcomes == {"serve": "failed", "ask": "failed"}
    assert "while it was needed" in applied.ended("serve").summary


def test_a_changed_service_that_nothing_uses_replaces_the_one_that_is_kept_up(shop: Workshop) -> None:
    shop.spec("tasks: {serve: {module: ./service, kind: service, keep: true}}")
    shop.apply()
    shop.spec("tasks: {serve: {module: ./service, kind: service, keep: true, params: {model: large}}}")
    new = shop.apply().ended("serve").task_id
    assert running(shop) == [new]
    assert shop.record("serve").replaces == ()
    assert not shop.plan().has_changes


def test_the_launch_to_replace_is_stopped_by_the_next_apply_after_a_crash_in_between(shop: Workshop) -> None:
    spec(shop, ", keep: true")
    old = shop.apply().ended("serve").task_id
    spec(shop, ", keep: true, params: {model: large}")
    with pytest.raises(Crash):
        shop.apply(crash_when("serve", "started"))
    assert shop.record("serve").replaces == (old,)
    shop.apply()
    assert running(shop) == [shop.record("serve").task_id]
    assert shop.record("serve").replaces == ()


def test_a_service_that_is_kept_is_left_up_and_is_nothing_to_do(shop: Workshop) -> None:
    spec(shop, ", keep: true")
    applied = shop.apply()
    assert running(shop) == [applied.ended("serve").task_id]
    assert not shop.plan().has_changes


def test_a_running_launch_with_the_same_params_is_reused_and_never_stopped(shop: Workshop) -> None:
    spec(shop, ", keep: true")
    first = shop.apply().ended("serve").task_id
    (shop.folder / ".taskspec").rename(shop.folder / ".other")
    spec(shop, ", reuse: true")
    plan = shop.plan()
    assert plan.reusable == {"serve": first}
    drawn = draw_plan(plan, Paint())
    assert f"reuses launch {first}, which is running" in drawn
    assert "Plan: 1 to start, 1 to reuse." in drawn
    assert plan_document(plan)["tasks"][0]["service"]["reusable"] == first
    applied = shop.apply()
    assert applied.ended("serve").task_id == first
    assert notes(shop)[-1] == f"used {first}"
    assert shop.record("serve").reused
    assert running(shop) == [first]
    with state_file.writing(shop.state_path) as store:
        assert standing.stop(shop.server, store, (), lambda *_: None) == []
    assert running(shop) == [first]


@pytest.mark.parametrize("other", [", reuse: {name: another}", ", reuse: true, params: {model: large}"])
def test_a_launch_with_other_params_or_another_name_is_not_reused(shop: Workshop, other: str) -> None:
    spec(shop, ", keep: true")
    first = shop.apply().ended("serve").task_id
    (shop.folder / ".taskspec").rename(shop.folder / ".other")
    spec(shop, other)
    assert shop.plan().reusable == {}
    assert shop.apply().ended("serve").task_id != first
    assert running(shop) == [first]


def test_a_rerun_by_name_does_not_reuse_the_launch_it_replaces(shop: Workshop) -> None:
    spec(shop, ", keep: true, reuse: true")
    old = shop.apply().ended("serve").task_id
    again = shop.apply(selection=Selection(reruns=("serve",)))
    assert again.ended("serve").task_id != old
    assert running(shop) == [again.ended("serve").task_id]


def test_a_try_of_a_user_after_its_service_has_died_is_not_made(shop: Workshop) -> None:
    spec(shop, user=", code: 3")
    text = (shop.folder / "spec.yaml").read_text()
    retry = "user: {module: ./user, retry: {attempts: 2, backoff: 1s},"
    (shop.folder / "spec.yaml").write_text(text.replace("user: {module: ./user,", retry))

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, Noticed) and "try 2 of 2" in event.message:
            service = next(launch.id for launch in shop.launches() if launch.name == "serve")
            shop.server.api.task.send_request(service, "die", {}, skip_response=True)
            shop.end_of(service)

    applied = shop.apply(react)
    assert applied.outcomes == {"serve": "failed", "user": "failed"}
    assert applied.ended("user").summary.startswith('service "serve" died')
    assert applied.told.started() == ["serve", "user"]


EVALUATE = """
import json, os, urllib.request
state = {"data": os.environ["modal.state.data"]}
body = {"taskId": int(os.environ["modal.state.session"]), "command": "evaluate", "state": state, "skipResponse": False}
headers = {"x-api-key": os.environ["API_TOKEN"], "Content-Type": "application/json"}
address = os.environ["SERVER_ADDRESS"] + "/public/api/v3/tasks.request.direct"
answer = urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)).read()
set_output({"general": {"title": "evaluated", "description": answer.decode()}})
"""


def test_the_app_that_serves_digits_is_deployed_and_reads_them(shop: Workshop) -> None:
    shop.app("evaluate", EVALUATE, defaults={"session": 0, "data": ""})
    shop.spec(f"""
        tasks:
          import:
            module: {APPS}/import_digits
            params: {{folder: "{{{{ 'served/digits' }}}}"}}
            results: {{folder: "{{{{ launch.output.general.title }}}}"}}
          serve:
            kind: service
            module: {APPS}/serve_digits
            params: {{data: "{{{{ tasks.import.results.folder }}}}"}}
            ready: deployed
          evaluate:
            module: ./evaluate
            params: {{session: "{{{{ tasks.serve.id }}}}", data: "{{{{ tasks.import.results.folder }}}}"}}
            results: {{said: "{{{{ launch.output.general.description | fromjson }}}}"}}
            checks: [{{assert: "{{{{ results.said.accuracy > 0.8 }}}}", message: "{{{{ results.said }}}}"}}]
    """)
    applied = shop.apply()
    assert applied.outcomes == {"import": "succeeded", "serve": "succeeded", "evaluate": "succeeded"}
    assert any(
        "left by itself" in str(line) for line in shop.server.api.task.get_logs(applied.ended("serve").task_id or 0)
    )
    assert not shop.plan().has_changes


def test_stop_stops_services_too(shop: Workshop) -> None:
    spec(shop, ", keep: true")
    shop.apply()
    with state_file.writing(shop.state_path) as store:
        assert standing.stop(shop.server, store, (), lambda *_: None) == []
    assert running(shop) == []


def test_a_user_is_told_when_its_service_has_died(shop: Workshop) -> None:
    shop.waiting_app("long")
    shop.spec("""
        tasks:
          serve: {module: ./service, kind: service}
          long: {module: ./long, depends_on: [serve]}
    """)
    lifelines: list[str] = []

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted) and event.address == "long":
            service = next(launch.id for launch in shop.launches() if launch.name == "serve")
            shop.server.api.task.send_request(service, "die", {}, skip_response=True)
        if isinstance(event, TaskEnded) and event.address == "serve":
            lifelines.extend(run._run.state.dead_services.values())
            shop.open_gate()

    shop.apply(react)
    assert len(lifelines) == 1
    assert lifelines[0].startswith('service "serve" died: ended with status error')


def test_a_service_of_an_included_spec_is_stopped_after_its_last_user(shop: Workshop) -> None:
    spec(shop)
    (shop.folder / "serve.yaml").write_bytes((shop.folder / "spec.yaml").read_bytes())
    shop.spec("""
        include: {part: serve.yaml}
        tasks: {last: {module: ./user, params: {session: 1}, depends_on: [part]}}
    """)
    applied = shop.apply()
    assert applied.outcomes == {"part.serve": "succeeded", "part.user": "succeeded", "last": "succeeded"}
    assert [word.split()[0] for word in notes(shop)] == ["up", "used", "used", "stopped"]
    assert running(shop) == []
    assert not shop.plan().has_changes
