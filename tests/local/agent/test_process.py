"""Each app has its own port, which only this machine can reach."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from taskspec.local.agent.command import command_of, plain_words
from taskspec.local.agent.process import FIRST, LAST, Ports
from tests.local.served_apps import register_served, start_served
from tests.local.serving import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.serving import RunningServer


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        ("uvicorn src.main:app --host 0.0.0.0 --port 8000", "uvicorn src.main:app --host 127.0.0.1 --port 20001"),
        ("uvicorn a:app --host=0.0.0.0 --port=8000 --ws x", "uvicorn a:app --host=127.0.0.1 --port=20001 --ws x"),
        ("uvicorn a:app --port  8000", "uvicorn a:app --port  20001"),
        ("gunicorn -b 0.0.0.0:8000 a:app", "gunicorn -b 127.0.0.1:20001 a:app"),
        ("gunicorn --bind=0.0.0.0:8000 a:app", "gunicorn --bind=127.0.0.1:20001 a:app"),
        ("serve 'localhost:8000'", "serve 'localhost:20001'"),
        ("serve :8000", "serve :20001"),
        ("ADDRESS=127.0.0.1:8000 python a.py", "ADDRESS=127.0.0.1:20001 python a.py"),
        ("uvicorn a:app --port 80001", "uvicorn a:app --port 80001"),
        ("curl http://models.example:8000/x", "curl http://models.example:8000/x"),
        ("train --epochs 8000", "train --epochs 8000"),
        ("python a.py 10.0.0.0 0.0.0.0.1", "python a.py 10.0.0.0 0.0.0.0.1"),
        ("python a.py", "python a.py"),
    ],
)
def test_an_entrypoint_is_moved_to_its_own_port_on_loopback(entrypoint: str, expected: str) -> None:
    assert command_of({"entrypoint": entrypoint}, 20_001) == expected


def test_the_port_of_the_config_is_the_one_that_is_moved() -> None:
    config = {"entrypoint": "serve --port 5000 --metrics-port 8000", "port": 5000}
    assert command_of(config, 20_001) == "serve --port 20001 --metrics-port 8000"


def test_without_a_free_port_an_app_keeps_its_own_and_still_stays_on_loopback() -> None:
    assert command_of({"entrypoint": "serve --host 0.0.0.0 --port 8000"}, None) == "serve --host 127.0.0.1 --port 8000"


def test_a_script_has_no_port_to_move() -> None:
    assert command_of({"main_script": "a b.py"}, 1) == "python 'a b.py'"
    assert command_of({}, None) == "python src/main.py"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("sh", ["/sh"]),
        ("sh -c true", ["/sh", "-c", "true"]),
        ("sh  src/main.py --lr=0.1 --x a:b,c@d%e+f", ["/sh", "src/main.py", "--lr=0.1", "--x", "a:b,c@d%e+f"]),
        ("PYTHONPATH=. sh main.py", None),
        ("sh main.py; ls", None),
        ("sh main.py > out", None),
        ("sh $HOME", None),
        ("sh ~/main.py", None),
        ("sh 'a b'", None),
        ("sh *.py", None),
        ("sh {a,b}", None),
        ("sh a\nrm b", None),
        ("sh a\trm", None),
        ("sh #c", None),
        ("cd", None),
        ("exit 3", None),
        (". ./env", None),
        ("no-such-program-anywhere x", None),
        ("./run.sh", None),
        ("", None),
    ],
)
def test_only_a_command_that_means_what_it_says_goes_without_a_shell(
    command: str, expected: list[str] | None, tmp_path: Path
) -> None:
    (tmp_path / "sh").touch(mode=0o755)
    words = plain_words(command, str(tmp_path))
    assert words == (expected and [str(tmp_path) + expected[0], *expected[1:]])


def test_a_program_that_is_gone_is_looked_for_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "tool").touch(mode=0o755)
    path = f"{first}:{second}"
    assert plain_words("tool", path) == [str(first / "tool")]
    (first / "tool").unlink()
    assert plain_words("tool", path) == [str(second / "tool")]


def test_ports_are_lent_once_until_they_come_back() -> None:
    ports = Ports(LAST - FIRST)
    first = ports.reserve()
    second = ports.reserve()
    assert first is not None
    assert second is not None
    assert first != second
    assert FIRST <= second <= LAST
    again = Ports(first - FIRST)
    again.keep(first)
    assert again.reserve() != first


def test_a_port_in_use_is_not_lent() -> None:
    number = Ports(4711).reserve()
    assert number is not None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", number))
        taken.listen()
        assert Ports(number - FIRST).reserve() != number


def test_two_runs_of_one_app_do_not_collide(local_server: RunningServer) -> None:
    tasks = [start_served(local_server, "twice") for _ in range(2)]
    lines = [next(line for line in local_server.messages(task) if line.startswith("listening")) for task in tasks]
    assert len(set(lines)) == 2
    assert all(line.startswith("listening at 127.0.0.1 2") for line in lines)
    for task in tasks:
        local_server.call("tasks.stop", id=task)
        local_server.end_of(task)


def test_an_app_finds_its_port_in_its_environment(local_server: RunningServer) -> None:
    module = register_served(
        local_server, "by-variable", entrypoint='exec python served.py --host 127.0.0.1 --port "$VIRTUAL_PORT"'
    )
    task_id = local_server.start_app(module)
    until(lambda: local_server.messages(task_id))
    body = {"taskId": task_id, "command": "is_running", "skipResponse": False}
    assert local_server.send("tasks.request.direct", json=body).status_code == 200
    local_server.call("tasks.stop", id=task_id)
    local_server.end_of(task_id)


def test_an_app_with_a_server_is_asked_to_exit_before_it_is_signalled(own_server: RunningServer) -> None:
    own_server.start("--stop-grace", "600")
    task_id = start_served(own_server, "asked")
    assert own_server.call("tasks.stop", id=task_id) == {"status": "terminating"}
    assert own_server.end_of(task_id)["status"] == "stopped"
    assert own_server.messages(task_id)[1:] == ["asked to leave", "left by itself"]


def test_an_app_that_agrees_and_stays_is_signalled(local_server: RunningServer) -> None:
    entrypoint = "trap '' INT TERM; python served.py --host 0.0.0.0 --port 8000; while true; do sleep 0.05; done"
    task_id = local_server.start_app(register_served(local_server, "stays", entrypoint=entrypoint))
    until(lambda: local_server.messages(task_id))
    local_server.call("tasks.stop", id=task_id)
    assert local_server.end_of(task_id)["status"] == "stopped"
    assert "asked to leave" in local_server.messages(task_id)


def test_an_adopted_app_keeps_its_port(own_server: RunningServer) -> None:
    own_server.start()
    task_id = start_served(own_server, "kept-port")
    own_server.kill()
    own_server.start("--stop-grace", "600")
    body = {"taskId": task_id, "command": "is_running", "skipResponse": False}
    assert own_server.call("tasks.request.direct", **body) == {"running": True, "mode": "production"}
    own_server.call("tasks.stop", id=task_id)
    assert own_server.end_of(task_id)["status"] == "stopped"
    assert own_server.messages(task_id)[-1] == "left by itself"
