"""Tokens of servers and launches are never shown, in any spelling of the server, an app or a fault."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from taskspec.api import Api
from taskspec.local.server_client import Endpoint

from .conftest import Command
from .planted_secret import holding, shows

TOKEN = "5e1d-hidden-of-a-server-9b07"
REMOTE = "tasks: {a: {module: acme/far, version: v1.0.0, workspace: 1}}"


class Chatty(BaseHTTPRequestHandler):
    """A server that repeats the token in every answer."""

    status = 400

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        result = f"no rights for {self.headers['x-api-key']} " + "x" * 250 + self.headers["x-api-key"]
        content = json.dumps({"error": "forbidden", "message": result}).encode()
        self.send_response(self.status)
        self.send_header("Location", f"/login?key={self.headers['x-api-key']}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - the base class calls it so

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def chatty() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Chatty) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("status", [301, 400, 401, 404])
@pytest.mark.parametrize("place", ["environment", "env file"])
def test_the_token_of_a_server_shows_nowhere(
    folder: Path,
    home: Path,
    spec: Callable[[str], Path],
    taskspec: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    chatty: str,
    status: int,
    place: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Chatty, "status", status)
    if place == "environment":
        monkeypatch.setenv("SERVER_ADDRESS", chatty)
        monkeypatch.setenv("API_TOKEN", TOKEN)
    else:
        (home / "supervisely.env").write_text(f'SERVER_ADDRESS={chatty}\nAPI_TOKEN="{TOKEN}"\n')
    path = str(spec(REMOTE))
    lines = ("plan", "plan --json", "plan --offline", "validate", "apply", "apply --json", "status", "state list")
    result = [taskspec(*line.split(), path) for line in lines]
    assert result[0].code == (3 if status == 404 else 4), result
    assert not [one for one in result if shows(one.out + one.err, TOKEN)]
    assert not shows(caplog.text, TOKEN)
    assert holding(folder, TOKEN) == set()


def test_a_bug_report_holds_no_token(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError({"headers": {"x-api-key": TOKEN}})

    monkeypatch.setenv("SERVER_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.setenv("API_TOKEN", TOKEN)
    monkeypatch.setattr("taskspec.cli.commands.graph.open_project", stumble)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    result = taskspec("graph", str(spec(REMOTE)))
    assert result.code == 70
    assert not shows(result.out + result.err, TOKEN)
    assert next(folder.glob("taskspec-bug-*.txt")).read_text().endswith("'x-api-key': '(sensitive)'}}\n")
    assert holding(folder, TOKEN) == set()


@pytest.mark.parametrize("bad", [f"{TOKEN}\r\nmore", f"{TOKEN} x", f"{TOKEN}é", f"{TOKEN}\x07"])
def test_what_is_no_token_is_refused_without_a_word_of_it(
    spec: Callable[[str], Path], taskspec: Command, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.setenv("API_TOKEN", bad)
    result = taskspec("plan", str(spec(REMOTE)))
    assert result.code == 3
    assert "API_TOKEN is not a valid token" in result.err
    assert not shows(result.out + result.err, TOKEN)


def test_a_line_break_after_a_token_is_no_part_of_it(
    spec: Callable[[str], Path], taskspec: Command, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", endpoint.address)
    monkeypatch.setenv("API_TOKEN", f"{endpoint.token}\n")
    assert taskspec("status", str(spec(REMOTE))).code == 0


@pytest.mark.parametrize("address", [f"https://me:{TOKEN}@", f"https://me:{TOKEN}@host:x", f"https://[{TOKEN}@host"])
def test_a_password_in_an_address_is_not_repeated(
    spec: Callable[[str], Path], taskspec: Command, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", address)
    monkeypatch.setenv("API_TOKEN", "a-token-of-the-tests")
    result = taskspec("plan", str(spec(REMOTE)))
    assert result.code == 3
    assert not shows(result.out + result.err, TOKEN)


TELLING = """\
import json, os, sys, urllib.request

def own_token():
    address = os.environ["SERVER_ADDRESS"].rstrip("/") + "/public/api/v3/tasks.info"
    body = json.dumps({"id": int(os.environ["TASK_ID"])}).encode()
    headers = {"Content-Type": "application/json", "x-api-key": os.environ["API_TOKEN"]}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
        return json.load(answer)["meta"]["sessionToken"]

words = f"open /net/{own_token()}/ with {os.environ['API_TOKEN']}"
print(words, flush=True)
"""
SERVING = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/sly/shutdown":
            os._exit(0)
        content = {"running": True, "status": "ready", "words": words, "plain": "fine"}
        if self.path == "/error":
            content = {"error": words}
        content = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["VIRTUAL_PORT"])), Handler)
server.serve_forever(0.01)
"""
USING = "import os, sys, pathlib\npathlib.Path(sys.argv[1]).write_text(os.environ['modal.state.words'])\n"
SESSIONS = """\
tasks:
  serve: {module: ./serve, kind: service}
  ask:
    kind: request
    service: "{{ tasks.serve }}"
    method: words
    results: {words: "{{ response.words }}", plain: "{{ response.plain }}"}
  error: {kind: request, service: "{{ tasks.serve }}", method: error}
  use: {module: ./use, params: {words: "{{ tasks.ask.results.words }}"}}
  fail: {module: ./fail}
results: {words: "{{ tasks.ask.results.words }}"}
"""


def test_the_token_of_a_launch_is_passed_on_and_shows_nowhere(
    folder: Path, spec: Callable[[str], Path], taskspec: Command, endpoint: Endpoint
) -> None:
    apps = {"serve": TELLING + SERVING, "fail": TELLING + "sys.exit(words)\n", "use": USING}
    for name, program in apps.items():
        (folder / name).mkdir()
        (folder / name / "main.py").write_text(program)
        line = f"python3 main.py '{folder / 'used'}'"
        (folder / name / "config.json").write_text(json.dumps({"name": name, "entrypoint": line, "port": 8000}))
    path = str(spec(SESSIONS))
    result = [taskspec("apply", path)]
    assert result[0].code == 1
    document = json.loads(taskspec("status", "--json", path).out)
    ids = {task["address"]: task["task_id"] for task in document["tasks"]}
    with Api(endpoint.address, endpoint.token) as api:
        tokens = [api.task.get_info_by_id(ids[name]).session_token for name in ("serve", "fail")]
    assert all(tokens)
    assert (folder / "used").read_text() == f"open /net/{tokens[0]}/ with {endpoint.token}"
    lines = ("status --json", "results", "results --json", "state export", "plan --json", "plan --offline --json")
    result += [taskspec(*line.split(), path) for line in lines]
    result += [taskspec("logs", path, "serve"), taskspec("logs", "--json", path, "fail")]
    kept = {task["address"] for task in json.loads(result[5].out)["tasks"] if task["action"] == "keep"}
    assert kept >= {"ask", "use"}
    for one in [*result, taskspec("apply", path, "--json"), taskspec("state", "show", path, "ask")]:
        assert not shows(one.out + one.err, *tokens, endpoint.token), one
    assert holding(folder, *tokens, endpoint.token, besides=[folder / "used"]) == set()
