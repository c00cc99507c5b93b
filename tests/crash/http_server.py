"""The simulated server on real sockets of loopback, for tests that kill clients during a request."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX
from taskspec.rehearsal.fake_server import Delivery, FakeReply, FakeServer


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner: HttpServer

    def handle_error(self, *_: object) -> None:
        """Print nothing: killed clients reset their connections."""


class HttpServer:
    """Serves several FakeServers on one free port, each below its own path.

    So a late request of a killed client reaches its own FakeServer.
    """

    def __init__(self) -> None:
        self.fakes: dict[str, FakeServer] = {}
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.owner = self
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._listener.shutdown()
        self._thread.join()
        for connection in list(self.connections):
            with suppress(OSError):  # the client may have closed it
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()

    def add(self, name: str, fake: FakeServer) -> str:
        """Serve one more FakeServer. Return its address."""
        self.fakes[name] = fake
        return f"http://127.0.0.1:{self._listener.server_port}/{name}"

    def exchange(self, path: str, body: dict[str, Any]) -> FakeReply:
        name, _, method = path.strip("/").partition("/")
        method = f"/{method}".removeprefix(API_PREFIX).removeprefix(LOCAL_PREFIX)
        with self.lock:
            return self.fakes[name].receive(method, body, time.monotonic())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self.server.owner.connections.add(self.connection)

    def finish(self) -> None:
        self.server.owner.connections.discard(self.connection)
        with suppress(OSError):  # the client may have closed first
            super().finish()

    def do_GET(self) -> None:
        self._serve(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        if len(content) < length:  # the client was killed while it sent the request
            self.close_connection = True
            return
        self._serve(json.loads(content or b"{}"))

    def _serve(self, body: dict[str, Any]) -> None:
        exchange = self.server.owner.exchange(urlsplit(self.path).path, body)
        if exchange.way is Delivery.HANGS:
            self.server.owner.closing.wait(60)
        with suppress(OSError):  # a killed client does not read its answer
            self._answer(exchange)

    def _answer(self, exchange: FakeReply) -> None:
        if exchange.way in (Delivery.ARRIVES, Delivery.CUT):
            self.send_response(exchange.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(FakeReply(exchange.status, exchange.content).body)))
            self.end_headers()
            self.wfile.write(exchange.body)
            self.wfile.flush()
        if exchange.way is not Delivery.ARRIVES:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
