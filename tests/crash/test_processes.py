"""Exactly once with real processes: killed, interrupted, paused, two at a time, on a full disk.

benchmarks/crash.py runs longer forms of these tests.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskspec.api.credentials import Credentials
from taskspec.engine.server.connection import Server
from taskspec.errors import ExitCode
from taskspec.local import server_client
from taskspec.local.home import ServerHome
from taskspec.state.model import EventKind
from taskspec.state.store import open_store
from tests.apps import source

from .broken_disk import IS_POSSIBLE
from .http_server import HttpServer
from .trials import KILLED, ForkServer, Trial, kill_trial, undisturbed_seconds

LEFT = {ExitCode.DONE, ExitCode.DETACHED, ExitCode.INTERRUPTED}


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    with ForkServer() as fork_server:
        yield fork_server


@pytest.fixture(scope="module")
def second_fork_server() -> Iterator[ForkServer]:
    with ForkServer() as fork_server:
        yield fork_server


@pytest.fixture(scope="module")
def http() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


@pytest.fixture(scope="module")
def span(fork_server: ForkServer, http: HttpServer, tmp_path_factory: pytest.TempPathFactory) -> float:
    return undisturbed_seconds(tmp_path_factory.mktemp("undisturbed"), fork_server, http)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_killed_at_any_moment_each_task_is_launched_once(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer, span: float, share: float
) -> None:
    hits = 0
    for seed in range(8):
        hits += kill_trial(Trial(tmp_path / str(seed), fork_server, http, seed, share=share), span, kills=1)
    assert hits, "no kill found its process alive: nothing was tried"


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_killed_at_a_write_or_a_request_each_task_is_launched_once(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer, share: float
) -> None:
    killed = 0
    for point in range(2, 62, 6):
        trial = Trial(tmp_path / str(point), fork_server, http, seed=point, size=8, share=share)
        killed += trial.begin(die_at=point).wait() == KILLED
        trial.state()
        trial.apply_until_done()
        trial.check()
    assert killed > 5, "a run has more points than that: nothing was tried"


def test_killed_and_without_its_log_it_is_refused_and_then_finds_its_launches(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer
) -> None:
    refused = 0
    for point in range(8, 48, 8):
        trial = Trial(tmp_path / str(point), fork_server, http, seed=point, size=8)
        trial.begin(die_at=point).wait()
        log = next((trial.folder / ".taskspec").rglob("*.db-wal"))
        log.unlink()
        if trial.begin().wait() == ExitCode.STATE:
            refused += 1
            assert "is older than its marker" in trial.said()
            next((trial.folder / ".taskspec").rglob("*.lineage")).unlink()
        trial.apply_until_done()
        trial.check_starts()
        assert all(record.succeeded for record in trial.state().records.values())
    assert refused > 2, "no log held an event: nothing was tried"


def test_interrupted_at_any_moment_it_leaves_by_itself_and_the_next_apply_goes_on(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer, span: float
) -> None:
    for seed in range(8):
        trial = Trial(tmp_path / str(seed), fork_server, http, seed, share=0.3 * (seed % 2))
        child = trial.begin()
        child.kill_after(trial.chance.uniform(0.05, span), signal.SIGINT)
        assert child.wait() in LEFT, trial.said()
        trial.apply_until_done()
        trial.check()


def test_interrupted_between_an_intent_and_its_send_the_next_apply_makes_the_same_attempt(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer
) -> None:
    trial = Trial(tmp_path, fork_server, http, seed=1, size=8)
    assert trial.begin(interrupted_send=True).wait() in LEFT, trial.said()
    assert not trial.fake.starts
    trial.apply_until_done()
    trial.check()


def test_of_two_applies_at_once_one_goes_on_and_one_refuses(
    tmp_path: Path, fork_server: ForkServer, second_fork_server: ForkServer, http: HttpServer
) -> None:
    trial = Trial(tmp_path, fork_server, http, seed=1, size=8)
    first = trial.begin(hold_at=2)
    wait_for(tmp_path / "held")
    assert trial.begin(second_fork_server).wait() == ExitCode.CONFLICT, trial.said()
    (tmp_path / "go").touch()
    assert first.wait() == ExitCode.DONE, trial.said()
    trial.check()


@pytest.mark.parametrize("write", [1, 2, 3, 5])
def test_a_paused_owner_that_wakes_up_can_neither_write_nor_start(
    tmp_path: Path, fork_server: ForkServer, second_fork_server: ForkServer, http: HttpServer, write: int
) -> None:
    trial = Trial(tmp_path, fork_server, http, seed=1, size=8)
    paused = trial.begin(hold_at=write)
    wait_for(tmp_path / "held")
    wait_until_sent(trial)
    paused.send(signal.SIGSTOP)
    assert trial.begin(second_fork_server, lease=0.001).wait() == ExitCode.DONE, trial.said()
    trial.check()
    (tmp_path / "go").touch()
    paused.send(signal.SIGCONT)
    assert paused.wait() == ExitCode.CONFLICT, trial.said()
    trial.check()


def test_an_owner_paused_between_its_intent_and_its_send_sends_nothing_when_it_wakes_up(
    tmp_path: Path, fork_server: ForkServer, second_fork_server: ForkServer, http: HttpServer
) -> None:
    trial = Trial(tmp_path, fork_server, http, seed=1, size=8)
    paused = trial.begin(hold_send=True)
    wait_for(tmp_path / "held")
    paused.send(signal.SIGSTOP)
    assert trial.begin(second_fork_server, lease=0.001).wait() == ExitCode.DONE, trial.said()
    (tmp_path / "go").touch()
    paused.send(signal.SIGCONT)
    assert paused.wait() == ExitCode.CONFLICT, trial.said()
    trial.check()


def test_on_a_full_disk_nothing_is_started_without_a_durable_intent(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer
) -> None:
    refused = 0
    for seed, limit in enumerate(range(24_000, 100_000, 8_000)):
        trial = Trial(tmp_path / str(seed), fork_server, http, seed, size=12)
        code = trial.begin(file_limit=limit).wait()
        refused += code == ExitCode.STATE
        assert code in (ExitCode.STATE, ExitCode.DONE), trial.said()
        assert set(trial.fake.starts) <= intents(trial)
        trial.apply_until_done()
        trial.check()
    assert refused, "the disk was never full: nothing was tried"


@pytest.mark.skipif(not IS_POSSIBLE, reason="no filter for system calls on this machine")
@pytest.mark.parametrize("write", range(1, 8))
def test_on_a_disk_that_does_not_sync_nothing_is_started_without_a_durable_intent(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer, write: int
) -> None:
    trial = Trial(tmp_path, fork_server, http, seed=write, size=12)
    assert trial.begin(sync_fails_at=write).wait() == ExitCode.STATE, trial.said()
    assert set(trial.fake.starts) <= intents(trial)
    trial.apply_until_done()
    trial.check()


def intents(trial: Trial) -> set[str]:
    path = next((trial.folder / ".taskspec").rglob("*.db"), None)
    if path is None:
        return set()
    with open_store(path, clock=time.time) as store:
        return {row.event.key for row in store.events() if row.event.kind is EventKind.INTENT}


@pytest.mark.parametrize("victims", ["the server", "both"])
def test_a_local_server_that_is_killed_runs_nothing_twice(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer, victims: str
) -> None:
    trial = Trial(tmp_path, fork_server, http, seed=1)
    count = local_spec(tmp_path, tasks=6)
    order = trial.order(plain=True)
    for name in ("SERVER_ADDRESS", "API_TOKEN", "WORKSPACE_ID"):
        del order["env"][name]
    home = ServerHome(tmp_path / "home" / "taskspec" / "server")
    try:
        child = fork_server.fork(order)
        wait_for(count)
        server = server_client.find_running(home)
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        child.send(signal.SIGKILL if victims == "both" else signal.SIGINT)
        child.wait()
        for _ in range(5):
            if fork_server.fork(order).wait() == ExitCode.DONE:
                break
        assert sorted(count.read_text(encoding="utf-8").split()) == [f"t{n}" for n in range(6)], trial.said()
    finally:
        server_client.stop(home)


POINTS = (*range(4, 44, 8), *range(44, 60))
"""Close together where the last user of the service has ended and the service has not."""
SERVED = """
taskspec: 1
name: served
tasks:
  train: {module: ./job, params: {word: train}}
  serve: {module: ./service, kind: service, depends_on: train}
  ask:
    kind: request
    service: "{{ tasks.serve.id }}"
    method: evaluate
    idempotent: true
    results: {map: "{{ response.map }}"}
  report: {module: ./job, params: {word: "report {{ tasks.ask.results.map }}"}}
