"""When a server exits by itself, and when it must not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.local.agent.test_agent import WAIT_FOR_GO

from .serving import until, write_app

if TYPE_CHECKING:
    from .serving import RunningServer

# An app that waits for many idle times, then sends a request. It fails without an answer.
CALL_LATE = """
import os, time, urllib.request
time.sleep(1)
address = os.environ["SERVER_ADDRESS"] + "/public/api/v3/instance.version"
request = urllib.request.Request(address, b"{}", {"x-api-key": os.environ["API_TOKEN"]})
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
    assert answer.status == 200
"""


def test_a_server_with_a_running_launch_stays(own_server: RunningServer) -> None:
    path = write_app(own_server.apps / "late", main_script="late.py")
    (path / "late.py").write_text(CALL_LATE)
    own_server.start("--idle", "0.1")
    # One request only: between two requests an idle server may exit.
    module = own_server.control("modules.register", path=str(path))["moduleId"]
    task_id = own_server.start_app(module)
    assert own_server.wait_for_exit() == 0
    assert (own_server.home.task(task_id) / "attempt-1" / "exit").read_text() == "0\n"


def test_the_environment_sets_the_idle_time(own_server: RunningServer) -> None:
    own_server.home.create()
    command = [sys.executable, "-m", "taskspec.local", "--home", str(own_server.home.path)]
    for idle, code in (("0.1", 0), ("soon", 4)):
        done = subprocess.run(command, env={**os.environ, "TASKSPEC_SERVER_IDLE": idle}, check=False, timeout=60)
        assert done.returncode == code


def test_a_shutdown_is_answered_and_leaves_apps_running(own_server: RunningServer) -> None:
    own_server.start()
    task_id = own_server.run("survivor", WAIT_FOR_GO)
    own_server.wait_for_status(task_id, "started")
    until((own_server.home.task(task_id) / "attempt-1" / "claim").exists)
    assert own_server.control("shutdown") == {"success": True}
    assert own_server.wait_for_exit() == 0
    assert len(own_server.app_processes()) == 1
