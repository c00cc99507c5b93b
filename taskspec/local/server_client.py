"""The client's side of the local server: find it, start it in the background, stop it.

Imports no server code, so that a command that only talks to a server starts fast.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from taskspec.api.tasks.waiting import poll_until
from taskspec.api.wire import LOCAL_PREFIX
from taskspec.errors import LocalServerError
from taskspec.local.home import ServerHome, is_held, read_info, read_token, try_lock

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02
_ANSWER_SECONDS = 5.0
_CALL_SECONDS = 600.0
_LOG_LINES = 15
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address and token of a running local server."""

    address: str
    token: str
    pid: int


def find_running(home: ServerHome) -> Endpoint | None:
    """Return the server that runs in this home, or None when no server answers.

    The lock is tested first. The file of a dead server may name a port that another program uses now, and that
    program must not receive the token.
    """
    if not is_held(home):
        return None
    info = read_info(home)
    if info is None:
        return None
    endpoint = Endpoint(info.address, read_token(home), info.pid)
    status = _ask(endpoint, "GET", "status")
    return endpoint if status is not None and status.get("pid") == info.pid else None


def ensure_running(home: ServerHome, *, idle_seconds: float | None = None) -> Endpoint:
    """Return the running server of this home, or start one in the background.

    Several callers at once start one server. Raises LocalServerError with the end of the server's log when the server
    does not answer.
    """
    read_token(home)  # an error of the token file is raised here, where it reaches the user with its remedy

    def look() -> Endpoint | None:
        found = find_running(home)
        if found is not None:
            return found
        lock = try_lock(home)  # None: another process is starting the server
        return None if lock is None else _start(home, lock, idle_seconds)

    endpoint = _poll(look, START_SECONDS)
    if endpoint is None:
        raise _failed(home, f"does not answer within {START_SECONDS:g} s, though it holds its lock")
    return endpoint


def stop(home: ServerHome) -> bool:
    """Ask the server to exit and wait for it. Return False when no server ran. Apps keep running."""
    endpoint = find_running(home)
    if endpoint is None:
        return False
    _ask(endpoint, "POST", "shutdown")
    if _poll(lambda: None if is_held(home) else True, STOP_SECONDS) is None:
        raise _failed(home, f"did not exit within {STOP_SECONDS:g} s")
    return True


def call(endpoint: Endpoint, name: str, fields: Mapping[str, Any] | None = None) -> Any:
    """Call an endpoint that only a local server has. Raises LocalServerError with the server's message."""
    try:
        status, body = _request(endpoint, "POST", name, json.dumps(fields or {}), seconds=_CALL_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LocalServerError(
            f"the local server did not answer to {name}: {error}", remedy="see its log: taskspec server status"
        ) from None
    if status != 200:
        details = body.get("details") if isinstance(body, dict) else None
        reason = str(details.get("message")) if isinstance(details, dict) else f"the local server refused: {body}"
        raise LocalServerError(reason, remedy="see: taskspec server --help")
    return body


def _start(home: ServerHome, lock: int, idle_seconds: float | None) -> Endpoint:
    """Start a server that inherits the lock, and wait for its first answer."""
    try:
        process = _spawn(home, lock, idle_seconds)
    finally:
        os.close(lock)

    def look() -> Endpoint | None:
        found = find_running(home)
        if found is None and process.poll() is not None:
            raise _failed(home, f"ended at once with exit code {process.returncode}")
        return found

    endpoint = _poll(look, START_SECONDS)
    if endpoint is None:
        process.kill()
        process.wait()
        raise _failed(home, f"did not answer within {START_SECONDS:g} s")
    # The server outlives this process on purpose. Without this line Python warns about a child that is still running.
    process.returncode = 0
    return endpoint


def _spawn(home: ServerHome, lock: int, idle_seconds: float | None) -> subprocess.Popen[bytes]:
    # -P: a "taskspec" or "starlette" in the current folder must not be imported.
    command = [sys.executable, "-P", "-m", "taskspec.local", "--home", str(home.path), "--lock-descriptor", str(lock)]
    if idle_seconds is not None:
        command += ["--idle", str(idle_seconds)]
    with contextlib.suppress(FileNotFoundError):
        home.log.replace(home.log.with_suffix(".log.1"))  # keeps the log of a server that died
    descriptor = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=home.path,
            pass_fds=[lock],
            start_new_session=True,
        )
    except OSError as error:
        raise _failed(home, f"cannot be started: {error}") from None
    finally:
        os.close(descriptor)


def _ask(endpoint: Endpoint, method: str, name: str) -> dict[str, Any] | None:
    """Send one request to the server. Return None without a successful answer."""
    try:
        status, body = _request(endpoint, method, name, seconds=_ANSWER_SECONDS)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return body if status == 200 and isinstance(body, dict) else None


def _request(endpoint: Endpoint, method: str, name: str, body: str | None = None, *, seconds: float) -> tuple[int, Any]:
    headers = {"x-api-key": endpoint.token, **({"Content-Type": "application/json"} if body is not None else {})}
    port = urlsplit(endpoint.address).port
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)) as connection:
        connection.request(method, LOCAL_PREFIX + name, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def _poll(look: Callable[[], _Found | None], seconds: float) -> _Found | None:
    return poll_until(
        look, clock=time.monotonic, pause=time.sleep, timeout=seconds, first=_POLL_SECONDS, longest=_POLL_SECONDS
    )


def _failed(home: ServerHome, what: str) -> LocalServerError:
    try:
        lines = home.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        lines = []
    seen = "\n  ".join(["", *lines]) if lines else " (its log is empty)"
    return LocalServerError(
        f"the local server {what}; the end of its log:{seen}",
        remedy=f'read "{home.log}"; to see it live, run: python -m taskspec.local --home {home.path}',
    )
