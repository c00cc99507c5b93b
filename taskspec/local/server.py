"""One local server from start to end: store, agent and HTTP put together, and the clock that ends it when idle."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from taskspec.local import moments, places, retention
from taskspec.local.agent import Agent, AgentSettings
from taskspec.local.app import HttpApp
from taskspec.local.blobs import Blobs
from taskspec.local.call import ServerParts
from taskspec.local.documents import Documents
from taskspec.local.environment import base_environment
from taskspec.local.home import ServerHome, ServerInfo, read_token, write_info
from taskspec.local.launcher import ProcessLauncher
from taskspec.local.launches import Launches
from taskspec.local.listening import LOOPBACK, listen
from taskspec.local.logs import Logs
from taskspec.local.modules import Modules
from taskspec.local.preparation import Preparation
from taskspec.local.requirements import Environments
from taskspec.local.store import Store
from taskspec.local.teamfiles import TeamFiles

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

DEFAULT_IDLE_SECONDS = 300.0
_SHORTEST_LOOK = 0.05

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to run one server. `idle_seconds` of zero or less: never leave by itself.

    With `app_environments` each app runs in a virtual environment made from its requirements.txt.
    """

    port: int | None = None
    idle_seconds: float = DEFAULT_IDLE_SECONDS
    agent: AgentSettings = field(default_factory=AgentSettings)
    app_environments: bool = False


@dataclass(frozen=True, slots=True)
class _ServerContext:
    """What one run of the server stands on."""

    home: ServerHome
    store: Store
    info: ServerInfo
    token: str
    base: Mapping[str, str]


def run_server(home: ServerHome, options: ServerOptions, environ: Mapping[str, str]) -> None:
    """Serve until asked to leave. The caller holds the home's lock."""
    token = read_token(home)
    base = base_environment(environ, str(Path(sys.executable).parent))
    with closing(Store(home.database)) as store, listen(home, options.port) as listener:
        places.seed(store)
        retention.sweep(home)
        port = listener.getsockname()[1]
        info = ServerInfo(f"http://{LOOPBACK}:{port}", port, os.getpid(), moments.now())
        server = LocalServer(_ServerContext(home, store, info, token, base), options)
        asyncio.run(server.serve(listener))


class LocalServer:
    """uvicorn around our app, with an agent beside it and a clock that ends both when nobody calls."""

    def __init__(self, ground: _ServerContext, options: ServerOptions) -> None:
        self._ground = ground
        self._idle_seconds = options.idle_seconds
        self._last_request = time.monotonic()
        self._agent = _make_agent(ground, options)
        services = _assemble(ground, self._agent, self)
        self._uvicorn = uvicorn.Server(_uvicorn_config(HttpApp(services, ground.token, self._touch)))

    def leave(self) -> None:
        """Stop serving once the requests at hand are answered."""
        self._uvicorn.should_exit = True

    async def serve(self, listener: socket.socket) -> None:
        self._agent.start()
        # The socket listens already: who reads this note may connect at once and is answered when the loop runs.
        write_info(self._ground.home, self._ground.info)
        _logger.info("serving %s from %s", self._ground.info.address, self._ground.home.path)
        clock = asyncio.create_task(self._leave_when_idle())
        try:
            await self._uvicorn.serve(sockets=[listener])
        finally:
            clock.cancel()
            self._agent.close()

    def _touch(self) -> None:
        self._last_request = time.monotonic()

    async def _leave_when_idle(self) -> None:
        while self._idle_seconds > 0:
            left = self._last_request + self._idle_seconds - time.monotonic()
            if left <= 0 and self._agent.active == 0:
                _logger.info("idle for %g seconds; leaving", self._idle_seconds)
                self.leave()
                return
            await asyncio.sleep(max(left, _SHORTEST_LOOK, min(1.0, self._idle_seconds / 4)))


def _make_agent(ground: _ServerContext, options: ServerOptions) -> Agent:
    preparation = Preparation(
        home=ground.home,
        store=ground.store,
        modules=Modules(ground.store),
        context=places.read_context(ground.store),
        address=ground.info.address,
        token=ground.token,
        base=ground.base,
        environments=Environments(ground.home.environments) if options.app_environments else None,
    )
    return Agent(
        home=ground.home,
        store=ground.store,
        launches=Launches(ground.store),
        logs=Logs(ground.store),
        launcher=ProcessLauncher(),
        prepare=preparation.job,
        settings=options.agent,
    )


def _assemble(ground: _ServerContext, agent: Agent, server: LocalServer) -> ServerParts:
    blobs = Blobs(ground.home.storage)
    return ServerParts(
        home=ground.home,
        info=ground.info,
        store=ground.store,
        launches=Launches(ground.store),
        logs=Logs(ground.store),
        modules=Modules(ground.store),
        documents=Documents(ground.store),
        blobs=blobs,
        files=TeamFiles(ground.store, blobs),
        context=places.read_context(ground.store),
        agent=agent,
        shut_down=server.leave,
    )


def _uvicorn_config(app: HttpApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
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
