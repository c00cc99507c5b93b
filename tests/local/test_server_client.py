"""Find, start and stop the server from a command: one home never has two servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from taskspec.errors import LocalServerError
from taskspec.local import server_client
from taskspec.local.home import ServerHome, ServerInfo, find_home, is_held, read_token, try_lock, write_info

from .serving import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[ServerHome]:
    home = find_home({"TASKSPEC_HOME": str(tmp_path / "home")})
    yield home
    server_client.stop(home)


def test_nothing_runs_in_a_new_home(home: ServerHome) -> None:
    assert server_client.find_running(home) is None
    assert server_client.stop(home) is False
    assert not home.path.exists(), "asking leaves no trace"


def test_a_server_is_started_found_and_stopped(home: ServerHome) -> None:
    endpoint = server_client.ensure_running(home)
    assert endpoint.address.startswith("http://127.0.0.1:")
    assert endpoint.token == read_token(home)
    assert server_client.find_running(home) == endpoint
    assert server_client.ensure_running(home) == endpoint
    assert server_client.stop(home) is True
    assert server_client.find_running(home) is None
    assert not is_held(home)


def test_the_server_outlives_the_command_that_started_it(home: ServerHome) -> None:
    program = (
        "from pathlib import Path; from taskspec.local.server_client import ensure_running;"
        f"from taskspec.local.home import ServerHome; print(ensure_running(ServerHome(Path({str(home.path)!r}))).pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    endpoint = server_client.find_running(home)
    assert endpoint is not None
    assert endpoint.pid == int(done.stdout)
    assert done.stderr == ""
    assert os.getsid(endpoint.pid) == endpoint.pid


def test_many_starters_at_once_make_one_server(home: ServerHome) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: server_client.ensure_running(home), range(6)))
    assert len({endpoint.pid for endpoint in found}) == 1
    named = [p.pid for p in psutil.process_iter() if str(home.path) in _command_line(p) and "-m" in _command_line(p)]
    assert named == [found[0].pid]


def test_a_dead_server_is_recognised_and_replaced(home: ServerHome) -> None:
    first = server_client.ensure_running(home)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not is_held(home))
    assert home.info.exists()
    assert server_client.find_running(home) is None
    second = server_client.ensure_running(home)
    assert second.pid != first.pid
    assert (second.address, second.token) == (first.address, first.token)


def test_a_stale_note_that_names_a_foreign_port_gets_no_token(home: ServerHome) -> None:
    home.create()
    write_info(home, ServerInfo("http://127.0.0.1:1", 1, os.getpid(), "2026-01-01T00:00:00.000Z"))
    assert server_client.find_running(home) is None


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: ServerHome) -> None:
    home.create()
    home.database.write_text("this is not a database, " * 100)
    with pytest.raises(LocalServerError, match=r"ended at once with exit code 4; [\s\S]*cannot be opened") as caught:
        server_client.ensure_running(home)
    assert str(home.log) in caught.value.remedy
    assert not is_held(home)


def test_a_database_of_a_newer_taskspec_is_refused(home: ServerHome) -> None:
    server_client.ensure_running(home)
    server_client.stop(home)
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version=99')",
            str(home.database),
        ],
        check=True,
    )
    with pytest.raises(LocalServerError, match="newer taskspec"):
        server_client.ensure_running(home)


def test_a_token_others_can_read_is_refused(home: ServerHome) -> None:
    read_token(home)
    home.token.chmod(0o644)
    with pytest.raises(LocalServerError, match="other users") as caught:
        server_client.ensure_running(home)
    assert "chmod 600" in caught.value.remedy


def test_a_home_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalServerError, match="cannot use its folder") as caught:
        server_client.ensure_running(ServerHome(tmp_path / "file" / "server"))
    assert "TASKSPEC_HOME" in caught.value.remedy


def test_a_second_server_in_the_foreground_is_refused(home: ServerHome) -> None:
    server_client.ensure_running(home)
    done = subprocess.run(
        [sys.executable, "-m", "taskspec.local", "--home", str(home.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 4
    assert "another local server runs" in done.stderr


def test_an_idle_server_leaves_and_frees_its_lock(home: ServerHome) -> None:
    endpoint = server_client.ensure_running(home, idle_seconds=0.2)
    until(lambda: not is_held(home))
    assert server_client.find_running(home) is None
    assert server_client.ensure_running(home).address == endpoint.address


def test_the_lock_has_one_holder(home: ServerHome) -> None:
    home.create()
    assert not is_held(home)
    lock = try_lock(home)
    assert lock is not None
    assert try_lock(home) is None
    assert is_held(home)
    os.close(lock)
    assert not is_held(home)


def test_the_home_is_where_the_environment_says(tmp_path: Path) -> None:
    assert find_home({"TASKSPEC_HOME": str(tmp_path)}).path == tmp_path / "server"
    assert find_home({}).path.name == "server"


def test_the_client_side_loads_no_server_code() -> None:
    program = (
        "import sys; before = set(sys.modules); import taskspec.local.server_client;"
        "print(sorted({'uvicorn', 'starlette', 'sqlite3', 'psutil'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
