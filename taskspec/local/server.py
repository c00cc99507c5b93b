"""Run one local server: assemble store, agent and HTTP, and exit on request or when idle."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from taskspec.errors import LocalServerError
from taskspec.local.agent.agent import Agent, AgentSettings
from taskspec.local.agent.app_environment import base_environment
from taskspec.local.agent.job import JobPreparer
from taskspec.local.agent.venv import VirtualEnvironments
from taskspec.local.db import fixtures, retention, timestamps
from taskspec.local.db.blobs import Blobs
from taskspec.local.db.launches import Launches
from taskspec.local.db.logs import Logs
from taskspec.local.db.modules import Modules
from taskspec.local.db.server_database import Store
from taskspec.local.db.team_files import TeamFiles
from taskspec.local.home import ServerHome, ServerInfo, read_info, read_token, write_info
from taskspec.local.http.call import ServerParts
from taskspec.local.http.http_app import HttpApp

LOOPBACK = "127.0.0.1"
_BACKLOG = 2048

_logger = logging.getLogger(__name__)


def listen(home: ServerHome, port: int | None) -> socket.socket:
    """Listen on the given port, else on that of the last run, which running apps still call, else on any."""
    if port is not None:
        return _bind(port)
    last = read_info(home)
    if last is not None:
        try:
            return _bind(last.port)
        except LocalServerError:
            _logger.warning("port %d of the last run is taken; using another", last.port)
    return _bind(0)


def _bind(port: int) -> socket.socket:
    # asyncio disables Nagle's delay only for a socket with IPPROTO_TCP. With the delay, each answer on a kept
    # connection waits 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise LocalServerError(
            f"the local server cannot listen on {LOOPBACK}:{port}: {error}", remedy="choose another port"
        ) from None
    return listener


DEFAULT_IDLE_SECONDS = 300.0
_SHORTEST_WAIT = 0.05


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to run one server. With `idle_seconds` of zero or less the server never exits by itself.

    With `app_environments` each app runs in a virtual environment made from its requirements.txt.
    """

    port: int | None = None
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    agent: AgentSettings = field(default_factory=AgentSettings)
    app_environments: bool = False


def run_server(home: ServerHome, options: ServerOptions, environ: Mapping[str, str]) -> None:
    """Serve until a request asks the server to exit, or it is idle. The caller holds the lock of the home."""
    token = read_token(home)
    base = base_environment(environ, str(Path(sys.executable).parent))
    with contextlib.closing(Store(home.database)) as store, listen(home, options.port) as listener:
        fixtures.seed(store)
        retention.sweep(home)
        port = listener.getsockname()[1]
        info = ServerInfo(f"http://{LOOPBACK}:{port}", port, os.getpid(), timestamps.now())
        lifetime = _Lifetime(options.idle_seconds)
        environments = VirtualEnvironments(home.environments) if options.app_environments else None
        launches, logs, modules, login = Launches(store), Logs(store), Modules(store), fixtures.read_login(store)
        blobs = Blobs(home.storage)
        files = TeamFiles(store, blobs)
        jobs = JobPreparer(home, store, modules, login, info.address, token, base, environments)
        agent = Agent(home, store, launches, logs, jobs.job, options.agent)
        parts = ServerParts(home, info, store, launches, logs, modules, blobs, files, login, agent, lifetime.end)
        asyncio.run(_serve(parts, token, lifetime, listener))


class _Lifetime:
    """Decides when the server exits: a request asks for it, or the server was idle for long enough."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._last_request = time.monotonic()
        self._is_asked = asyncio.Event()

    def touch(self) -> None:
        """Note that a request came in."""
        self._last_request = time.monotonic()

    def end(self) -> None:
        self._is_asked.set()

    async def wait(self, agent: Agent) -> None:
        """Return when the server must exit. A server with active launches is never idle."""
        while self._idle_seconds > 0 and not self._is_asked.is_set():
            left = self._last_request + self._idle_seconds - time.monotonic()
            if left <= 0 and agent.active == 0:
                _logger.info("idle for %g seconds; exiting", self._idle_seconds)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(left, _SHORTEST_WAIT, min(1.0, self._idle_seconds / 4))):
                    await self._is_asked.wait()
        await self._is_asked.wait()


async def _serve(parts: ServerParts, token: str, lifetime: _Lifetime, listener: socket.socket) -> None:
    """Answer requests (uvicorn) and run launches until the end of the lifetime."""
    config = uvicorn.Config(
        HttpApp(parts, token, lifetime.touch),
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)

    async def exit_in_time() -> None:
        await lifetime.wait(parts.agent)
        server.should_exit = True  # uvicorn answers the requests that it has accepted, then returns

    parts.agent.start()
    # The socket listens already: a client that reads this file can connect before the loop runs.
    write_info(parts.home, parts.info)
    _logger.info("serving %s from %s", parts.info.address, parts.home.path)
    end = asyncio.create_task(exit_in_time())
    try:
        await server.serve(sockets=[listener])
    finally:
        end.cancel()
        parts.agent.close()
