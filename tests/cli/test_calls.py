"""Calls on the command line: exit codes, what is refused before anything starts, and a rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from taskspec.api import Api
from taskspec.local.server_client import Endpoint

from .conftest import Command

Write = Callable[[str], Path]
LOCAL = """
    tasks:
      launch: {module: ./good}
      say:
        kind: local
        command: [echo, "{{ tasks.launch.results.id }}"]
        results: {said: "{{ response.json }}"}
""".replace("{module: ./good}", '{module: ./good, results: {id: "{{ launch.id }}"}}')


def test_commands_need_the_word_of_the_person_at_the_keyboard(taskspec: Command, spec: Write) -> None:
    spec(LOCAL)
    result = taskspec("plan", "spec.yaml")
    assert "runs on this machine: apply needs --allow-local" in result.out
    refused = taskspec("apply", "spec.yaml")
    assert refused.code == 3
    assert '"say" would run commands on this machine' in refused.err
    assert "--allow-local" in refused.err
    assert "started launch" not in refused.err
    assert taskspec("apply", "spec.yaml", "--allow-local").code == 0
    kept = taskspec("apply", "spec.yaml")
    assert kept.code == 0
    assert "nothing to do" in kept.out


def test_a_rehearsal_asks_no_server_and_runs_nothing(taskspec: Command, spec: Write, folder: Path) -> None:
    spec(f"""
        tasks:
          train: {{module: ./good}}
          ask:
            kind: request
            service: "{{{{ tasks.train }}}}"
            method: evaluate
            results: {{map: "{{{{ response.metrics.map }}}}"}}
          review: {{kind: wait, wait: {{labeling_job: 5}}, depends_on: ask}}
          first: {{kind: request, service: 5, method: list, results: {{first: "{{{{ response[0] }}}}"}}}}
          touch: {{kind: local, command: [touch, {folder / "touched"}], depends_on: review}}
        """)
    result = taskspec("apply", "spec.yaml", "--rehearse")
    assert result.code == 0, result
    assert "Applied: 5 succeeded" in result.out
    assert not (folder / "touched").exists()


def test_waiting_for_people_has_an_exit_code_of_its_own(taskspec: Command, spec: Write, endpoint: Endpoint) -> None:
    with Api(endpoint.address, endpoint.token) as api:
        (job,) = api.transport.post("jobs.add", {"name": "lemons"})
    spec(f"""
        tasks:
          review: {{kind: wait, wait: {{labeling_job: {job["id"]}}}}}
          train: {{module: ./good, depends_on: review}}
        """)
    result = taskspec("apply", "spec.yaml")
    assert result.code == 7
    assert "Pending:" in result.out
    assert f'labeling job {job["id"]} "lemons" is pending' in result.out
    assert "Applied: 2 pending" in result.out
    assert "still pending" in taskspec("plan", "spec.yaml").out
    assert "call" in taskspec("status", "spec.yaml").out
