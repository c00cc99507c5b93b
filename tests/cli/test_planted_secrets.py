"""Planted secrets in every place where a spec may hold a secret, and nowhere in what any command says or writes.

They come from the environment, a file and a command. They go through expressions into params, the data of requests and
the environment of commands. They come back in results, errors, logs and what commands print. The local server keeps the
params of launches, since it sends them; apps keep what they like.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from taskspec.operations.project import Project
from tests.apps import source

from .conftest import Command, CommandResult
from .planted_secret import forms, holding, shows

PARAM = '7f"3a-hidden\\e1<c9> &ü/+p'
DATA = "b25d-hidden'%0a;41 f?=d"
ENV = "09e8-hidden{{7a}}b6|e"
FILE = "1d4c-hidden-3b90\nc55a-hidden-62fe\nend"
EVERY = (PARAM, DATA, ENV, FILE, *FILE.split("\n")[:2])

SPEC = """\
variables:
  token: {type: string, sensitive: true, default: "env:PLANTED_PARAM"}
  key: {type: string, sensitive: true, default: "cmd:cat key.txt"}
  inner: {type: string, sensitive: true, default: "env:PLANTED_ENV"}
  pem: {type: string, sensitive: true, default: "file:pem.txt"}
locals:
  header: "Bearer {{ var.token }}"
tasks:
  good:
    module: ./good
    params: {headers: {Authorization: "{{ local.header }}"}, token: "{{ var.token }}", pem: "{{ var.pem }}"}
    results: {echo: "{{ launch.params.token }}", made: "{{ var.token ~ '!' }}"}
    checks: [{assert: "{{ results.echo == var.token }}", message: the token has changed}]
  bad: {module: ./good, params: {fail: "{{ var.token }} {{ var.pem }}"}}
  serve: {module: ./serve, kind: service, params: {token: "{{ var.token }}"}}
  ask:
    kind: request
    service: "{{ tasks.serve }}"
    method: echo
    data: {key: "{{ var.key }}", nested: ["<{{ var.key }}>", {deep: "{{ var.key | upper }}"}]}
    results: {said: "{{ response.said }}", key: "{{ response.said.key }}", plain: "{{ response.plain }}"}
    checks: [{assert: "{{ response.said.key == var.key }}", message: another key}]
  again:
    kind: request
    service: "{{ tasks.serve }}"
    method: echo
    data: {key: "{{ tasks.ask.results.key }}"}
    results: {key: "{{ response.said.key }}"}
  quiet: {kind: request, service: "{{ tasks.serve }}", method: quiet, data: {key: "{{ var.inner }}"}}
  error: {kind: request, service: "{{ tasks.serve }}", method: error, data: {key: "{{ var.key }}"}}
  refuse: {kind: request, service: "{{ tasks.serve }}", method: refuse, data: {key: "{{ var.key }}"}}
  missing:
    kind: request
    service: "{{ tasks.serve }}"
    method: missing
    data: {key: "{{ var.key }}"}
    results: {map: "{{ response.said.map }}"}
  print:
    kind: local
    command: [python3, printing.py, good]
    env: {KEY: "{{ var.inner }}", PEM: "{{ var.pem }}"}
    results: {out: "{{ response.stdout }}"}
    checks: [{assert: "{{ var.inner in response.stdout }}", message: another key}]
  print_and_fail:
    kind: local
    command: [python3, printing.py, bad]
    env: {KEY: "{{ var.inner }}", PEM: "{{ var.pem }}"}
results:
  token: "{{ var.token }}"
  echoed: "{{ tasks.good.results.echo }}"
  said: "{{ tasks.ask.results.said }}"
  out: "{{ tasks.print.results.out }}"
