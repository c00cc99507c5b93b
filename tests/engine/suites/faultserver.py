"""A server that goes wrong on command, and knows the truth: which start it has carried out, and how often.

Speaks as much of the wire as an apply of published apps needs. Each call of a method takes the next fault of that
method's script; without one it is answered as it should be.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PREFIX = "/public/api/v3/"
SLUG = "owner/app"
RELEASE = "v1"
_KEY = re.compile(r"\[ts:([0-9a-f]{20})\]")

ACCEPT_THEN_DROP = "accept_then_drop"
DROP = "drop"
BAD_GATEWAY_BEFORE = "502_before"
BAD_GATEWAY_AFTER = "502_after"
HANG_AFTER = "hang_after"
HANG_BEFORE = "hang_before"
TRUNCATED = "truncated"
NOT_JSON = "not_json"
EMPTY_LIST = "empty_list"
TOO_MANY = "429"
REFUSED = "400"
FORBIDDEN = "403"
DELIVERED_TWICE = "delivered_twice"
DELIVERED_LATE = "delivered_late"
_NEVER_DELIVERED = {DROP, BAD_GATEWAY_BEFORE, HANG_BEFORE, TOO_MANY, REFUSED, FORBIDDEN}
_DROPPED = {DROP, ACCEPT_THEN_DROP, HANG_AFTER, HANG_BEFORE, DELIVERED_LATE}
_STATUSES = {BAD_GATEWAY_BEFORE: 502, BAD_GATEWAY_AFTER: 502, TOO_MANY: 429, REFUSED: 400, FORBIDDEN: 403}


@dataclass(slots=True)
class FaultServer:
    """Every launch finishes at once, unless `status_of_new` says otherwise."""

    status_of_new: str = "finished"
    output_of_new: dict[str, Any] = field(default_factory=dict)
    launches: dict[int, dict[str, Any]] = field(default_factory=dict)
    stopped: list[int] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    """The methods that were called, in order."""
    held: threading.Event = field(default_factory=threading.Event)
    """Set once a call is held back."""
    let_go: threading.Event = field(default_factory=threading.Event)
    """Set once a call is no longer held back."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    release: threading.Event = field(default_factory=threading.Event)
    connections: set[socket.socket] = field(default_factory=set)
    on_start: Callable[[], None] | None = None
    retry_after: int = 1
    """Seconds that an answer of too many requests asks to wait."""
    _scripts: dict[str, deque[str | None]] = field(default_factory=lambda: defaultdict(deque))
    _http: ThreadingHTTPServer = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"faults": self}))
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._http.shutdown()
        self._thread.join()
        for connection in list(self.connections):
            with suppress(OSError):  # those that are kept alive and idle
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def script(self, method: str, *faults: str | None) -> None:
        """What happens to the next calls of a method, one fault each; None is a call that goes well."""
        self._scripts[method].extend(faults)

    def script_clear(self, method: str) -> None:
        """From here on the method works."""
        self._scripts[method].clear()

    def next_fault(self, method: str) -> str | None:
        with self.lock:
            self.calls[method] += 1
            self.order.append(method)
            return self._scripts[method].popleft() if self._scripts[method] else None

    def starts(self) -> Counter[str]:
        """Starts carried out, by start key; the ground truth."""
        with self.lock:
            found = [_KEY.findall(launch["description"]) for launch in self.launches.values()]
        assert all(len(keys) == 1 for keys in found), "every start of ours carries one key"
        return Counter(keys[0] for keys in found)

    def finish_all(self) -> None:
        with self.lock:
            for launch in self.launches.values():
                if launch["status"] == "started":
                    launch["status"] = "finished"

    def answer(self, method: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        handlers = {
            "tasks.run.app": self._start,
            "tasks.list": self._list,
            "tasks.info": self._info,
            "tasks.stop": self._stop,
            "tasks.output.set": self._output,
            "tasks.log.download": lambda _: (200, [{"level": "info", "message": "the log", "timestamp": "now"}]),
            "ecosystem.info": self._module,
        }
        if method not in handlers:
            return 404, {"error": f"no method {method}", "details": {"message": "unknown to the fault server"}}
        with self.lock:
            return handlers[method](body)

    def _start(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        task_id = 1000 + len(self.launches) + 1
        self.launches[task_id] = {
            "id": task_id,
            "status": self.status_of_new,
            "description": body["description"],
            "workspaceId": body["workspaceId"],
            "meta": {"name": body["taskName"], "output": dict(self.output_of_new), "params": body["params"]},
        }
        if self.on_start is not None:
            self.on_start()
        return 200, [{"taskId": task_id, "userId": 1, "moduleId": 7, "appId": 7}]

    def _list(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        rows = sorted(self.launches.values(), key=lambda row: int(row["id"]))
        for clause in body.get("filter", []):
            wanted = clause["value"]
            test = {"=": lambda v, w=wanted: v == w, ">": lambda v, w=wanted: v > w, "in": lambda v, w=wanted: v in w}
            rows = [row for row in rows if test[clause["operator"]](row[clause["field"]])]
        rows = rows[::-1] if body.get("sort_order") == "desc" else rows
        size, page = int(body.get("per_page", 500)), int(body.get("page", 1))
        shown = rows[size * (page - 1) : size * page]
        pages = -(-len(rows) // size)
        return 200, {"total": len(rows), "perPage": size, "pagesCount": pages, "entities": shown}

    def _info(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        launch = self.launches.get(body["id"])
        return (200, launch) if launch else (404, {"error": "no task", "details": {"message": "no task"}})

    def _stop(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        launch = self.launches[body["id"]]
        self.stopped.append(launch["id"])
        if launch["status"] == "started":
            launch["status"] = "stopped"
        return 200, {"id": launch["id"], "status": "terminating"}

    def _output(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        self.launches[body["taskId"]]["meta"]["output"] = body["output"]
        return 200, {"success": True}

    def _module(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        if body.get("slug") != SLUG:
            return 404, {"error": "no module", "details": {"message": "no such module"}}
        config = {"modalTemplateState": {"lr": 0.1}}
        return 200, {
            "id": 7,
            "slug": SLUG,
            "name": "App",
            "config": config,
            "meta": {"releases": [{"version": RELEASE}]},
        }


class _Handler(BaseHTTPRequestHandler):
    """One request: the method's next fault decides what happens to it, before or after it is carried out."""

    faults: FaultServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.faults.connections.add(self.connection)

    def finish(self) -> None:
        self.faults.connections.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._serve(json.loads(self.rfile.read(length) or b"{}"))

    def do_GET(self) -> None:
        self._serve({})

    def _serve(self, body: Mapping[str, Any]) -> None:
        method = self.path.removeprefix(PREFIX).split("?")[0]
        fault = self.faults.next_fault(method) or ""
        answer = self._carry_out(method, body, fault)
        if fault in _DROPPED:
            self._drop()
            return
        content = {NOT_JSON: b"<html>please log in</html>", EMPTY_LIST: b"[]"}.get(fault)
        self._send(answer[0], content or json.dumps(answer[1]).encode(), cut=fault == TRUNCATED)

    def _carry_out(self, method: str, body: Mapping[str, Any], fault: str) -> tuple[int, Any]:
        answer: tuple[int, Any] = (_STATUSES.get(fault, 200), {"error": "fault", "details": {"message": fault}})
        if fault in (HANG_BEFORE, HANG_AFTER):
            self.faults.held.set()
        if fault in (HANG_BEFORE, DELIVERED_LATE):
            self.faults.release.wait(30)
            self.faults.let_go.set()
        if fault not in _NEVER_DELIVERED:
            status, content = self.faults.answer(method, body)
            answer = (_STATUSES.get(fault, status), content)
        if fault == DELIVERED_TWICE:
            self.faults.answer(method, body)
        if fault == HANG_AFTER:
            self.faults.release.wait(30)
            self.faults.let_go.set()
        return answer

    def _send(self, status: int, content: bytes, *, cut: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", str(self.faults.retry_after))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.wfile.flush()
        if cut:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):  # the client may have gone first
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""
