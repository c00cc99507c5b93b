"""The server may die at any time. Launches continue, and the next server knows their outcomes."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest

from taskspec.local.agent.launcher import SHIM
from taskspec.local.home import read_info
from tests.local.agent.test_agent import WAIT_FOR_GO

from .serving import until

if TYPE_CHECKING:
    from pathlib import Path

    from .serving import RunningServer


def leader(server: RunningServer, task_id: int) -> int:
    return int((server.home.task(task_id) / "attempt-1" / "claim").read_text())


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def edit(server: RunningServer, sql: str, *values: object) -> None:
    """Put the store into the state after a death at the worst time."""
    with closing(sqlite3.connect(server.home.database)) as connection, connection:
        connection.execute(sql, values)


def start_waiting(server: RunningServer, name: str, script: str = WAIT_FOR_GO) -> int:
    task_id = server.run(name, f"echo up; {script}; echo done")
    until(lambda: "up" in server.messages(task_id))
    return task_id


@pytest.mark.parametrize("death", ["kill", "stop"])
def test_a_running_app_is_adopted(own_server: RunningServer, death: str) -> None:
    own_server.start()
    task_id = start_waiting(own_server, "adopted")
    address, token = own_server.address, own_server.token
    getattr(own_server, death)()
    own_server.start()
    assert own_server.address == address, "apps that survive must be able to call the next server"
    assert own_server.token == token
    assert own_server.info(task_id)["status"] == "started"
    (own_server.data_dir(task_id) / "go").touch()
    assert own_server.end_of(task_id)["status"] == "finished"
    assert own_server.messages(task_id) == ["up", "done"]


@pytest.mark.parametrize(("code", "status"), [(0, "finished"), (4, "error")])
def test_an_app_that_ended_meanwhile_gets_its_verdict(own_server: RunningServer, code: int, status: str) -> None:
    own_server.start()
    task_id = own_server.run("meanwhile", f"echo up; {WAIT_FOR_GO}; echo done; exit {code}")
    until(lambda: "up" in own_server.messages(task_id))
    pid = leader(own_server, task_id)
    own_server.kill()
    (own_server.data_dir(task_id) / "go").touch()
    until(lambda: has_ended(pid))
    own_server.start()
    assert own_server.end_of(task_id)["status"] == status
    assert own_server.messages(task_id)[:2] == ["up", "done"]


def test_an_app_that_vanished_is_lost(own_server: RunningServer) -> None:
    own_server.start()
    task_id = start_waiting(own_server, "vanished")
    own_server.kill()
    os.killpg(leader(own_server, task_id), signal.SIGKILL)
    own_server.start()
    task = own_server.end_of(task_id)
    assert task["status"] == "error"
    assert task["meta"]["error"]["message"].startswith("lost")


def test_a_lost_app_is_restarted_if_its_policy_says_so(own_server: RunningServer) -> None:
    own_server.start()
    task_id = own_server.run("lost-once", f"echo up; {WAIT_FOR_GO}", restartPolicy="on_error")
    until(lambda: "up" in own_server.messages(task_id))
    own_server.kill()
    os.killpg(leader(own_server, task_id), signal.SIGKILL)
    (own_server.data_dir(task_id) / "go").touch()
    own_server.start()
    task = own_server.end_of(task_id)
    assert (task["status"], task["meta"]["attempt"]) == ("finished", 2)


@pytest.mark.parametrize("moment", ["before the restart", "after the restart"])
@pytest.mark.parametrize(
    "app",
    [
        f"echo up; {WAIT_FOR_GO}",
        "echo up; exec sleep 600 >/dev/null 2>&1",
        "echo up; exec env -i sleep 600",
        'exec python -c \'import time; big = b"x" * 300_000_000; print("up", flush=True); time.sleep(600)\'',
    ],
    ids=["shell", "silent", "bare", "slow to end"],
)
def test_an_app_whose_shim_died_is_ended_before_its_verdict(own_server: RunningServer, moment: str, app: str) -> None:
    """The app is known by its environment or by its output, whichever it has kept. Much memory takes time to free."""
    own_server.start()
    task_id = own_server.run("orphaned", f'echo $$ >"$SLY_APP_DATA_DIR/pid"; {app}')
    until(lambda: "up" in own_server.messages(task_id))
    pid = int((own_server.data_dir(task_id) / "pid").read_text())
    own_server.kill()
    if moment == "before the restart":
        os.kill(leader(own_server, task_id), signal.SIGKILL)
    own_server.start()
    if moment == "after the restart":
        os.kill(leader(own_server, task_id), signal.SIGKILL)
    task = own_server.end_of(task_id)
    assert has_ended(pid), "a second copy could run at the same time"
    assert task["status"] == "error"
    assert task["meta"]["error"]["message"].startswith("lost")


def test_what_an_app_left_in_its_group_ends_with_a_lost_shim(own_server: RunningServer) -> None:
    own_server.start()
    script = f'env -i sleep 600 >/dev/null 2>&1 & echo $! >"$SLY_APP_DATA_DIR/pid"; echo up; {WAIT_FOR_GO}'
    task_id = own_server.run("orphans", script)
    until(lambda: "up" in own_server.messages(task_id))
    pid = int((own_server.data_dir(task_id) / "pid").read_text())
    own_server.kill()
    os.kill(leader(own_server, task_id), signal.SIGKILL)
    own_server.start()
    assert own_server.end_of(task_id)["status"] == "error"
    until(lambda: has_ended(pid))


def test_a_group_that_another_program_has_now_is_left_alone(own_server: RunningServer, tmp_path: Path) -> None:
    own_server.start()
    task_id = start_waiting(own_server, "reused-group")
    own_server.kill()
    os.killpg(leader(own_server, task_id), signal.SIGKILL)
    script = f"sleep 600 >/dev/null 2>&1 & echo $! >{tmp_path}/pid"
    other = os.posix_spawn("/bin/sh", ["sh", "-c", script], {"PATH": os.defpath}, setsid=True)
    os.waitpid(other, 0)
    bystander = int((tmp_path / "pid").read_text())
    try:
        (own_server.home.task(task_id) / "attempt-1" / "claim").write_text(f"{other}\n")
        own_server.start()
        assert own_server.end_of(task_id)["status"] == "error"
        assert not has_ended(bystander)
    finally:
        os.kill(bystander, signal.SIGKILL)


def test_an_adopted_app_can_be_stopped(own_server: RunningServer) -> None:
    own_server.start()
    task_id = start_waiting(own_server, "adopted-stop")
    own_server.kill()
    own_server.start()
    own_server.call("tasks.stop", id=task_id)
    assert own_server.end_of(task_id)["status"] == "stopped"
    assert own_server.app_processes() == []


def test_a_stop_that_was_under_way_is_carried_on(own_server: RunningServer) -> None:
    own_server.start("--stop-grace", "600")
    task_id = own_server.run("slow-stop", "trap '' INT TERM; echo up; while true; do sleep 0.05; done")
    until(lambda: "up" in own_server.messages(task_id))
    own_server.call("tasks.stop", id=task_id)
    own_server.kill()
    own_server.start()
    assert own_server.end_of(task_id)["status"] == "stopped"


def test_queued_launches_start_under_the_next_server(own_server: RunningServer) -> None:
    own_server.start("--capacity", "1")
    first = start_waiting(own_server, "blocker")
    second = own_server.run("waiter", "true")
    own_server.kill()
    (own_server.data_dir(first) / "go").touch()
    own_server.start()
    assert own_server.end_of(second)["status"] == "finished"


def test_a_launch_that_no_shim_claimed_is_started_again(own_server: RunningServer) -> None:
    """The server was killed after it took the launch and before it started the process."""
    own_server.start("--capacity", "0")
    task_id = own_server.run("unclaimed", "true")
    own_server.kill()
    edit(own_server, "UPDATE launches SET status = 'consumed' WHERE id = ?", task_id)
    own_server.start()
    assert own_server.end_of(task_id)["status"] == "finished"


def test_a_process_that_died_before_it_claimed_is_started_again(own_server: RunningServer) -> None:
    """Killed right after the start: the pid is recorded without its mark, so it may belong to another process."""
    own_server.start("--capacity", "0")
    task_id = own_server.run("not-yet-claimed", 'echo x >>"$SLY_APP_DATA_DIR/runs"')
    own_server.kill()
    edit(own_server, "UPDATE launches SET status = 'started', pid = ? WHERE id = ?", os.getpid(), task_id)
    own_server.start()
    assert own_server.end_of(task_id)["status"] == "finished"
    assert (own_server.data_dir(task_id) / "runs").read_text() == "x\n"


def test_an_app_is_known_again_by_its_mark(own_server: RunningServer) -> None:
    own_server.start()
    task_id = start_waiting(own_server, "marked")

    def mark() -> str | None:
        with closing(sqlite3.connect(own_server.home.database)) as connection:
            [found] = connection.execute("SELECT pid_mark FROM launches WHERE id = ?", (task_id,)).fetchone()
        return str(found) if found else None

    until(mark, "the mark of the process")
    own_server.kill()
    (own_server.home.task(task_id) / "attempt-1" / "claim").write_text("1\n")
    own_server.start()
    assert own_server.info(task_id)["status"] == "started"
    (own_server.data_dir(task_id) / "go").touch()
    assert own_server.end_of(task_id)["status"] == "finished"


def test_a_launch_to_be_stopped_that_no_shim_claimed_never_starts(own_server: RunningServer) -> None:
    own_server.start("--capacity", "0")
    task_id = own_server.run("unclaimed-stop", 'touch "$SLY_APP_DATA_DIR/ran"')
    own_server.kill()
    edit(own_server, "UPDATE launches SET status = 'terminating', stop_requested = 1 WHERE id = ?", task_id)
    own_server.start()
    assert own_server.end_of(task_id)["status"] == "stopped"
    assert not (own_server.data_dir(task_id) / "ran").exists()


@pytest.mark.parametrize("meanwhile", ["runs", "ended"])
def test_an_app_whose_pid_was_not_written_down_is_found(own_server: RunningServer, meanwhile: str) -> None:
    """Killed after the start and before its record: the launch is still started once."""
    own_server.start()
    task_id = start_waiting(own_server, "unrecorded", f'echo x >>"$SLY_APP_DATA_DIR/runs"; {WAIT_FOR_GO}')
    pid = leader(own_server, task_id)
    own_server.kill()
    edit(own_server, "UPDATE launches SET status = 'consumed', pid = NULL, pid_mark = NULL WHERE id = ?", task_id)
    if meanwhile == "ended":
        (own_server.data_dir(task_id) / "go").touch()
        until(lambda: has_ended(pid))
    own_server.start()
    (own_server.data_dir(task_id) / "go").touch()
    assert own_server.end_of(task_id)["status"] == "finished"
    assert (own_server.data_dir(task_id) / "runs").read_text() == "x\n"


def test_a_pid_that_another_process_has_now_is_left_alone(own_server: RunningServer) -> None:
    own_server.start()
    task_id = start_waiting(own_server, "reused")
    own_server.kill()
    os.killpg(leader(own_server, task_id), signal.SIGKILL)
    bystander = os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setsid=True)
    try:
        edit(own_server, "UPDATE launches SET pid = ? WHERE id = ?", bystander, task_id)
        own_server.start()
        own_server.call("tasks.stop", id=task_id)
        assert own_server.end_of(task_id)["status"] == "error"
        assert psutil.Process(bystander).status() != psutil.STATUS_ZOMBIE
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)


def test_the_shim_that_comes_second_runs_nothing(own_server: RunningServer) -> None:
    own_server.start()
    task_id = own_server.run("twice", 'echo x >>"$SLY_APP_DATA_DIR/runs"')
    own_server.end_of(task_id)
    run_dir = own_server.home.task(task_id) / "attempt-1"
    command = ["sh", "-c", f"echo y >>{own_server.data_dir(task_id)}/runs"]
    pid = os.posix_spawnp(
        "bash", ["bash", "-c", SHIM, "taskspec-launch", str(run_dir), "/", *command], dict(os.environ), setsid=True
    )
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (own_server.data_dir(task_id) / "runs").read_text() == "x\n"


def test_log_lines_are_neither_lost_nor_doubled_over_a_restart(own_server: RunningServer) -> None:
    own_server.start()
    script = f"for i in 1 2 3 4 5; do echo $i; done; printf half; {WAIT_FOR_GO}; echo -line"
    task_id = own_server.run("counting", script)
    until(lambda: "5" in own_server.messages(task_id))
    own_server.kill()
    own_server.start()
    own_server.messages(task_id)
    (own_server.data_dir(task_id) / "go").touch()
    own_server.end_of(task_id)
    assert own_server.messages(task_id) == ["1", "2", "3", "4", "5", "half-line"]


def test_a_taken_port_is_replaced_by_another(own_server: RunningServer) -> None:
    own_server.start()
    info = read_info(own_server.home)
    assert info is not None
    own_server.stop()
    with closing(socket.create_server(("127.0.0.1", info.port))):
        own_server.start()
        assert own_server.address != info.address