"""
FAILING = {"bad", "error", "refuse", "missing", "print_and_fail"}


@dataclass
class RecordedCommands:
    """Runs commands and keeps their results."""

    taskspec: Command
    spec: Path
    results: list[CommandResult] = field(default_factory=list)

    def __call__(self, line: str, *more: str) -> CommandResult:
        result = self.taskspec(*line.replace("SPEC", str(self.spec)).split(), *more)
        self.results.append(result)
        return result


@pytest.fixture
def recorded(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RecordedCommands]:
    """A project full of secrets. All output and files are searched at the end."""
    monkeypatch.setenv("PLANTED_PARAM", PARAM)
    monkeypatch.setenv("PLANTED_ENV", ENV)
    reports = folder / "reports"
    reports.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(reports))
    (folder / "key.txt").write_text(DATA)
    (folder / "pem.txt").write_text(FILE)
    (folder / "printing.py").write_text(source("printing"))
    (folder / "good" / "main.py").write_text(source("job"))
    (folder / "serve").mkdir()
    (folder / "serve" / "main.py").write_text(source("echo"))
    seen = folder / "good.seen"
    for name, line in {"good": f"python3 main.py '{seen}'", "serve": "python3 main.py"}.items():
        config = {"name": name, "entrypoint": line, "port": 8000, "modal_template_state": {}}
        (folder / name / "config.json").write_text(json.dumps(config))
    found = RecordedCommands(taskspec, spec(SPEC))
    yield found
    for result in found.results:
        assert not shows(result.out + result.err, *EVERY), result
    assert holding(folder, *EVERY, besides=[folder / "key.txt", folder / "pem.txt", seen]) == set()


def launch_of(recorded: RecordedCommands, address: str) -> str:
    document = json.loads(recorded("status --json SPEC").out)
    return next(str(task["task_id"]) for task in document["tasks"] if task["address"] == address)


def test_a_secret_reaches_whom_it_is_for_and_shows_in_no_command(
    recorded: RecordedCommands, folder: Path, shared_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = ["validate SPEC", "validate --json SPEC", "fmt --diff SPEC", "graph SPEC", "plan --offline SPEC"]
    before += ["plan --offline --json SPEC", "plan --allow-cmd --full SPEC", "plan --allow-cmd --json SPEC"]
    before += ["graph --format mermaid SPEC", "plan SPEC"]
    codes = [recorded(line).code for line in before]
    assert codes == [0] * 9 + [3], codes  # the last one may not run the command
    assert "1 succeeded" in recorded("apply --rehearse --allow-cmd --target good SPEC").out
    applied = recorded("apply --allow-cmd --allow-local SPEC")
    assert applied.code == 1, applied
    outcomes = {task["address"]: task["outcome"] for task in json.loads(recorded("status --json SPEC").out)["tasks"]}
    assert {address for address, outcome in outcomes.items() if outcome != "succeeded"} == FAILING, applied
    assert json.loads((folder / "good.seen").read_text())["token"] == PARAM
    assert "bad key" in applied.err
    assert "asked /echo" in recorded("logs --allow-cmd SPEC serve").out
    number = launch_of(recorded, "good")
    after = ["status SPEC", "results SPEC", "results --json SPEC", "runs SPEC", "runs --json SPEC"]
    after += [
        "logs --allow-cmd SPEC good",
        "logs --allow-cmd --json SPEC bad",
        "explain --var key=env:PLANTED_PARAM SPEC ask",
    ]
    after += ["explain --var key=env:PLANTED_PARAM --json SPEC print", "state list SPEC", "state list --json SPEC"]
    after += ["state show SPEC ask", "state show --json SPEC print", "state verify SPEC", "state export SPEC"]
    after += ["lock show SPEC", "lock show --json SPEC", "stop SPEC", "server status", f"init --from-task {number}"]
    after += ["plan --allow-cmd SPEC", "plan --offline --json SPEC", "results --name ask.key SPEC"]
    after += ["plan --allow-cmd --json --rerun good SPEC"]
    codes = [recorded(line).code for line in after if not line.startswith("init")]
    assert codes == [0] * len(codes), codes
    assert recorded("apply --allow-cmd --allow-local --json SPEC").code == 1
    assert not shows(caplog.text, *EVERY)
    assert holding(shared_home, ENV) == set()


def test_what_succeeded_with_the_same_secrets_is_kept_and_a_changed_one_is_noticed(
    recorded: RecordedCommands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded("apply --allow-cmd --allow-local SPEC")

    def kept() -> set[str]:
        document = json.loads(recorded("plan --allow-cmd --json SPEC").out)
        return {task["address"] for task in document["tasks"] if task["action"] == "keep"}

    assert kept() >= {"good", "ask", "again", "print"}
    (folder / "key.txt").write_text(DATA + "2")
    assert {"good", "ask", "print"} - kept() == {"ask"}
    (folder / "key.txt").write_text(DATA)
    monkeypatch.setenv("PLANTED_ENV", ENV + "2")
    assert {"good", "ask", "print"} - kept() == {"print"}


def test_a_bug_report_holds_no_secret(
    recorded: RecordedCommands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(project: Project) -> None:
        raise RuntimeError(f"raised by a fault: {PARAM!r} {FILE} {json.dumps(DATA)} {ENV}")

    monkeypatch.setattr("taskspec.plan.planner.final_results", fail)
    result = recorded("plan --allow-cmd SPEC")
    assert result.code == 70
    (report,) = (folder / "reports").glob("taskspec-bug-*.txt")
    assert "raised by a fault" in report.read_text()


def test_a_secret_that_an_app_hands_back_is_not_put_where_it_would_show(recorded: RecordedCommands) -> None:
    recorded.spec.write_text("""\
taskspec: 1
variables: {token: {type: string, sensitive: true, default: "env:PLANTED_PARAM"}}
tasks:
  good: {module: ./good, params: {token: "{{ var.token }}"}, results: {echo: "{{ launch.params.token }}"}}
  show: {kind: local, command: [touch, shown, "{{ tasks.good.results.echo }}"]}
""")
    result = recorded("apply --allow-local SPEC")
    assert result.code == 1
    assert "a secret stands in `command`, which is in the list of processes" in result.out + result.err
    assert not recorded.spec.with_name("shown").exists()


def test_logs_say_which_secret_they_could_not_hide(recorded: RecordedCommands) -> None:
    recorded("apply --allow-cmd --allow-local --target good SPEC")
    assert 'secret "key" cannot be looked up here' in recorded("logs SPEC good").err
    assert "cannot be looked up" not in recorded("logs --allow-cmd SPEC good").err


@pytest.mark.parametrize("secret", EVERY)
def test_the_planted_secrets_are_found_in_every_spelling(secret: str) -> None:
    for form in forms(secret):
        assert shows(f"before {form} after", secret)
