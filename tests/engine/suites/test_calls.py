"""Calls: requests to a real service, waits for files and people, platform calls, commands on this machine."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import CallBegan, EngineEvent
from taskspec.engine.executors.call_protocol import CallFailed, CallOrder
from taskspec.engine.executors.wait_executor import WaitExecutor
from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.run.run import Run
from taskspec.errors import SpecError, UsageError
from taskspec.plan.model import Action, Reason
from taskspec.plan.plan_inputs import Selection
from taskspec.specfile.fields.kinds import Kind, read_call
from taskspec.state.model import Outcome, Phase
from tests.apps import source

from .spec_project import ApplyResult, SpecProject, interrupt_once_running, until


@pytest.fixture
def service(project: SpecProject) -> Iterator[int]:
    """A running service; it writes every method it is asked for into the file `asked`."""
    folder = project.folder / "service"
    folder.mkdir()
    config = {"name": "service", "entrypoint": "python3 program.py", "port": 8000}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    program = source("calls").replace('"CALLS"', repr(str(project.folder / "asked")))
    (folder / "program.py").write_text(program, encoding="utf-8")
    api = project.server.api
    module = api.local.register_module(folder)
    launch = api.task.start(agent_id=1, workspace_id=1, module_id=module.module_id, app_version=module.version)
    number = int(launch["id"])
    until(lambda: api.task.is_running(number), "the service")
    (project.folder / "asked").write_text("")
    yield number
    api.task.stop(number)
    project.end_of(number)


def asked(project: SpecProject) -> list[str]:
    return (project.folder / "asked").read_text().split()


def test_a_request_gives_results_and_is_kept(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks:
          evaluate:
            kind: request
            service: {service}
            method: echo
            data: {{nested: {{list: [1, {{deep: true}}]}}}}
            results: {{deep: "{{{{ response.data.nested.list[1].deep }}}}"}}
            checks: [{{assert: "{{{{ response.count == 1 }}}}", message: asked twice}}]
          after:
            kind: request
            service: {service}
            method: echo
            data: {{seen: "{{{{ tasks.evaluate.results.deep }}}}"}}
        """)
    applied = project.apply()
    assert applied.outcomes == {"evaluate": "succeeded", "after": "succeeded"}
    assert project.record("evaluate").results == {"deep": True}
    assert project.kinds("evaluate") == ["intent", "ended"]
    assert project.record("after").inputs["body"]["data"] == {"seen": True}
    before = asked(project)
    again = project.apply()
    assert again.outcomes == {"evaluate": "kept", "after": "kept"}
    assert asked(project) == before


def test_an_error_in_the_answer_is_a_failure(project: SpecProject, service: int) -> None:
    project.spec(f"tasks: {{ask: {{kind: request, service: {service}, method: fails}}}}")
    applied = project.apply()
    assert applied.outcomes == {"ask": "failed"}
    assert "no such model" in applied.ended("ask").summary
    assert project.plan().tasks[0].reason is Reason.LAST_LAUNCH_FAILED


def test_a_lost_answer_is_not_asked_for_again(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks: {{ask: {{kind: request, service: {service}, method: breaks, retry: {{attempts: 3, backoff: 0}}}}}}
        """)
    applied = project.apply()
    assert applied.outcomes == {"ask": "failed"}
    assert "idempotent: true" in applied.ended("ask").summary
    assert asked(project) == ["breaks"]


def test_an_idempotent_request_is_asked_again(project: SpecProject, service: int) -> None:
    project.spec(
        f"tasks: {{ask: {{kind: request, service: {service}, method: breaks, idempotent: true, timeout: 3s}}}}"
    )
    assert project.apply().outcomes == {"ask": "failed"}
    assert len(asked(project)) > 1


def test_an_app_that_gave_no_answer_is_asked_again_only_where_that_does_no_harm(
    project: SpecProject, service: int
) -> None:
    project.spec(f"tasks: {{ask: {{kind: request, service: {service}, method: flaky}}}}")
    assert "the service may have done what was asked" in project.apply().ended("ask").summary
    assert asked(project) == ["flaky"]
    project.spec(
        f"tasks: {{ask: {{kind: request, service: {service}, method: flaky, idempotent: true, timeout: 30s}}}}"
    )
    assert project.apply().outcomes == {"ask": "succeeded"}
    assert asked(project) == ["flaky"] * 3


def test_what_an_app_says_about_a_request_it_refuses_is_reported(project: SpecProject, service: int) -> None:
    project.spec(f"tasks: {{ask: {{kind: request, service: {service}, method: fastapi}}}}")
    summary = project.apply().ended("ask").summary
    assert f"fastapi of launch {service} was refused" in summary
    assert "body.lr: field required" in summary
    assert "`method`" in summary


def test_a_poll_that_gives_up_shows_the_last_answer(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks:
          ask:
            kind: request
            service: {service}
            method: echo
            data: {{a: 7}}
            poll: {{until: "{{{{ response.count > 5 }}}}", every: 0.01, attempts: 2}}
        """)
    summary = project.apply().ended("ask").summary
    assert 'not met after 2 requests: {{ response.count > 5 }} is False, and it answered {"count":2' in summary


