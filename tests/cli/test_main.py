"""The entry point: help, aliases, and a documented exit code for every end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskspec.cli.main import ALIASES, COMMANDS
from taskspec.errors import ExitCode
from taskspec.local.server_client import Endpoint

from .conftest import Command

Write = Callable[[str], Path]
GOOD = "tasks: {only: {module: ./good}}"
BAD = "tasks: {only: {module: ./bad}}"
WAITING = "tasks: {only: {module: ./waiting}}"
REMOTE = "tasks: {only: {module: owner/app, version: v1, workspace: 1}}"


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_every_command_explains_itself(taskspec: Command, name: str) -> None:
    result = taskspec(name, "--help")
    assert (result.code, result.err) == (ExitCode.DONE, "")
    assert f"Usage: taskspec {name}" in result.out
    assert len(result.out.splitlines()) > 5


@pytest.mark.parametrize("name", ["run", "start", "stop", "status"])
def test_every_command_of_the_server_explains_itself(taskspec: Command, name: str) -> None:
    assert f"Usage: taskspec server {name}" in taskspec("server", name, "--help").out


def test_the_help_lists_every_command_and_every_exit_code(taskspec: Command) -> None:
    result = taskspec("--help").out
    assert all(f"\n  {name} " in result for name in COMMANDS)
    assert all(f"{int(code)} " in result for code in ExitCode)


def test_the_version_is_one_line(taskspec: Command) -> None:
    assert taskspec("--version").out.startswith("taskspec ")


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_command(taskspec: Command, spec: Write, alias: str, name: str) -> None:
    spec(GOOD)
    assert taskspec(name, "spec.yaml").code == ExitCode.DONE
    assert taskspec(alias, "spec.yaml") == taskspec(name, "spec.yaml")


def test_0_when_everything_is_done(taskspec: Command, spec: Write) -> None:
    spec(GOOD)
    assert taskspec("apply", "spec.yaml").code == 0
    again = taskspec("apply", "spec.yaml")
    assert again.code == 0
    assert "nothing to do, 1 to keep" in again.out


def test_1_when_a_task_failed(taskspec: Command, spec: Write) -> None:
    spec(BAD)
    result = taskspec("apply", "spec.yaml")
    assert result.code == 1
    assert "│ sorry" in result.out
    assert "taskspec logs" in result.out


def test_2_when_a_plan_has_changes_and_the_code_was_asked_for(taskspec: Command, spec: Write) -> None:
    spec(GOOD)
    assert taskspec("plan", "spec.yaml").code == 0
    assert taskspec("plan", "spec.yaml", "--detailed-exitcode").code == 2
    taskspec("apply", "spec.yaml")
    assert taskspec("plan", "spec.yaml", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "no-such-file.yaml"], "no-such-file.yaml"),
        (["plan", "spec.yaml", "--colour"], "--colour"),
        (["paln", "spec.yaml"], "paln"),
        (["plan", "spec.yaml", "--target", "onyl"], "onyl"),
        (["plan", "spec.yaml", "--var", "nope=1"], "nope"),
        (["apply", "spec.yaml", "--parallelism", "0"], "parallelism"),
        (["logs", "spec.yaml", "nobody"], "nobody"),
        (["-C", "no-such-folder", "plan"], "no-such-folder"),
        (["plan"], "taskspec.yaml"),
        ([], "Usage"),
    ],
)
def test_3_when_the_usage_is_wrong(taskspec: Command, spec: Write, arguments: list[str], words: str) -> None:
    spec(GOOD)
    result = taskspec(*arguments)
    assert (result.code, result.out) == (3, "")
    assert words in result.err


def test_3_when_the_spec_is_wrong_and_every_problem_is_reported(taskspec: Command, spec: Write) -> None:
    spec("tasks: {a: {module: ./good, colr: red}, b: {module: ./good, params: {x: '{{ var.y }}'}}}")
    for command in ("validate", "plan", "apply"):
        result = taskspec(command, "spec.yaml")
        assert (result.code, result.out) == (3, "")
        assert "colr" in result.err
        assert "spec.yaml:3" in result.err


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port without a listener, for the time of the test."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_4_when_no_server_answers(
    taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch, closed_port: int, command: str
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("API_TOKEN", "a-secret-token")
    spec(REMOTE)
    result = taskspec(command, "spec.yaml")
    assert (result.code, result.out) == (4, "")
    assert "SERVER_ADDRESS" in result.err
    assert "a-secret-token" not in result.err


def test_4_when_the_token_is_wrong(
    taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", endpoint.address)
    monkeypatch.setenv("API_TOKEN", "a-wrong-token")
    spec(REMOTE)
    result = taskspec("plan", "spec.yaml")
    assert result.code == 4
    assert "API_TOKEN" in result.err
    assert "a-wrong-token" not in result.err


def test_3_when_only_half_a_server_is_configured(
    taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", "http://127.0.0.1:1")
    spec(GOOD)
    result = taskspec("plan", "spec.yaml")
    assert result.code == 3
    assert "API_TOKEN is not" in result.err


def other_apply() -> subprocess.Popen[str]:
    """An apply in another process, which inherits this test's folder and environment."""
    program = "from taskspec.cli.main import main; main()"
    arguments = [sys.executable, "-c", program, "apply", "spec.yaml"]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_the_app(process: subprocess.Popen[str]) -> None:
    """Until the apply says that its launch runs."""
    assert process.stderr is not None
    for line in process.stderr:
        if line == "only: started\n":
            return
    raise AssertionError(f"the apply ended: {process.communicate()}")


