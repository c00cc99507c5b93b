"""The lease of a state: shown, waited for, broken; readers never wait."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskspec.state.model import EventKind
from taskspec.state.store import open_store
from tests.cli.conftest import Command

Write = Callable[[str], Path]
GOOD = "tasks: {only: {module: ./good, results: {said: '{{ launch.status }}'}}}"
PATIENCE = 30.0
WRITER = """
import pathlib, sys, time
from taskspec.errors import LockHeld
from taskspec.state.lease import this_owner
from taskspec.state.model import Event, EventKind
from taskspec.state.store import open_store

with open_store(pathlib.Path(sys.argv[1]), clock=time.time) as store:
    store.acquire(this_owner())
    print("holds", flush=True)
    for line in sys.stdin:
        try:
            store.append("late", [Event(EventKind.FORGOTTEN, "only")])
            print("wrote", flush=True)
        except LockHeld:
            print("refused", flush=True)
    store.release()
"""


@dataclass(frozen=True, slots=True)
class Writer:
    """Another process that holds the lease."""

    process: subprocess.Popen[str]

    def writes(self) -> str:
        """The outcome of an attempt to write."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        """End well: give the lease back."""
        self.process.communicate(timeout=PATIENCE)

    def die(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture
def path(taskspec: Command, spec: Write, folder: Path) -> Path:
    """The state of a spec that was applied once."""
    spec(GOOD)
    assert taskspec("apply", "spec.yaml").code == 0
    return folder / ".taskspec" / "spec" / "local.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield Writer(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["apply spec.yaml", "stop spec.yaml", "state forget spec.yaml only"])
def test_5_at_once_while_another_run_writes_and_it_is_said_who(taskspec: Command, writer: Writer, command: str) -> None:
    result = taskspec(*command.split())
    assert (result.code, result.out) == (5, "")
    assert f"process {writer.process.pid}" in result.err
    assert "--lock-timeout" in result.err
    assert "Waiting" not in result.err


def test_5_when_the_writer_is_still_there_after_the_timeout(taskspec: Command, writer: Writer) -> None:
    result = taskspec("apply", "spec.yaml", "--lock-timeout", "0.3s")
    assert result.code == 5
    assert result.err.count("Waiting up to 0.3s: another run is writing") == 1


@pytest.mark.parametrize("command", ["apply", "stop"])
def test_a_waiting_command_reports_it_once_and_goes_on_when_the_writer_has_ended(writer: Writer, command: str) -> None:
    arguments = [sys.executable, "-m", "taskspec", command, "spec.yaml", "--lock-timeout", "10m"]
    waiting = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert waiting.stderr is not None
        first = waiting.stderr.readline()
        assert first.startswith("Waiting up to 10m: another run is writing to this state")
        assert f"process {writer.process.pid}" in first
        writer.leave()
        out, err = waiting.communicate(timeout=PATIENCE)
        assert (waiting.returncode, err) == (0, "")
        assert "nothing to do" in out or "Nothing is running" in out
    finally:
        waiting.kill()
        waiting.communicate()


def test_readers_never_wait_for_a_writer_nor_for_an_open_transaction(
    taskspec: Command, writer: Writer, path: Path
) -> None:
    readers = (
        ("plan", "spec.yaml"), ("status", "spec.yaml"), ("results", "spec.yaml"), ("runs", "spec.yaml"),
        ("logs", "spec.yaml", "only"), ("state", "list", "spec.yaml"), ("state", "show", "spec.yaml", "only"),
        ("state", "verify", "spec.yaml"), ("state", "export", "spec.yaml"),
    )  # fmt: skip
    before = [taskspec(*reader) for reader in readers]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO journal VALUES (99, 'half', 'way', 'ended', 'only', 'k', '{}', 'c')")
        assert [taskspec(*reader) for reader in readers] == before
        assert taskspec("lock", "show", "spec.yaml").code == 0
        other.execute("ROLLBACK")
    assert {result.code for result in before} == {0}


def test_no_one_writes(taskspec: Command, spec: Write) -> None:
    spec(GOOD)
    for _ in range(2):
        assert taskspec("lock", "show", "spec.yaml").out == "No process writes to this state.\n"
        assert json.loads(taskspec("lock", "show", "spec.yaml", "--json").out) == {"taskspec_lock": 1, "held": False}
        assert taskspec("lock", "break", "spec.yaml", "-y").out == "No process writes to this state.\n"
        taskspec("apply", "spec.yaml")


def test_the_writer_is_shown_with_everything_that_is_known(taskspec: Command, writer: Writer) -> None:
    result = taskspec("lock", "show", "spec.yaml").out
    assert f"process {writer.process.pid} writes to this state." in result
    assert "The lease is held." in result
    document = json.loads(taskspec("lock", "show", "spec.yaml", "--json").out)
    assert (document["held"], document["pid"], document["is_over"]) == (True, writer.process.pid, False)
    assert document["since"] <= document["renewed_at"]
    assert {"user", "host", "fencing", "why_over"} <= set(document)


def test_a_writer_that_died_is_shown_as_over_and_needs_no_breaking(taskspec: Command, writer: Writer) -> None:
    writer.die()
    assert "The lease has expired: its process has ended." in taskspec("lock", "show", "spec.yaml").out
    assert json.loads(taskspec("lock", "show", "spec.yaml", "--json").out)["why_over"] == "its process has ended"
    assert taskspec("apply", "spec.yaml").code == 0


def test_without_a_terminal_a_lock_is_broken_only_by_y(taskspec: Command, writer: Writer) -> None:
    result = taskspec("lock", "break", "spec.yaml")
    assert (result.code, result.out) == (3, "")
    assert "-y" in result.err
    assert writer.writes() == "wrote"


def test_who_was_broken_can_never_write_again_and_the_journal_says_who_did_it_and_why(
    taskspec: Command, writer: Writer, path: Path
) -> None:
    before = json.loads(taskspec("lock", "show", "spec.yaml", "--json").out)["fencing"]
    assert taskspec("lock", "break", "spec.yaml", "-y", "--why", "its host burned down").code == 0
    assert writer.writes() == "refused"
    assert taskspec("lock", "show", "spec.yaml").out == "No process writes to this state.\n"
    assert taskspec("apply", "spec.yaml").code == 0
    assert writer.writes() == "refused"
    with open_store(path, clock=time.time) as store:
        last = [row.event for row in store.events() if row.event.kind is EventKind.LOCK_BROKEN]
    assert [event.body["why"] for event in last] == ["its host burned down"]
    assert last[0].body["fencing"] == before
    assert f"process {writer.process.pid}" in str(last[0].body["owner"])
    assert last[0].body["who"]


@pytest.mark.parametrize(("answer", "code", "then"), [("y", 0, "refused"), ("n", 130, "wrote")])
def test_at_a_terminal_breaking_is_asked_for_once(writer: Writer, answer: str, code: int, then: str) -> None:
    ours, theirs = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [sys.executable, "-m", "taskspec", "lock", "break", "spec.yaml"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as asked:
        os.write(ours, f"{answer}\n".encode())
        assert asked.wait(PATIENCE) == code
    os.close(theirs)
    shown = ""
    while "Break it?" not in shown:
        shown += os.read(ours, 65536).decode()
    os.close(ours)
    assert f"process {writer.process.pid}" in shown
    assert writer.writes() == then
