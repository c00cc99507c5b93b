"""Processes of launches: their ends, stops, restarts and files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.local.serving import until, write_app

if TYPE_CHECKING:
    from tests.local.serving import RunningServer

WAIT_FOR_GO = 'while [ ! -e "$SLY_APP_DATA_DIR/go" ]; do sleep 0.02; done'


def test_exit_code_zero_is_finished(local_server: RunningServer) -> None:
    task = local_server.end_of(local_server.run("zero", "true"))
    assert task["status"] == "finished"
    assert "error" not in task["meta"]


def test_another_exit_code_is_an_error_with_the_last_words(local_server: RunningServer) -> None:
    task_id = local_server.run("three", "echo out; echo 'disk is full' >&2; exit 3")
    task = local_server.end_of(task_id)
    assert task["status"] == "error"
    assert task["meta"]["error"] == {"message": "exit code 3", "exitCode": 3, "details": "disk is full"}
    [last] = [entry for entry in local_server.logs(task_id) if entry["level"] == "fatal"]
    assert last["message"] == "exit code 3"
    assert last["event_type"] == "EventType.TASK_CRASHED"


def test_a_killed_app_names_the_signal(local_server: RunningServer) -> None:
    task = local_server.end_of(local_server.run("killed", "exec sh -c 'kill -KILL $$'"))
    assert task["meta"]["error"]["message"] == "exit code 137 (SIGKILL)"


def test_the_words_of_a_dialog_are_the_error(local_server: RunningServer) -> None:
    task = local_server.end_of(
        local_server.run("dialog", "echo 'x Error title: Bad input' >&2; echo 'Error message: no images' >&2; exit 1")
    )
    assert task["meta"]["error"]["message"] == "Bad input: no images (exit code 1)"


def test_a_main_script_runs_with_our_python_in_the_apps_root(local_server: RunningServer) -> None:
    path = write_app(local_server.apps / "scripted")
    (path / "src").mkdir()
    (path / "src" / "main.py").write_text("import os, src.words\nprint(os.getcwd(), src.words.WORD)")
    (path / "src" / "words.py").write_text("WORD = 'hello'")
    module = local_server.control("modules.register", path=str(path))["moduleId"]
    task_id = local_server.start_app(module)
    assert local_server.end_of(task_id)["status"] == "finished"
    folder, word = local_server.messages(task_id)[0].split()
    assert folder.startswith(str(local_server.home.modules))
    assert word == "hello"


def test_entrypoint_wins_over_main_script(local_server: RunningServer) -> None:
    module = local_server.register("both", entrypoint="echo entry", main_script="nowhere.py")
    task_id = local_server.start_app(module)
    local_server.end_of(task_id)
    assert local_server.messages(task_id) == ["entry"]


def test_an_app_has_its_own_session_and_no_input(local_server: RunningServer) -> None:
    task_id = local_server.run("session", "cat; ps -o sid= -p $$ || true; python -c 'import os; print(os.getsid(0))'")
    assert local_server.end_of(task_id)["status"] == "finished"
    assert int(local_server.messages(task_id)[-1]) != os.getsid(local_server.pid)


def test_an_app_gets_none_of_the_servers_open_files(local_server: RunningServer) -> None:
    task_id = local_server.run("descriptors", "exec python -c 'import os; print(sorted(os.listdir(\"/dev/fd\")))'")
    local_server.end_of(task_id)
    # 3 is the descriptor with which the folder is listed
    assert local_server.messages(task_id) == ["['0', '1', '2', '3']"]


def test_what_an_app_leaves_running_ends_with_it(local_server: RunningServer) -> None:
    task_id = local_server.run("leftover", 'sleep 600 & echo $! >"$SLY_APP_DATA_DIR/pid"')
    assert local_server.end_of(task_id)["status"] == "finished"
    pid = int((local_server.data_dir(task_id) / "pid").read_text())
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_data_stays_and_storage_is_shared(local_server: RunningServer) -> None:
    first = local_server.run("writer", 'echo x >"$SLY_APP_DATA_DIR/kept"; echo shared >"$AGENT_STORAGE/shared"')
    local_server.end_of(first)
    second = local_server.run("reader", 'cat "$AGENT_STORAGE/shared"; ls "$SLY_APP_DATA_DIR"')
    local_server.end_of(second)
    assert (local_server.data_dir(first) / "kept").exists()
    assert local_server.messages(second) == ["shared"]


def test_a_process_that_cannot_be_started_is_an_error_of_the_launch(local_server: RunningServer) -> None:
    task = local_server.end_of(local_server.run("nul", "true", params={"state": {"a": "x\0y"}}))
    assert task["status"] == "error"
    assert "cannot be started" in task["meta"]["error"]["message"]


def test_a_launch_is_claimed_before_the_app_begins(local_server: RunningServer) -> None:
    task_id = local_server.run("claimed", "true")
    local_server.end_of(task_id)
    run_dir = local_server.home.task(task_id) / "attempt-1"
    assert int((run_dir / "claim").read_text())
    assert (run_dir / "exit").read_text() == "0\n"


def test_a_stop_asks_politely_first(local_server: RunningServer) -> None:
    task_id = local_server.run(
        "polite",
        'exec python -c \'import time\ntry:\n print("up", flush=True); time.sleep(600)\n'
        'except KeyboardInterrupt:\n print("bye")\'',
    )
    until(lambda: "up" in local_server.messages(task_id))
    assert local_server.call("tasks.stop", id=task_id) == {"status": "terminating"}
    assert local_server.end_of(task_id)["status"] == "stopped"
    assert local_server.messages(task_id) == ["up", "bye"]
    assert (local_server.home.task(task_id) / "attempt-1" / "exit").read_text() == "0\n"


def test_an_app_that_ignores_every_plea_is_killed(local_server: RunningServer) -> None:
    task_id = local_server.run("deaf", "trap '' INT TERM; echo up; while true; do sleep 0.05; done")
    until(lambda: "up" in local_server.messages(task_id))
    local_server.call("tasks.stop", id=task_id)
    assert local_server.info(task_id)["status"] in {"terminating", "stopped"}
    assert local_server.call("tasks.stop", id=task_id)["status"] in {"terminating", "stopped"}
    assert local_server.end_of(task_id)["status"] == "stopped"


def test_a_stop_at_once_after_the_start_leaves_nothing_behind(local_server: RunningServer) -> None:
    module = local_server.register("early", entrypoint="sleep 600")
    for _ in range(10):
        task_id = local_server.start_app(module)
        local_server.call("tasks.stop", id=task_id)
        assert local_server.end_of(task_id)["status"] == "stopped"


def test_logs_of_a_running_app_can_be_read(local_server: RunningServer) -> None:
    task_id = local_server.run("talking", f"echo one; echo two >&2; {WAIT_FOR_GO}; echo three")
    until(lambda: set(local_server.messages(task_id)) == {"one", "two"})
    assert local_server.info(task_id)["status"] == "started"
    (local_server.data_dir(task_id) / "go").touch()
    local_server.end_of(task_id)
    assert sorted(local_server.messages(task_id)) == ["one", "three", "two"]


def test_json_lines_are_taken_apart(local_server: RunningServer) -> None:
    line = {
        "message": "progress",
        "event_type": "EventType.PROGRESS",
        "current": 1,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "level": "warning",
    }
    path = write_app(local_server.apps / "json-lines", entrypoint="cat lines >&2")
    (path / "lines").write_text(json.dumps(line) + '\n{"no": "log line"}\n')
    module = local_server.control("modules.register", path=str(path))["moduleId"]
    task_id = local_server.start_app(module)
    local_server.end_of(task_id)
    first, second = local_server.logs(task_id)
    assert first == {**line, "level": "warn", "task_id": task_id}
    assert (second["message"], second["level"]) == ('{"no": "log line"}', "info")


def test_wild_output_is_kept_within_bounds(local_server: RunningServer) -> None:
    task_id = local_server.run(
        "wild", 'python -c \'import sys; w = sys.stdout.buffer.write; w(b"a" * 3_000_000 + b"\\n\\xff\\xfe\\nlast")\''
    )
    local_server.end_of(task_id)
    long, broken, last = local_server.messages(task_id)
    assert len(long) < 70_000
    assert broken == "\ufffd\ufffd"
    assert last == "last"


def test_many_lines_all_arrive_in_order(local_server: RunningServer) -> None:
    task_id = local_server.run("lines", "seq 1 50000")
    local_server.end_of(task_id)
    assert local_server.messages(task_id) == [str(number) for number in range(1, 50_001)]


def test_on_error_runs_the_same_task_again_until_it_succeeds(local_server: RunningServer) -> None:
    task_id = local_server.run(
        "flaky",
        'echo x >>"$SLY_APP_DATA_DIR/tries"; test $(wc -l <"$SLY_APP_DATA_DIR/tries") -ge 3',
        restartPolicy="on_error",
    )
    task = local_server.end_of(task_id)
    assert task["status"] == "finished"
    assert task["meta"]["attempt"] == 3
    assert local_server.messages(task_id) == ["exit code 1", "exit code 1"]


def test_on_error_gives_up_after_three_restarts(local_server: RunningServer) -> None:
    task_id = local_server.run("hopeless", "exit 1", restartPolicy="on_error")
    task = local_server.end_of(task_id)
    assert task["status"] == "error"
    assert task["meta"]["attempt"] == 4


def test_a_stopped_task_is_not_restarted(local_server: RunningServer) -> None:
    task_id = local_server.run("stopped-once", "echo up; sleep 600", restartPolicy="on_error")
    until(lambda: "up" in local_server.messages(task_id))
    local_server.call("tasks.stop", id=task_id)
    task = local_server.end_of(task_id)
    assert (task["status"], task["meta"]["attempt"]) == ("stopped", 1)


def test_no_more_than_the_capacity_runs_and_the_rest_waits_in_order(own_server: RunningServer) -> None:
    own_server.start("--capacity", "1")
    first = own_server.run("first", WAIT_FOR_GO)
    own_server.wait_for_status(first, "started")
    second = own_server.run("second", WAIT_FOR_GO)
    third = own_server.run("third", "true")
    fourth = own_server.run("fourth", "true")
    assert [own_server.info(task_id)["status"] for task_id in (second, third, fourth)] == ["queued"] * 3
    assert own_server.call("tasks.stop", id=third) == {"status": "stopped"}
    (own_server.data_dir(first) / "go").touch()
    own_server.wait_for_status(second, "started")
    assert own_server.info(fourth)["status"] == "queued"
    (own_server.data_dir(second) / "go").touch()
    assert own_server.end_of(fourth)["status"] == "finished"
    assert not own_server.home.task(third).exists()


def say_finished(server: RunningServer, task_id: int, way: str) -> None:
    if way == "tasks.logs.add":
        entry = {"message": "done", "level": "info", "task_id": task_id, "event_type": "EventType.TASK_FINISHED"}
        server.call(way, logs=[entry])
    else:
        server.call(way, id=task_id, status="finished")
    assert server.info(task_id)["status"] == "finished"


def end_process(server: RunningServer, task_id: int) -> None:
    """Let the app exit, and wait until the server has handled its end."""
    (server.data_dir(task_id) / "go").touch()
    until((server.home.task(task_id) / "attempt-1" / "exit").exists)
    until(lambda: server.control("status")["activeLaunches"] == 0)


@pytest.mark.parametrize("code", [4, 9])
@pytest.mark.parametrize("way", ["tasks.logs.add", "tasks.status.update"])
def test_the_exit_code_overrules_an_app_that_said_finished(own_server: RunningServer, way: str, code: int) -> None:
    own_server.start()
    task_id = own_server.run("said-finished", f"{WAIT_FOR_GO}; exit {code}", restartPolicy="on_error")
    own_server.wait_for_status(task_id, "started")
    say_finished(own_server, task_id, way)
    end_process(own_server, task_id)
    task = own_server.info(task_id)
    assert (task["status"], task["meta"]["error"]["exitCode"]) == ("error", code)
    assert task["meta"]["error"]["message"] == f"exit code {code}"
    assert task["meta"]["attempt"] == 1, "a client may have seen the success, so the work is not done again"


@pytest.mark.parametrize("way", ["tasks.logs.add", "tasks.status.update"])
def test_an_app_that_said_finished_and_is_stopped_has_finished(own_server: RunningServer, way: str) -> None:
    own_server.start()
    task_id = own_server.run("finished-stopped", f"echo up; {WAIT_FOR_GO}")
    until(lambda: "up" in own_server.messages(task_id))
    say_finished(own_server, task_id, way)
    assert own_server.call("tasks.stop", id=task_id) == {"status": "finished"}
    until(lambda: own_server.control("status")["activeLaunches"] == 0)
    task = own_server.info(task_id)
    assert (task["status"], "error" in task["meta"]) == ("finished", False)


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [("deployed", 1, "error"), ("finished", 0, "finished"), ("stopped", 1, "stopped"), ("error", 0, "error")],
)
def test_an_app_may_set_its_own_status(own_server: RunningServer, said: str, code: int, status: str) -> None:
    own_server.start()
    task_id = own_server.run("self-status", f"{WAIT_FOR_GO}; exit {code}")
    own_server.wait_for_status(task_id, "started")
    own_server.call("tasks.status.update", id=task_id, status=said)
    assert own_server.info(task_id)["status"] == said
    end_process(own_server, task_id)
    assert own_server.info(task_id)["status"] == status
