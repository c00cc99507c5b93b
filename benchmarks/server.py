"""How fast the local server answers and starts launches, compared with a bare server in the same run.

    python benchmarks/server.py           about half a minute
    python benchmarks/server.py --quick   a second a row

The bare server is uvicorn with an ASGI function that reads the body and answers a constant. It shows what this
machine, this client and this parser can do at best. Everything runs in a temporary home and is stopped at the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX
from taskspec.local import server_client
from taskspec.local.home import ServerHome

MANY = 10_000
STARTS = 100
PAGE_GOAL_MS = 20.0
BARE = """
import socket, sys, uvicorn
BODY = sys.stdin.buffer.read()
HEAD = {"type": "http.response.start", "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]}
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send(HEAD)
    await send({"type": "http.response.body", "body": BODY})
listener = socket.socket(fileno=int(sys.argv[1]))
config = uvicorn.Config(app, loop="asyncio", ws="none", lifespan="off", interface="asgi3", log_config=None,
                        access_log=False, proxy_headers=False, server_header=False)
uvicorn.Server(config).run(sockets=[listener])
"""


@dataclass(frozen=True)
class Target:
    """One request that can be made again and again."""

    port: int
    token: str
    path: str
    body: bytes


class Caller:
    """One kept-alive connection. Plain http.client, so that the client costs as little as Python allows."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"x-api-key": token, "Content-Type": "application/json"}

    def __call__(self, path: str, body: bytes) -> bytes:
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {content.decode(errors='replace')}")
        return content

    def close(self) -> None:
        self._connection.close()


class Server:
    """The private local server and the calls this program makes to it."""

    def __init__(self, home: ServerHome) -> None:
        self._endpoint = server_client.ensure_running(home, idle_seconds=300)
        self.port = int(self._endpoint.address.rpartition(":")[2])
        self.caller = Caller(self.port, self._endpoint.token)

    def target(self, method: str, **fields: Any) -> Target:
        return Target(self.port, self._endpoint.token, API_PREFIX + method, json.dumps(fields).encode())

    def call(self, method: str, *, prefix: str = API_PREFIX, **fields: Any) -> Any:
        return json.loads(self.caller(prefix + method, json.dumps(fields).encode()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a second a row, and 1,000 launches in the store")
    chosen = parser.parse_args()
    seconds, many = (0.3, 1000) if chosen.quick else (2.0, MANY)
    with tempfile.TemporaryDirectory() as folder:
        home = ServerHome(Path(folder) / "server")
        try:
            measure(home, Path(folder), seconds, many)
        finally:
            server_client.stop(home)


def measure(home: ServerHome, folder: Path, seconds: float, many: int) -> None:
    server = Server(home)
    module = register(server, folder)
    starts = [start_latency(server, module) for _ in range(STARTS if seconds > 1 else STARTS // 5)]
    task_id = server.call("tasks.list", workspaceId=1, per_page=1)["entities"][0]["id"]
    few = server.target("tasks.list", workspaceId=1, per_page=20)
    info = server.target("tasks.info", id=task_id)
    with bare_server(server.caller(info.path, info.body)) as bare:
        line("what", "here", "bare", "ratio")
        for name, target in (("tasks.info", info), ("tasks.list, 20 rows", few)):
            for threads in (1, 8):
                ours, theirs = (throughput(each, threads, seconds) for each in (target, bare))
                what = f"{name}, {threads} thread{'s' if threads > 1 else ''}"
                line(what, f"{ours:,.0f}/s", f"{theirs:,.0f}/s", f"{ours / theirs:.2f}")
        one_request = latencies(bare, seconds)
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            latency_line(f"start to started, {name}", quantile(starts, share), quantile(one_request, share))
    server.caller.close()
    server_client.stop(home)
    fill(home, many)
    measure_pages(Server(home), seconds, many)


def measure_pages(server: Server, seconds: float, many: int) -> None:
    """Lists of a long history, each compared with a bare server that sends the same bytes."""
    newest = server.call("tasks.list", workspaceId=1, sort="id", sort_order="desc", per_page=1)["entities"][0]["id"]
    above = [{"field": "id", "operator": ">", "value": newest - 500}]
    chosen = [{"field": "id", "operator": "in", "value": list(range(newest - 500, newest))}]
    queries: list[tuple[str, dict[str, Any]]] = [
        ("first page", {}),
        ("last page", {"page": max(1, many // 500)}),
        ("500 by id", {"filter": chosen}),
        ("above an id", {"filter": above}),
        ("newest id", {"sort": "id", "sort_order": "desc", "per_page": 1}),
    ]
    for name, query in queries:
        target = server.target("tasks.list", workspaceId=1, **query)
        with bare_server(server.caller(target.path, target.body)) as bare:
            ours = quantile(latencies(target, seconds / 2), 0.5)
            theirs = quantile(latencies(bare, seconds / 2), 0.5)
        goal = f"goal {PAGE_GOAL_MS:g} ms: {'reached' if ours * 1000 <= PAGE_GOAL_MS else 'MISSED'}"
        latency_line(f"list of {many:,}, {name}, p50", ours, theirs, goal)
    server.caller.close()


def register(server: Server, folder: Path) -> int:
    app = folder / "app"
    app.mkdir()
    (app / "config.json").write_text('{"name": "Trivial", "entrypoint": "true"}')
    return int(server.call("modules.register", prefix=LOCAL_PREFIX, path=str(app))["moduleId"])


def start_latency(server: Server, module: int) -> float:
    """Seconds from the start request to the first answer that calls the launch started or ended."""
    begun = time.perf_counter()
    (row,) = server.call("tasks.run.app", agentId=None, workspaceId=1, moduleId=module)
    while server.call("tasks.info", id=row["taskId"])["startedAt"] is None:
        pass
    seconds = time.perf_counter() - begun
    while server.call("tasks.info", id=row["taskId"])["finishedAt"] is None:
        time.sleep(0.001)
    return seconds


def fill(home: ServerHome, many: int) -> None:
    """Copy the first launch until the store holds that many. By SQL: sent one by one they would take the minute."""
    with closing(sqlite3.connect(home.database)) as store, store:
        names = [row[1] for row in store.execute("PRAGMA table_info(launches)") if row[1] != "id"]
        values = ["hex(randomblob(16))" if name == "session_token" else name for name in names]
        (present,) = store.execute("SELECT count(*) FROM launches").fetchone()
        store.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            f" INSERT INTO launches ({', '.join(names)}) SELECT {', '.join(values)} FROM launches, numbers"
            " WHERE id = (SELECT min(id) FROM launches)",
            (many - present,),
        )


@contextmanager
def bare_server(body: bytes) -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        # The body comes through a pipe: a page is longer than an argument may be.
        process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(listener.fileno())], stdin=subprocess.PIPE, pass_fds=[listener.fileno()]
        )
    try:
        if process.stdin is not None:
            process.stdin.write(body)
            process.stdin.close()
        yield Target(port, "", "/", b"{}")
    finally:
        process.kill()
        process.wait()


def throughput(target: Target, threads: int, seconds: float) -> float:
    """Requests a second of that many clients at once."""
    counts = [0] * threads
    ready = threading.Barrier(threads + 1)

    def run(index: int) -> None:
        with closing(Caller(target.port, target.token)) as caller:
            caller(target.path, target.body)
            ready.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                caller(target.path, target.body)
                counts[index] += 1

    workers = [threading.Thread(target=run, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    begun = time.perf_counter()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - begun)


def latencies(target: Target, seconds: float) -> list[float]:
    """Seconds of one request after the other."""
    found = []
    with closing(Caller(target.port, target.token)) as caller:
        caller(target.path, target.body)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(found) < 5:
            begun = time.perf_counter()
            caller(target.path, target.body)
            found.append(time.perf_counter() - begun)
    return found


def quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def latency_line(what: str, ours: float, theirs: float, remark: str = "") -> None:
    line(what, f"{ours * 1000:.2f} ms", f"{theirs * 1000:.2f} ms", f"{ours / theirs:.1f}", remark)


def line(what: str, here: str, bare: str, ratio: str, remark: str = "") -> None:
    print(f"{what:<34} {here:>12} {bare:>12} {ratio:>7}  {remark}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
