"""A real HTTP server that records every request and sends scripted answers and faults."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    verb: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A complete answer. `content` is JSON or bytes."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        body = self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


Script = Callable[["Handler"], None]


class Recorder:
    """Uses the scripts of a method in order, and the last one repeatedly. Other methods get a 404."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.released = threading.Event()
        self._scripts: dict[str, list[Script]] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"recorder": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, *scripts: Any) -> None:
        """Set the answers of a method: scripts, or values as the JSON of a 200."""
        self._scripts[method] = [each if callable(each) else Answer(content=each) for each in scripts]

    def sent(self, method: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method]

    def bodies(self, method: str) -> list[Any]:
        return [seen.json for seen in self.sent(method)]

    def take(self, seen: Seen) -> Script:
        with self._lock:
            self.seen.append(seen)
            scripts = self._scripts.get(seen.method)
            if not scripts:
                return Answer(404, {"error": "NOT_FOUND", "details": {"message": f"no method {seen.method}"}})
            return scripts.pop(0) if len(scripts) > 1 else scripts[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients may close the connection."""


class Handler(BaseHTTPRequestHandler):
    recorder: Recorder
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        self.recorder.take(seen)(self)

    do_GET = do_POST  # noqa: N815 - the standard library's name

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def calls_are_cut(self) -> None:
        """Reset the connection after what was written."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def leave(self) -> None:
        """Close the connection normally, even in the middle of an answer."""
        self.close_connection = True


def hang(handler: Handler) -> None:
    """Send nothing until the test ends."""
    handler.recorder.released.wait()
    handler.leave()


def reset(handler: Handler) -> None:
    handler.calls_are_cut()


def close(handler: Handler) -> None:
    handler.leave()


def cut_fixed(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{")
    handler.leave()


def cut_chunked(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[{\r\n")
    handler.leave()


def slow_body(handler: Handler) -> None:
    """Send a byte from time to time, so that no single read takes long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    _drip(handler)


def slow_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler)


def slow_body_without_end(handler: Handler) -> None:
    """Send a body that ends with the connection, so that a closed socket looks like its end."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[{"taskId": 1}]')
    _drip(handler, b" ")


def _drip(handler: Handler, byte: bytes = b"x") -> None:
    handler.leave()
    with suppress(OSError):
        while not handler.recorder.released.wait(0.02):
            handler.wfile.write(byte)