"""


def test_killed_anywhere_with_a_service_no_job_runs_twice_and_no_service_is_left(
    tmp_path: Path, fork_server: ForkServer, http: HttpServer
) -> None:
    home = ServerHome(tmp_path / "home" / "server")
    killed = 0
    try:
        for point in POINTS:
            trial = Trial(tmp_path / str(point), fork_server, http, seed=point)
            count = served_spec(trial.folder)
            order = trial.order(die_at=point)
            for name in ("SERVER_ADDRESS", "API_TOKEN", "WORKSPACE_ID"):
                del order["env"][name]
            order["env"]["TASKSPEC_HOME"] = str(tmp_path / "home")
            killed += fork_server.fork(order).wait() == KILLED
            for _ in range(5):
                if fork_server.fork({**order, "die_at": None}).wait() == ExitCode.DONE:
                    break
            assert sorted(count.read_text(encoding="utf-8").splitlines()) == ["report 0.5", "train"], trial.said()
            assert trial.state().records["report"].succeeded
        endpoint = server_client.find_running(home)
        assert endpoint is not None
        with closing(Server("local", True, 1, lambda: Credentials(endpoint.address, endpoint.token))) as server:
            launches = list(server.api.task.list_after(1, 0))
        assert all(launch.status is not None and launch.status.is_terminal for launch in launches)
        assert [launch.name for launch in launches].count("train") == len(POINTS)
        assert killed > len(POINTS) // 2, "a run has more points than that: nothing was tried"
    finally:
        server_client.stop(home)


def served_spec(folder: Path) -> Path:
    """Write a spec with two jobs and a service with a request between them. Each job appends a word to the file."""
    count = folder / "count"
    line = f"echo $(printenv modal.state.word) >> '{count}'"
    for name, entrypoint, program in (("job", line, ""), ("service", "python main.py", source("constant"))):
        (folder / name).mkdir()
        config = {"name": name, "entrypoint": entrypoint}
        (folder / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / name / "main.py").write_text(program, encoding="utf-8")
    (folder / "spec.yaml").write_text(SERVED, encoding="utf-8")
    return count


def local_spec(folder: Path, tasks: int) -> Path:
    """Write a spec with a chain of apps that append a word to the returned file."""
    count = folder / "count"
    (folder / "app").mkdir()
    line = f"sleep 0.2; echo $(printenv modal.state.word) >> '{count}'"
    (folder / "app" / "config.json").write_text(json.dumps({"name": "app", "entrypoint": line}), encoding="utf-8")
    lines = ["taskspec: 1", "name: killed", "tasks:"]
    for n in range(tasks):
        up = f", depends_on: t{n - 2}" if n > 1 else ""
        lines.append(f"  t{n}: {{module: ./app, params: {{word: t{n}}}{up}}}")
    (folder / "spec.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return count


def wait_until_sent(trial: Trial, patience: float = 30.0) -> None:
    """Wait until each durable intent was sent. docs/proof.md names the gap between the two."""
    end = time.monotonic() + patience
    while len(trial.state().records) != len(trial.fake.starts):
        assert time.monotonic() < end, f"{trial.fake.starts} of {list(trial.state().records)}"
        time.sleep(0.01)


def wait_for(path: Path, patience: float = 30.0) -> None:
    end = time.monotonic() + patience
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.01)