def test_5_when_another_apply_writes_and_it_is_named(taskspec: Command, spec: Write, folder: Path) -> None:
    spec(WAITING)
    process = other_apply()
    try:
        wait_for_the_app(process)
        result = taskspec("apply", "spec.yaml")
        assert (result.code, result.out) == (5, "")
        assert f"process {process.pid}" in result.err
        assert taskspec("plan", "spec.yaml").code == 0, "plan works meanwhile"
        assert "started" in taskspec("status", "spec.yaml").out
    finally:
        (folder / "gate").touch()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "1 succeeded" in out


@pytest.mark.parametrize("command", ["plan", "apply", "status", "results", "runs", "stop"])
def test_6_when_the_state_is_damaged_and_nothing_is_started(taskspec: Command, spec: Write, command: str) -> None:
    path = spec(GOOD).parent / ".taskspec" / "spec" / "local.db"
    taskspec("apply", "spec.yaml")
    path.write_bytes(b"\0" * 8192)
    result = taskspec(command, "spec.yaml")
    assert (result.code, result.out) == (6, "")
    assert "local.db" in result.err
    assert "backup" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_8_when_interrupted_and_launches_go_on(
    taskspec: Command, spec: Write, folder: Path, number: signal.Signals
) -> None:
    spec(WAITING)
    process = other_apply()
    wait_for_the_app(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 8, err
    assert "1 running" in out
    assert "taskspec apply" in out
    assert "Traceback" not in err
    (folder / "gate").touch()
    again = taskspec("apply", "spec.yaml")
    assert again.code == 0
    assert "still running" in again.out or "ended since the last run" in again.out
    assert "attached to launch" in again.err


def test_a_spec_with_mistakes_does_not_prevent_stopping_what_it_has_started(
    taskspec: Command, spec: Write, folder: Path
) -> None:
    spec(WAITING)
    process = other_apply()
    wait_for_the_app(process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    (folder / "spec.yaml").write_text("tasks: {only: {modul: ./waiting}")
    result = taskspec("stop", "spec.yaml")
    assert result.code == 0
    assert "only: launch" in result.out
    assert "mistakes" in result.err


def test_70_when_it_is_our_fault_with_a_report_to_send(
    taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh dear")

    monkeypatch.setattr("taskspec.cli.options.open_project", stumble)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    spec(GOOD)
    result = taskspec("plan", "spec.yaml")
    assert (result.code, result.out) == (70, "")
    assert "Traceback" not in result.err
    report = next(folder.glob("taskspec-bug-*.txt"))
    assert str(report) in result.err
    assert "ZeroDivisionError: oh dear" in report.read_text()


def test_130_when_interrupted_before_anything_started(
    taskspec: Command, spec: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_control_c(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("taskspec.cli.commands.apply.make", press_control_c)
    spec(GOOD)
    result = taskspec("apply", "spec.yaml")
    assert result.code == 130
    assert "nothing was started" in result.err


def test_a_closed_pipe_is_no_error(spec: Write) -> None:
    spec("tasks: {cell: {module: ./good, for_each: " + json.dumps(list(range(300))) + "}}")
    program = "from taskspec.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "plan", "--full", "spec.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(30), err) == (0, b"")


def test_an_apply_whose_reader_has_gone_never_says_done_and_is_safe_to_repeat(taskspec: Command, spec: Write) -> None:
    spec("tasks: {cell: {module: ./good, for_each: [a, b, c]}}")
    program = "from taskspec.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "apply", "--json", "spec.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read()
    assert process.wait(30) == 8, err
    assert b"Traceback" not in err
    assert taskspec("apply", "spec.yaml").code == 0


@pytest.mark.parametrize("path", ["x" * 300, "loop", "a/b", "file/x"], ids=["long", "loop", "missing", "below a file"])
@pytest.mark.parametrize(
    "command",
    [
        "validate {}", "plan {}", "apply {}", "status {}", "results {}", "runs {}", "logs {} a", "stop {}", "graph {}",
        "explain {} a", "fmt {}", "state list {}", "state verify {}", "state mv {} a b", "lock show {}",
        "init {}", "init --from ./app --out {}", "init --from ./app --append {}", "plan spec.yaml --var-file {}",
        "apply spec.yaml --rehearse --faults {}", "-C {} plan",
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_no_bug(taskspec: Command, folder: Path, command: str, path: str) -> None:
    (folder / "loop").symlink_to("loop")
    (folder / "file").touch()
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app" / "config.json").write_text('{"name": "app"}')
    (folder / "spec.yaml").write_text("taskspec: 1\ntasks: {a: {module: ./app}}\n")
    result = taskspec(*(path if part == "{}" else part for part in command.split()))
    assert result.code in (0, 3, 6)
    assert "bug" not in result.err
