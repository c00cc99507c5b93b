"""A real local server in a process, and helpers for requests to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import requests

from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX, TERMINAL
from taskspec.local.home import ServerHome, read_info, read_token
from tests.waiting import PATIENCE, apps_of, kill_apps_of, until

if TYPE_CHECKING:
    from pathlib import Path


def write_app(folder: Path, **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"name": folder.name, **config}))
    return folder


class RunningServer:
    """A home with a server that can be started, killed and started again."""

    def __init__(self, path: Path, *options: str) -> None:
        self.home = ServerHome(path / "home" / "server")
        self.apps = path / "apps"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def address(self) -> str:
        info = read_info(self.home)
        assert info is not None
        return info.address

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def token(self) -> str:
        return read_token(self.home)

    def start(self, *options: str, environ: dict[str, str] | None = None) -> None:
        arguments = ["--home", str(self.home.path), "--idle", "0", "--stop-grace", "0.3", "--restart-delay", "0.01"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "taskspec.local", *arguments, *self._options, *options],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
        until(self._answers, "the server's first answer")

    def kill(self) -> None:
        """Kill with SIGKILL: the server cannot write anything."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop the server in order. Apps keep running."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(PATIENCE) == 0

    def wait_for_exit(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._session.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()  # a server that is killed leaves no coverage data
            try:
                self._process.wait(3.0)
            except subprocess.TimeoutExpired:
                self.kill()
        kill_apps_of(self.home)

    def app_processes(self) -> list[int]:
        return apps_of(self.home)

    def send(self, method: str, *, verb: str = "POST", prefix: str = API_PREFIX, **options: Any) -> requests.Response:
        headers = {"x-api-key": self.token, **options.pop("headers", {})}
        return self._session.request(verb, self.address + prefix + method, headers=headers, timeout=PATIENCE, **options)

    def call(self, method: str, **fields: Any) -> Any:
        answer = self.send(method, json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, *, prefix: str = API_PREFIX, **fields: Any) -> tuple[int, str]:
        """Send a request that must get a 4xx in the form of the wire. Return its status and message."""
        answer = self.send(method, prefix=prefix, json=fields)
        assert 400 <= answer.status_code < 500, answer.text
        body = answer.json()
        assert set(body) == {"error", "details"}
        return answer.status_code, body["details"]["message"]

    def control(self, method: str, **fields: Any) -> Any:
        answer = self.send(method, prefix=LOCAL_PREFIX, json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def register(self, name: str, **config: Any) -> int:
        path = write_app(self.apps / name, **config)
        return int(self.control("modules.register", path=str(path))["moduleId"])

    def run(self, name: str, entrypoint: str, **fields: Any) -> int:
        """Start an app with one shell command. Return the task id."""
        module = self.register(name, entrypoint=entrypoint)
        return self.start_app(module, **fields)

    def start_app(self, module: int, **fields: Any) -> int:
        rows = self.call("tasks.run.app", **{"agentId": None, "workspaceId": 1, "moduleId": module, **fields})
        return int(rows[0]["taskId"])

    def info(self, task_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.call("tasks.info", id=task_id)
        return found

    def end_of(self, task_id: int) -> dict[str, Any]:
        until(lambda: self.info(task_id)["status"] in TERMINAL, f"the end of task {task_id}")
        return self.info(task_id)

    def wait_for_status(self, task_id: int, status: str) -> None:
        until(lambda: self.info(task_id)["status"] == status, f"status {status} of task {task_id}")

    def data_dir(self, task_id: int) -> Path:
        return self.home.task(task_id) / "data"

    def messages(self, task_id: int) -> list[str]:
        return [entry["message"] for entry in self.logs(task_id)]

    def logs(self, task_id: int, **query: Any) -> list[dict[str, Any]]:
        answer = self.send("tasks.log.download", verb="GET", params={"id": task_id, **query})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def _answers(self) -> bool:
        info = read_info(self.home)
        assert self._process is not None
        assert self._process.poll() is None, "the server ended"
        if info is None or info.pid != self._process.pid:
            return False
        try:
            return self.send("status", verb="GET", prefix=LOCAL_PREFIX).status_code == 200
        except requests.ConnectionError:
            return False
