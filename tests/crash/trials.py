"""Trials with real processes: kill or interrupt an apply, apply until it is done, and count the starts."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from taskspec.operations import state_file
from taskspec.rehearsal.fake_server import FakeServer
from taskspec.rehearsal.faults import LaunchTimeline, ServerFaults, StartAnswer, StartFault
from taskspec.state.model import State

from .http_server import HttpServer

PATIENCE = 60.0
KILLED = -signal.SIGKILL
ANSWERS = (StartAnswer.LOST, StartAnswer.BAD_GATEWAY_AFTER, StartAnswer.TRUNCATED)


@dataclass(slots=True)
class QuickFaults:
    """Launches end within a tenth of a second. A share of the answers to starts is lost."""

    chance: Random
    share: float = 0.0
    longest: float = 0.1
    server: ServerFaults = field(default_factory=ServerFaults)

    def course(self, address: str, number: int) -> LaunchTimeline:
        return LaunchTimeline(0.0, 0.0, self.chance.uniform(0, self.longest), stopping=0.05)

    def start(self, address: str, number: int) -> StartFault | None:
        lost = self.chance.random() < self.share
        return StartFault(self.chance.choice(ANSWERS)) if lost else None

    def call(self, method: str) -> bool:
        return False


def graph(chance: Random, size: int) -> str:
    """Make a spec of `size` tasks in layers, with two upstream tasks each."""
    width = max(4, size // 6)
    lines = ["taskspec: 1", "name: killed", "tasks:"]
    for n in range(size):
        above = range(max(0, (n // width - 1) * width), (n // width) * width)
        ups = sorted(set(chance.choices(above, k=2))) if above else []
        params = ", ".join(f'u{up}: "{{{{ tasks.t{up}.id }}}}"' for up in ups)
        lines.append(f"  t{n}: {{module: owner/app, version: v1, params: {{{params}}}}}")
    return "\n".join(lines) + "\n"


class ForkServer:
    """Forks command lines, one at a time."""

    def __init__(self) -> None:
        program = Path(__file__).parent / "fork_server.py"
        self._process = subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def fork(self, order: Mapping[str, Any]) -> Child:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return Child(self, int(self._line()), time.monotonic())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end of the child. Return whether it has ended."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], seconds)[0])


@dataclass(slots=True)
class Child:
    """One running command line."""

    fork_server: ForkServer
    pid: int
    began: float
    code: int | None = None

    def wait(self, patience: float = PATIENCE) -> int:
        if self.code is None:
            if not self.fork_server.ends_within(patience):
                self.send(signal.SIGKILL)
            self.code = int(self.fork_server._line())
        return self.code

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):  # the child has ended and is collected
            os.kill(self.pid, number)

    def kill_after(self, seconds: float, number: int = signal.SIGKILL) -> bool:
        """Send the signal after some seconds. Return False when the child has ended before."""
        if self.fork_server.ends_within(seconds):
            return False
        self.send(number)
        return True


@dataclass(slots=True)
class Trial:
    """One spec on one new server."""

    folder: Path
    fork_server: ForkServer
    http: HttpServer
    seed: int
    size: int = 24
    share: float = 0.0
    longest: float = 0.1
    chance: Random = field(init=False)
    fake: FakeServer = field(init=False)
    address: str = field(init=False)
    applies: int = 0
    opened: int = 0

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.fake = FakeServer(QuickFaults(Random(self.seed), self.share, self.longest))
        self.address = self.http.add(uuid.uuid4().hex, self.fake)
        (self.folder / "spec.yaml").write_text(graph(self.chance, self.size), encoding="utf-8")

    def order(self, **options: Any) -> dict[str, Any]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TASKSPEC_HOME": str(self.folder / "home" / "taskspec"),
            "SERVER_ADDRESS": self.address,
            "API_TOKEN": "a-token-of-the-tests",
            "WORKSPACE_ID": "1",
            "CI": "true",
        }
        argv = ["apply", "spec.yaml", "-y"]
        return {"argv": argv, "cwd": str(self.folder), "env": env, "out": str(self.folder / "out.txt"), **options}

    def begin(self, fork_server: ForkServer | None = None, **options: Any) -> Child:
        self.applies += 1
        return (fork_server or self.fork_server).fork(self.order(**options))

    def state(self) -> State:
        """Read the state as a command does, which must work after every kill."""
        path = next((self.folder / ".taskspec").rglob("*.db"), None)
        if path is None:
            return State(lineage="", serial=0, records={}, runs=())
        self.opened += 1
        return state_file.read_state(path)

    def apply_until_done(self) -> None:
        for _ in range(10):
            if self.begin().wait() == 0:
                return
        raise AssertionError(f"seed {self.seed}: not done; {self.said()}")

    def said(self) -> str:
        out = self.folder / "out.txt"
        return out.read_text(encoding="utf-8")[-2000:] if out.exists() else ""

    def check_starts(self) -> None:
        """Check that every task was launched once, and every key was started once."""
        where, fake = f"seed {self.seed}", self.fake
        assert set(fake.starts.values()) == {1}, f"{where}: starts per key {fake.starts}"
        assert len(fake.launches) == self.size, f"{where}: {len(fake.launches)} launches of {self.size} tasks"

    def check(self) -> None:
        """Check that every task was launched once, every key was started once, and the state says so."""
        fake, state = self.fake, self.state()
        where = f"seed {self.seed}"
        self.check_starts()
        final = {address: (str(r.outcome), r.attempt, r.task_id) for address, r in state.records.items()}
        truth = {launch.address: ("succeeded", 1, launch.id) for launch in fake.launches.values()}
        assert final == truth, where


def undisturbed_seconds(folder: Path, fork_server: ForkServer, http: HttpServer, **options: Any) -> float:
    """Measure an apply without kills: kills are spread over this time."""
    trial = Trial(folder, fork_server, http, seed=0, **options)
    child = trial.begin()
    assert child.wait() == 0, trial.said()
    trial.check()
    return time.monotonic() - child.began


def kill_trial(trial: Trial, span: float, kills: int) -> int:
    """Kill at random times, then apply until it is done. Return how many kills hit a running process."""
    hits = 0
    for _ in range(kills):
        child = trial.begin()
        if child.kill_after(trial.chance.uniform(0, span)):
            hits += 1
        child.wait()
        trial.state()
    trial.apply_until_done()
    trial.check()
    return hits


__all__ = ["KILLED", "Child", "ForkServer", "Trial", "graph", "kill_trial", "undisturbed_seconds"]