def test_a_poll_asks_until_its_condition_holds(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks:
          ask:
            kind: request
            service: {service}
            method: progress
            poll: {{until: "{{{{ response.status == 'done' }}}}", every: 0.01}}
            results: {{map: "{{{{ response.map }}}}"}}
        """)
    assert project.apply().outcomes == {"ask": "succeeded"}
    assert project.record("ask").results == {"map": 0.5}
    assert asked(project) == ["progress"] * 3


def test_a_poll_gives_up_after_its_attempts(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks:
          ask:
            kind: request
            service: {service}
            method: echo
            poll: {{until: "{{{{ response.count > 100 }}}}", every: 0.01, attempts: 2}}
        """)
    applied = project.apply()
    assert "not met after 2 requests" in applied.ended("ask").summary
    assert asked(project) == ["echo", "echo"]


def test_a_poll_fails_once_its_service_has_ended(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks:
          ask:
            kind: request
            service: {service}
            method: leave
            poll: {{until: "{{{{ response.done }}}}", every: 0.3}}
        """)
    summary = project.apply().ended("ask").summary
    assert f"the service is error (launch {service})" in summary


def test_an_interrupt_leaves_a_long_request_at_once_and_the_next_apply_asks_again(
    project: SpecProject, service: int
) -> None:
    project.spec(f"tasks: {{ask: {{kind: request, service: {service}, method: hang, timeout: 3h}}}}")

    def interrupt(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, CallBegan):
            run.interrupt()

    applied = project.apply(interrupt)
    assert applied.report.detached
    assert applied.outcomes == {"ask": "pending"}
    assert project.record("ask").phase is Phase.INTENDED
    (task,) = project.plan().tasks
    assert (task.action, task.reason) == (Action.START, Reason.CUT_OFF)


def test_a_long_request_takes_no_room_from_launches(project: SpecProject, service: int) -> None:
    project.app("quick", shell="true")
    project.spec(f"""
        tasks:
          ask: {{kind: request, service: {service}, method: hang, timeout: 3h}}
          launch: {{module: ./quick}}
        """)

    def interrupt(run: Apply, event: EngineEvent) -> None:
        if getattr(event, "outcome", None) is Outcome.SUCCEEDED:
            run.interrupt()

    applied = project.apply(interrupt, parallelism=1)
    assert applied.outcomes == {"ask": "pending", "launch": "succeeded"}


def test_a_destructive_call_that_was_cut_off_asks_for_a_person(project: SpecProject, service: int) -> None:
    project.spec(f"""
        tasks: {{ask: {{kind: request, service: {service}, method: breaks, destructive: true}}}}
        """)
    assert project.apply().outcomes == {"ask": "failed"}
    with pytest.raises(SpecError) as caught:
        project.plan()
    assert "--rerun 'ask'" in caught.value.diagnostics[0].remedy
    (task,) = project.plan(Selection(reruns=("ask",))).tasks
    assert task.reason is Reason.CUT_OFF


def test_a_failed_call_is_tried_again_where_its_rule_says_so(project: SpecProject) -> None:
    project.spec("""
        tasks:
          flaky:
            kind: local
            command: [sh, -c, "test -e once || { touch once; echo no luck >&2; exit 4; }"]
            retry: {attempts: 2, backoff: 0}
        """)
    applied = project.apply(allow_local=True)
    assert applied.outcomes == {"flaky": "succeeded"}
    assert project.kinds("flaky") == ["intent", "ended", "intent", "ended"]
    assert any("exit code 4: no luck" in notice for notice in applied.log.notices())


def test_a_file_is_waited_for(project: SpecProject) -> None:
    path = f"/waited/{time.time_ns()}.txt"
    project.spec(f"""
        tasks:
          file:
            kind: wait
            wait: {{team_file: {path}}}
            every: 0.01
            results: {{size: "{{{{ response.size }}}}"}}
        """)
    (project.folder / "local.txt").write_text("four")

    def upload(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, CallBegan):
            project.server.api.file.upload(1, project.folder / "local.txt", path)

    assert project.apply(upload).outcomes == {"file": "succeeded"}
    assert project.record("file").results == {"size": 4}


def test_a_file_that_does_not_come_is_a_failure(project: SpecProject) -> None:
    project.spec("tasks: {file: {kind: wait, wait: {team_file: /never}, every: 0.01, timeout: 0.05}}")
    assert 'no "/never"' in project.apply().ended("file").summary


def test_a_wait_lasts_as_long_as_it_may_and_looks_once_more_at_the_end(project: SpecProject) -> None:
    now, naps = [100.0], list[float]()

    def pause(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    body = {"wait": {"team_file": "/never"}}
    call = read_call(Kind.WAIT, {**body, "timeout": 8, "every": 5})
    with pytest.raises(CallFailed, match="after 8s"):
        WaitExecutor(project.server, lambda: now[0]).perform(CallOrder("wait", Kind.WAIT, body, call, 1), pause)
    assert naps == [5, 3]


def labeling(project: SpecProject, method: str = "jobs.add") -> int:
    answer: Any = project.server.api.transport.post(method, {"name": "lemons", "userIds": [1]})
    return int((answer[0] if isinstance(answer, list) else answer)["id"])


@pytest.mark.parametrize(("key", "add"), [("labeling_job", "jobs.add"), ("labeling_queue", "labeling-queues.add")])
def test_people_outlast_an_apply_and_the_next_one_goes_on(project: SpecProject, key: str, add: str) -> None:
    number = labeling(project, add)
    project.app("quick", shell="true")
    project.spec(f"""
        tasks:
          review: {{kind: wait, wait: {{{key}: {number}}}, results: {{name: "{{{{ response.name }}}}"}}}}
          train: {{module: ./quick, title: "{{{{ each.key }}}}", for_each: [a], depends_on: review}}
          other: {{module: ./quick}}
        """)
    applied = project.apply()
    assert applied.outcomes == {"review": "pending", "train[a]": "pending", "other": "succeeded"}
    assert applied.report.pending
    assert not applied.report.failed
    assert 'lemons" is pending' in applied.ended("review").summary
    assert applied.ended("train[a]").because_of == "review"
    assert project.plan().tasks[0].reason is Reason.STILL_PENDING
    getattr(project.server.api, key).set_status(number, "completed")
    assert project.apply().outcomes == {"review": "succeeded", "train[a]": "succeeded", "other": "kept"}
    assert project.record("review").results == {"name": "lemons"}


def test_people_are_looked_for_again_while_others_work(project: SpecProject) -> None:
    number = labeling(project)
    project.waiting_app("slow")
    project.spec(f"""
        tasks:
          review: {{kind: wait, wait: {{labeling_job: {number}}}, every: 0.01}}
          slow: {{module: ./slow}}
        """)

    def complete(_: Apply, event: EngineEvent) -> None:
        if getattr(event, "status", "") == "started":
            project.server.api.labeling_job.set_status(number, "completed")
        elif getattr(event, "address", "") == "review" and getattr(event, "outcome", None) is Outcome.SUCCEEDED:
            project.open_gate()

    assert project.apply(complete).outcomes == {"review": "succeeded", "slow": "succeeded"}


def test_a_run_sleeps_while_others_work_and_people_are_waited_for(
    project: SpecProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, turns = Run.begin_ready, list[int]()
    monkeypatch.setattr(Run, "begin_ready", lambda run, now: (turns.append(1), begin(run, now)))
    number = labeling(project)
    project.app("slow", shell="sleep 1")
    project.spec(f"""
        tasks:
          review: {{kind: wait, wait: {{labeling_job: {number}}}}}
          slow: {{module: ./slow}}
        """)
    assert project.apply().outcomes == {"review": "pending", "slow": "succeeded"}
    assert len(turns) < 300, "the loop went round without anything to do"


def test_an_apply_has_the_patience_for_people_it_was_given(project: SpecProject) -> None:
    number = labeling(project)
    project.spec(f"tasks: {{review: {{kind: wait, wait: {{labeling_job: {number}}}, every: 0.01, timeout: 1h}}}}")

    def complete(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, CallBegan):
            project.server.api.labeling_job.set_status(number, "in_progress")
            threading.Timer(0.2, project.server.api.labeling_job.set_status, (number, "completed")).start()

    assert project.apply(complete).outcomes == {"review": "succeeded"}


def test_work_that_people_stopped_is_a_failure(project: SpecProject) -> None:
    number = labeling(project)
    project.server.api.labeling_job.set_status(number, "stopped")
    project.spec(f"tasks: {{review: {{kind: wait, wait: {{labeling_job: {number}}}}}}}")
    assert "was stopped" in project.apply().ended("review").summary


def test_platform_calls_give_results(project: SpecProject) -> None:
    mark = str(time.time_ns())
    api = project.server.api
    project_id = api.transport.post("projects.add", {"workspaceId": 1, "name": f"lemons {mark}"})["id"]
    (project.folder / "data" / "sub").mkdir(parents=True)
    (project.folder / "data" / "a.txt").write_text("a")
    (project.folder / "data" / "sub" / "b.txt").write_text("b")
    project.spec(f"""
        tasks:
          clone:
            kind: api
            call: clone_project
            with: {{project: {project_id}, name: copy {mark}}}
            results: {{id: "{{{{ response.project }}}}"}}
          upload:
            kind: api
            call: upload_files
            with: {{from: data, to: /up/{mark}}}
            results: {{count: "{{{{ response.count }}}}", folder: "{{{{ response.folder }}}}"}}
          copy:
            kind: api
            call: copy_files
            with: {{from: "{{{{ tasks.upload.results.folder }}}}", to: /copied/{mark}}}
            results: {{paths: "{{{{ response.paths }}}}"}}
          clean:
            kind: api
            call: remove_files
            destructive: true
            with: {{path: /up/{mark}}}
            depends_on: copy
          drop:
            kind: api
            call: remove_project
            destructive: true
            with: {{project: "{{{{ tasks.clone.results.id }}}}"}}
            results: {{name: "{{{{ response.name }}}}"}}
        """)
    applied = project.apply()
    assert set(applied.outcomes.values()) == {"succeeded"}, applied.report
    assert project.record("upload").results["count"] == 2
    assert project.record("copy").results["paths"] == [f"/copied/{mark}/a.txt", f"/copied/{mark}/sub/b.txt"]
    assert api.file.exists(1, f"/copied/{mark}/sub/b.txt")
    assert not api.file.exists(1, f"/up/{mark}")
    assert project.record("drop").results == {"name": f"copy {mark}"}
    assert [info.id for info in api.project.get_list(1) if mark in info.name] == [project_id]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "link"])
def test_nothing_outside_the_folder_of_the_spec_is_uploaded(project: SpecProject, path: str) -> None:
    (project.folder / "link").symlink_to("/etc/passwd")
    project.spec(f"tasks: {{up: {{kind: api, call: upload_files, with: {{from: {path}, to: /x}}}}}}")
    with pytest.raises(SpecError) as caught:
        project.plan()
    assert "not inside the folder" in caught.value.diagnostics[0].summary


def test_an_upload_is_made_again_when_a_file_has_changed(project: SpecProject) -> None:
    data = project.folder / "data"
    data.mkdir()
    (data / "a.txt").write_text("one")
    (data / ".secret").write_text("hidden")
    (data / "link").symlink_to("/etc/passwd")
    project.spec("""
        tasks:
          up: {kind: api, call: upload_files, with: {from: data, to: /again}, results: {paths: "{{ response.paths }}"}}
        """)
    assert project.apply().outcomes == {"up": "succeeded"}
    assert project.record("up").results == {"paths": ["/again/a.txt"]}
    assert project.apply().outcomes == {"up": "kept"}
    (data / "a.txt").write_text("two")
    (task,) = project.plan().tasks
    assert (task.action, task.reason) == (Action.RERUN, Reason.INPUTS_CHANGED)


def test_a_running_launch_that_became_a_call_is_stopped_first(project: SpecProject) -> None:
    project.waiting_app("slow")
    project.spec("tasks: {x: {module: ./slow}}")
    project.apply(interrupt_once_running("x"))
    (launch,) = project.launches()
    project.spec('tasks: {x: {kind: local, command: ["true"]}}')
    assert "will be stopped first" in project.plan().tasks[0].detail
    assert project.apply(allow_local=True).outcomes == {"x": "succeeded"}
    assert project.info(launch.id).raw_status == "stopped"


def test_a_call_whose_inputs_turn_out_the_same_is_kept(project: SpecProject) -> None:
    project.spec("""
        tasks:
          first:
            kind: local
            command: [echo, "1"]
            rerun: always
            results: {n: "{{ response.json }}"}
          second:
            kind: local
            command: [sh, -c, "echo x >> runs; wc -l < runs", "{{ tasks.first.results.n }}"]
            rerun: inputs_change
            results: {runs: "{{ response.json }}"}
        """)
    assert project.apply(allow_local=True).outcomes == {"first": "succeeded", "second": "succeeded"}
    assert project.apply(allow_local=True).outcomes == {"first": "succeeded", "second": "kept"}
    assert project.record("second").results == {"runs": 1}


def test_a_command_gives_what_it_prints(project: SpecProject) -> None:
    project.spec("""
        tasks:
          measure:
            kind: local
            command:
              - python3
              - -c
              - "import json, os, sys; print(json.dumps([os.environ['WHO'], os.getcwd(), sys.argv[1:]]))"
              - 1
              - true
            env: {WHO: me, SOME: 2}
            results: {said: "{{ response.json }}", code: "{{ response.exit_code }}"}
        """)
    assert project.apply(allow_local=True).outcomes == {"measure": "succeeded"}
    assert project.record("measure").results == {"said": ["me", str(project.folder), ["1", "true"]], "code": 0}


def test_commands_are_off_unless_allowed_and_nothing_starts_then(project: SpecProject) -> None:
    project.app("quick", shell="true")
    project.spec('tasks: {launch: {module: ./quick}, run: {kind: local, command: ["true"]}}')
    with pytest.raises(UsageError, match='"run" would run commands'):
        project.apply()
    assert project.journal() == []
    assert list(project.launches()) == []


def test_a_command_that_does_not_exist_is_a_failure(project: SpecProject) -> None:
    project.spec("tasks: {run: {kind: local, command: [no-such-program]}}")
    assert 'program "no-such-program"' in project.apply(allow_local=True).ended("run").summary


def running(project: SpecProject) -> list[psutil.Process]:
    mark = str(project.folder)
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and mark in " ".join(_command(p))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@pytest.mark.parametrize("mode", ["detach", "stop"])
def test_an_interrupt_kills_a_command_and_its_children(project: SpecProject, mode: str) -> None:
    marker = project.folder / "running"
    project.spec(f"""
        tasks:
          run:
            kind: local
            command: [sh, -c, "sh -c 'touch {marker}; trap : TERM; while :; do sleep 0.05; done' {marker} & wait"]
        """)

    def interrupt(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, CallBegan):

            def later() -> None:
                until(marker.exists, "the command")
                run.interrupt()

            threading.Thread(target=later, daemon=True).start()

    applied = project.apply(interrupt, allow_local=True, on_interrupt=OnInterrupt(mode))
    assert applied.outcomes == {"run": "pending"}
    until(lambda: not running(project), "the end of the command")


def test_a_command_has_its_time(project: SpecProject) -> None:
    project.spec("tasks: {run: {kind: local, command: [sleep, 100], timeout: 0.1}}")
    assert "did not end within" in project.apply(allow_local=True).ended("run").summary


def test_only_the_end_of_a_long_output_is_kept(project: SpecProject) -> None:
    project.spec("""
        tasks:
          run:
            kind: local
            command: [sh, -c, "yes 0123456 | head -c 1000000; echo end"]
            results: {size: "{{ response.stdout | length }}", json: "{{ response.json }}"}
        """)
    project.apply(allow_local=True)
    assert project.record("run").results == {"size": 64 * 1024, "json": None}


def test_a_job_that_becomes_a_call_and_back(project: SpecProject) -> None:
    project.app("quick", shell="true")
    job, call = "tasks: {x: {module: ./quick}}", 'tasks: {x: {kind: local, command: ["true"]}}'
    reasons: list[ApplyResult] = []
    for text in (job, call, job):
        project.spec(text)
        reasons.append(project.apply(allow_local=True))
    assert [str(a.plan.tasks[0].reason) for a in reasons] == ["never_launched", "inputs_changed", "never_launched"]
    assert all(a.outcomes == {"x": "succeeded"} for a in reasons)
    assert len(list(project.launches())) == 2
