"""A simulated server in memory: the routes of an apply, the launches, and the number of starts per key.

Pure: time is a parameter, and nothing happens between two calls. Facts: wire protocol, sections 1 to 3 and 6.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from taskspec.api.tasks.start_request import key_in
from taskspec.api.wire import LaunchStatus
from taskspec.files.app_folder import read_app_folder
from taskspec.rehearsal.fake_launch import FakeLaunch
from taskspec.rehearsal.faults import Faults, StartAnswer, StartFault

_PAGE = 500
START = "tasks.run.app"
Answer = tuple[int, Any]


class Delivery(StrEnum):
    """The fate of an answer on its way back."""

    ARRIVES = "arrives"
    DROPPED = "dropped"
    CUT = "cut"
    HANGS = "hangs"
    NO_CONNECTION = "no_connection"


@dataclass(frozen=True, slots=True)
class FakeReply:
    """The answer to a request, and its fate on the way."""

    status: int
    content: Any
    way: Delivery = Delivery.ARRIVES

    @property
    def body(self) -> bytes:
        whole = json.dumps(self.content, separators=(",", ":")).encode()
        return whole[: len(whole) // 2] if self.way is Delivery.CUT else whole


@dataclass(slots=True)
class FakeServer:
    """`handle` answers a request; `receive` adds the faults. `starts` counts the real starts per key."""

    faults: Faults
    wall: float = 1_700_000_000.0
    output_of: Callable[[str], Mapping[str, Any]] = lambda _: {}
    page_size: int = _PAGE
    launches: dict[int, FakeLaunch] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    addresses: dict[str, str] = field(default_factory=dict)
    agents: tuple[str, ...] = ("rehearsal",)
    _late: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    _sent: Counter[str] = field(default_factory=Counter)
    _carried_out: Counter[str] = field(default_factory=Counter)
    _modules: dict[str, int] = field(default_factory=dict)
    _shifts: int = 0

    def receive(self, method: str, body: Mapping[str, Any], now: float) -> FakeReply:
        """Answer a request, with all faults before and after it."""
        self.deliver_late(now)
        if now >= self.faults.server.token_expires_after:
            return FakeReply(*_error(401, "the token has expired"))
        if method == START:
            address = self.address_of(body)
            self._sent[address] += 1
            fault = self.faults.start(address, self._sent[address])
            if fault is not None:
                return self._faulty_start(body, fault, now)
        elif self.faults.call(method):
            return FakeReply(*_error(500, "played by the script"))
        return FakeReply(*self.handle(method, body, now))

    def _faulty_start(self, body: Mapping[str, Any], fault: StartFault, now: float) -> FakeReply:
        never_started = {
            StartAnswer.REFUSED: FakeReply(*_error(400, fault.message)),
            StartAnswer.TOO_MANY: FakeReply(*_error(429, "too many requests")),
            StartAnswer.BAD_GATEWAY_BEFORE: FakeReply(*_error(502, "bad gateway")),
            StartAnswer.NO_CONNECTION: FakeReply(0, None, Delivery.NO_CONNECTION),
            StartAnswer.NEVER_ARRIVES: FakeReply(0, None, Delivery.DROPPED),
        }
        if fault.answer in never_started:
            return never_started[fault.answer]
        if fault.late_by:
            self._late.append((now + fault.late_by, body))
            return FakeReply(0, None, Delivery.HANGS if fault.answer is StartAnswer.HANG else Delivery.DROPPED)
        status, content = self.handle(START, body, now)
        if fault.answer is StartAnswer.TWICE:
            self.handle(START, body, now)
            return FakeReply(0, None, Delivery.DROPPED)
        if fault.answer is StartAnswer.BAD_GATEWAY_AFTER:
            return FakeReply(*_error(502, "bad gateway"))
        ways = {StartAnswer.TRUNCATED: Delivery.CUT, StartAnswer.HANG: Delivery.HANGS}
        return FakeReply(status, content, ways.get(fault.answer, Delivery.DROPPED))

    def deliver_late(self, now: float) -> None:
        """Carry out the delayed starts that are due."""
        due = sorted((item for item in self._late if item[0] <= now), key=lambda item: item[0])
        self._late = [item for item in self._late if item[0] > now]
        for when, body in due:
            self.handle(START, body, when)

    def handle(self, method: str, body: Mapping[str, Any], now: float) -> Answer:
        """Answer a request without a fault."""
        route = self._routes().get(method)
        return route(body, now) if route is not None else _error(404, f"a rehearsal does not know {method}")

    def _routes(self) -> Mapping[str, Callable[[Mapping[str, Any], float], Answer]]:
        return {
            START: self._start,
            "tasks.list": self._list,
            "tasks.info": self._info,
            "tasks.stop": self._stop,
            "tasks.output.set": self._set_output,
            "tasks.log.download": self._log,
            "ecosystem.info": self._module,
            "ecosystem.list": self._modules_named,
            "modules.register": self._register,
            "workspaces.info": lambda body, _: (200, {"id": body["id"], "name": "rehearsal", "teamId": 1}),
            "agents.info": lambda body, _: (200, {"id": body["id"], "name": "rehearsal", "status": "running"}),
            "agents.list": self._agents,
            "tasks.request.direct": self._ask_app,
            "users.me": lambda *_: (200, {"id": 1, "login": "rehearsal"}),
            "workspaces.list": lambda body, _: _module_named(body, "name"),
            "members.list": lambda body, _: _module_named(body, "login"),
            "file-storage.info": lambda body, _: (200, {"id": body["id"], "storagePath": "/rehearsal"}),
            "projects.info": lambda body, _: (200, {"id": body["id"], "name": "rehearsal", "type": "images"}),
        }

    def address_of(self, body: Mapping[str, Any]) -> str:
        """Return the address of a start: by its key if announced, else by the name of the launch."""
        return self.addresses.get(start_key(body), str(body.get("taskName", "")))

    def _start(self, body: Mapping[str, Any], now: float) -> Answer:
        key, address = start_key(body), self.address_of(body)
        self.starts[key] += 1
        self._carried_out[address] += 1
        course = self.faults.course(address, self._carried_out[address])
        task_id = 1001 + len(self.launches)
        self.launches[task_id] = FakeLaunch(task_id, key, address, body, now, course, self.output_of(address))
        return 200, [{"taskId": task_id, "userId": 1, "moduleId": body.get("moduleId"), "appId": 1}]

    def _list(self, body: Mapping[str, Any], now: float) -> Answer:
        lag = self.faults.server.list_lag
        asked = self._requested_ids(body.get("filter", ()))
        seen = [one for one in asked if one.is_known(now) and now - one.came >= lag]
        rows = [row for row in (one.as_json(now, self.wall) for one in seen) if _fits(row, body)]
        rows.sort(key=lambda row: int(row["id"]), reverse=body.get("sort_order") == "desc")
        size = min(int(body.get("per_page") or self.page_size), self.page_size)
        page = int(body.get("page", 1))
        first = size * (page - 1)
        if page > 1 and self._shifts < self.faults.server.page_shift:
            self._shifts += 1
            first += 1
        pages = -(-len(rows) // size)
        shown = rows[first : size * page]
        return 200, {"total": len(rows), "perPage": size, "pagesCount": pages, "entities": shown}

    def _requested_ids(self, clauses: Sequence[Mapping[str, Any]]) -> Iterable[FakeLaunch]:
        """Return the launches that a filter names by id, or all. A short list of ids needs no scan of all."""
        for clause in clauses:
            if clause["field"] == "id" and clause["operator"] == "in":
                return [self.launches[each] for each in clause["value"] if each in self.launches]
        return self.launches.values()

    def _info(self, body: Mapping[str, Any], now: float) -> Answer:
        launch = self._known(body["id"], now)
        return (200, launch.as_json(now, self.wall)) if launch is not None else _error(404, "no such task")

    def _stop(self, body: Mapping[str, Any], now: float) -> Answer:
        launch = self._known(body["id"], now)
        return (200, {"id": launch.id, "status": str(launch.stop(now))}) if launch else _error(404, "no such task")

    def _set_output(self, body: Mapping[str, Any], now: float) -> Answer:
        launch = self._known(body["taskId"], now)
        if launch is None:
            return _error(404, "no such task")
        launch.output = body["output"]
        return 200, {"success": True}

    def _ask_app(self, body: Mapping[str, Any], now: float) -> Answer:
        """Answer every request to a running app with "ready"."""
        launch = self._known(body["taskId"], now)
        if launch is None or launch.status(now) is not LaunchStatus.STARTED:
            return _error(409, "no app runs for this task")
        return 200, {"running": True, "status": "ready", "deployed": True}

    def _known(self, task_id: int, now: float) -> FakeLaunch | None:
        launch = self.launches.get(task_id)
        return launch if launch is not None and launch.is_known(now) else None

    def _log(self, body: Mapping[str, Any], now: float) -> Answer:
        launch = self._known(int(body["id"]), now)
        message = f"rehearsed: {launch.status(now)} as the script says" if launch is not None else "rehearsed"
        return 200, [{"level": "info", "message": message, "timestamp": ""}]

    def _module(self, body: Mapping[str, Any], _: float) -> Answer:
        slug = body.get("slug") or body.get("id")
        if slug in self.faults.server.unknown_modules:
            return _error(404, "no such module")
        number = body["id"] if "id" in body else self._modules.setdefault(str(slug), 1 + len(self._modules))
        releases = [{"version": body["version"]}] if body.get("version") else []
        return 200, {"id": number, "slug": str(slug), "name": str(slug), "config": {}, "meta": {"releases": releases}}

    def _modules_named(self, body: Mapping[str, Any], now: float) -> Answer:
        slugs = [c["value"] for c in body.get("filter", ()) if c["field"] == "slug"]
        rows = [content for status, content in (self._module({"slug": s}, now) for s in slugs) if status == 200]
        return _page(rows)

    def _register(self, body: Mapping[str, Any], _: float) -> Answer:
        app = read_app_folder(Path(body["path"]))
        number = self._modules.setdefault(str(app.path), 1 + len(self._modules))
        return 200, {"moduleId": number, "slug": app.name, "version": app.version}

    def _agents(self, body: Mapping[str, Any], _: float) -> Answer:
        if body.get("filter"):
            return _module_named(body, "name")
        rows = []
        for number, name in enumerate(self.agents):
            about = {"name": name, "status": "running", "teamId": 1}
            with_gpu = {"gpuInfo": {"device_count": 1}}
            rows += [{"id": 2 * number + 1, **about}, {"id": 2 * number + 2, **about, **with_gpu}]
        return _page(rows)


def _module_named(body: Mapping[str, Any], field: str) -> Answer:
    """Return a row for every requested name."""
    names = [clause["value"] for clause in body.get("filter", ()) if clause["field"] == field]
    return _page([{"id": 1 + sum(map(ord, name)), field: name, "status": "running", "teamId": 1} for name in names])


def _page(rows: list[dict[str, Any]]) -> Answer:
    return 200, {"total": len(rows), "perPage": _PAGE, "pagesCount": 1, "entities": rows}


def start_key(body: Mapping[str, Any]) -> str:
    """The start key that a start carries; empty when taskspec did not send it."""
    return key_in(str(body.get("description", "")))


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: bool(value == wanted),
    "!=": lambda value, wanted: bool(value != wanted),
    "in": lambda value, wanted: value in wanted,
    "!in": lambda value, wanted: value not in wanted,
    ">": lambda value, wanted: bool(value > wanted),
    ">=": lambda value, wanted: bool(value >= wanted),
    "<": lambda value, wanted: bool(value < wanted),
    "<=": lambda value, wanted: bool(value <= wanted),
    "like": lambda value, wanted: fnmatchcase(str(value), str(wanted).replace("%", "*")),
}


def _fits(row: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    if row["workspaceId"] != body.get("workspaceId"):
        return False
    return all(_TESTS[c["operator"]](row.get(c["field"]), c["value"]) for c in body.get("filter", ()))


def _error(status: int, message: str) -> Answer:
    return status, {"error": "REHEARSED", "details": {"message": message}}
