"""Requests to running apps: `tasks.request.direct` and `/net/<session token>`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.local.agent.test_agent import WAIT_FOR_GO
from tests.local.served_apps import start_served
from tests.local.serving import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.serving import RunningServer


@pytest.fixture(scope="module")
def served(local_server: RunningServer) -> Iterator[int]:
    task_id = start_served(local_server, "served")
    yield task_id
    local_server.call("tasks.stop", id=task_id)
    local_server.end_of(task_id)


def ask(server: RunningServer, task_id: int, command: str, **fields: Any) -> requests.Response:
    """Send a request like the SDK (wire protocol 2.7)."""
    body = {
        "taskId": task_id,
        "command": command,
        "context": {"outside_request": True},
        "state": {},
        "skipResponse": False,
        "timeout": 60,
        **fields,
    }
    return server.send("tasks.request.direct", json=body)


def direct(server: RunningServer, task_id: int, path: str, verb: str = "POST", **options: Any) -> requests.Response:
    """Send a request like a model client: only the session token, in the path."""
    token = server.info(task_id)["meta"]["sessionToken"]
    return requests.request(verb, f"{server.address}/net/{token}{path}", timeout=PATIENCE, **options)


def test_an_app_that_runs_says_so(local_server: RunningServer, served: int) -> None:
    answer = ask(local_server, served, "is_running")
    assert (answer.status_code, answer.json()) == (200, {"running": True, "mode": "production"})


def test_an_app_that_is_not_ready_says_so_in_its_own_words(local_server: RunningServer, served: int) -> None:
    answer = ask(local_server, served, "is_ready")
    assert (answer.status_code, answer.json()) == (503, {"detail": "Service not ready"})
    (local_server.data_dir(served) / "ready").touch()
    assert ask(local_server, served, "is_ready").json() == {"status": "ready"}


def test_the_app_gets_state_context_and_who_asks(local_server: RunningServer, served: int) -> None:
    answer = ask(local_server, served, "run_evaluation", state={"project_id": 7}, context={"teamId": 1})
    seen = answer.json()
    assert (seen["verb"], seen["path"]) == ("POST", "/run_evaluation")
    assert seen["headers"]["content-type"] == "application/json"
    assert json.loads(seen["body"]) == {
        "state": {"project_id": 7},
        "context": {"teamId": 1},
        "api_token": local_server.token,
        "server_address": local_server.address,
    }


@pytest.mark.parametrize(("command", "path"), [("a/b", "/a/b"), ("/a", "/a"), ("x y?z=1#f", "/x%20y%3Fz%3D1%23f")])
def test_a_command_is_a_path_and_nothing_more(
    local_server: RunningServer, served: int, command: str, path: str
) -> None:
    assert ask(local_server, served, command).json()["path"] == path


def test_the_apps_own_error_is_relayed(local_server: RunningServer, served: int) -> None:
    answer = ask(local_server, served, "fail")
    assert (answer.status_code, answer.json()["detail"]["title"]) == (500, "Oops")


def test_an_app_with_nothing_to_say_answers_json_all_the_same(local_server: RunningServer, served: int) -> None:
    assert ask(local_server, served, "empty").json() is None


@pytest.mark.parametrize("command", ["broken", "nonsense"])
def test_no_whole_answer_is_neither_success_nor_an_invitation_to_retry(
    local_server: RunningServer, served: int, command: str
) -> None:
    answer = ask(local_server, served, command)
    assert (answer.status_code, answer.json()["error"]) == (424, "APP_GAVE_NO_ANSWER")


def test_an_app_that_takes_too_long_is_given_up(local_server: RunningServer, served: int) -> None:
    answer = ask(local_server, served, "sleep", timeout=0.2)
    assert answer.status_code == 424
    assert "within 0.2 s" in answer.json()["details"]["message"]


def test_other_requests_are_answered_while_an_app_thinks(local_server: RunningServer, served: int) -> None:
    assert ask(local_server, served, "sleep", skipResponse=True).json() == {"success": True}
    assert local_server.info(served)["status"] == "started"


def test_a_skipped_answer_still_reaches_the_app(local_server: RunningServer, served: int) -> None:
    assert ask(local_server, served, "note", skipResponse=True).json() == {"success": True}
    until(lambda: "noted" in local_server.messages(served))


def test_an_app_that_does_not_listen_is_not_running(local_server: RunningServer) -> None:
    task_id = local_server.run("mute", WAIT_FOR_GO)
    local_server.wait_for_status(task_id, "started")
    for skip in (False, True):
        answer = ask(local_server, task_id, "is_running", skipResponse=skip)
        assert (answer.status_code, answer.json()["error"]) == (409, "APP_NOT_LISTENING")
    assert direct(local_server, task_id, "/is_running").status_code == 409
    (local_server.data_dir(task_id) / "go").touch()
    local_server.end_of(task_id)
    answer = ask(local_server, task_id, "is_running")
    assert (answer.status_code, answer.json()["error"]) == (409, "APP_NOT_RUNNING")
    assert direct(local_server, task_id, "/is_running").status_code == 409


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"taskId": 999_999}, 404),
        ({"taskId": None}, 400),
        ({"command": None}, 400),
        ({"state": 1}, 400),
        ({"timeout": 0}, 400),
        ({"timeout": "soon"}, 400),
        ({"timeout": True}, 400),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused(
    local_server: RunningServer, served: int, fields: dict[str, Any], status: int
) -> None:
    body = {"taskId": served, "command": "is_running", **fields}
    assert local_server.send("tasks.request.direct", json=body).status_code == status


def test_direct_requests_pass_everything_but_what_is_ours(local_server: RunningServer, served: int) -> None:
    headers = {"X-Custom": "1", "x-api-key": local_server.token}
    seen = direct(local_server, served, "/a%2Fb/c?d=1&e", "PUT", data=b"text", headers=headers).json()
    assert (seen["verb"], seen["path"], seen["body"]) == ("PUT", "/a%2Fb/c?d=1&e", "text")
    assert seen["headers"]["x-custom"] == "1"
    assert "x-api-key" not in seen["headers"]


def test_direct_requests_relay_status_headers_and_body(local_server: RunningServer, served: int) -> None:
    answer = direct(local_server, served, "/page", "GET")
    assert (answer.text, answer.headers["X-App"], answer.headers["Content-Type"]) == ("<html>", "yes", "text/html")
    assert direct(local_server, served, "/fail").status_code == 500
    assert direct(local_server, served, "", "GET").json()["path"] == "/"
    head = direct(local_server, served, "/page", "HEAD")
    assert (head.status_code, head.headers["Content-Length"]) == (200, "6")


def test_direct_requests_take_bodies_of_unknown_length(local_server: RunningServer, served: int) -> None:
    pieces = iter([b"one ", b"two"])
    assert direct(local_server, served, "/echo", data=pieces).json()["body"] == "one two"


def test_direct_requests_need_their_own_token(local_server: RunningServer, served: int) -> None:
    for path in ("/net/", "/net/wrong/is_running", f"/net/{local_server.token}/is_running"):
        assert requests.post(local_server.address + path, timeout=PATIENCE).status_code == 404
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert direct(local_server, served, "/is_running", headers=headers).status_code == 403


def test_a_broken_answer_to_a_direct_request_is_an_error(local_server: RunningServer, served: int) -> None:
    assert direct(local_server, served, "/nonsense").status_code == 424
    with pytest.raises(requests.exceptions.RequestException):
        direct(local_server, served, "/broken")
