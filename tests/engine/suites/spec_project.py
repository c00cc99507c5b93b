"""A spec with its apps and its state, applied in this process; all reports are checked against the schemas."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

from jsonschema import Draft7Validator

from taskspec.api import TaskInfo
from taskspec.api.credentials import Credentials
from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, LaunchStarted, RunReport, StatusChanged, TaskEnded
from taskspec.engine.journal import Journal
from taskspec.engine.launches.context import Pace
from taskspec.engine.server.connection import Server
from taskspec.local.server_client import Endpoint
from taskspec.operations import state_file
from taskspec.operations.apply import prepare_apply, real_environment
from taskspec.operations.plan import make
from taskspec.operations.project import Request, open_project
from taskspec.plan.model import Plan
from taskspec.plan.plan_inputs import Selection
from taskspec.specfile.schema import load_schema
from taskspec.state.model import Event, EventKind, Record, State, StoredEvent
from taskspec.state.store import open_store
from taskspec.view.json_documents import event_document, plan_document
from tests.waiting import until

_PLAN, _EVENT, _ROW = (Draft7Validator(load_schema(name)) for name in ("plan", "events", "journal"))

SLY = """
import json, os, urllib.request

def set_output(output, task_id=None):
    body = {"taskId": int(task_id or os.environ["TASK_ID"]), "output": output}
    headers = {"x-api-key": os.environ["API_TOKEN"], "Content-Type": "application/json"}
    address = os.environ["SERVER_ADDRESS"] + "/public/api/v3/tasks.output.set"
    urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers)).read()
"""


@dataclass(slots=True)
class EventLog:
    """Keeps the reports of an apply, and lets a test act on them."""

    react: Callable[[EngineEvent], None] | None = None
    events: list[EngineEvent] = field(default_factory=list)

    def on(self, event: EngineEvent) -> None:
        _EVENT.validate(event_document(event))
        self.events.append(event)
        if self.react is not None:
            self.react(event)

    def started(self) -> list[str]:
        """Addresses that were started, in the order of the server's answers."""
        return [e.address for e in self.events if isinstance(e, LaunchStarted) and not e.adopted]

    def attached(self) -> list[str]:
        return [e.address for e in self.events if isinstance(e, LaunchStarted) and e.adopted]

    def notices(self) -> list[str]:
        return [event_document(e)["message"] for e in self.events if event_document(e)["type"] == "noticed"]


class Dead(Exception):
    """Stands for a killed process: it unwinds the apply without another event on record."""


@dataclass(frozen=True, slots=True)
class DyingJournal:
    """A journal whose process is killed right before it writes an event of a kind."""

    journal: Journal
    kind: EventKind

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        if any(event.kind is self.kind for event in events):
            raise Dead
        return self.journal.append(run, events)

    def renew(self) -> None:
        self.journal.renew()

    def confirm(self) -> None:
        self.journal.confirm()

    def load(self) -> State:
        return self.journal.load()


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The plan, the report and the events of an apply."""

    plan: Plan
    report: RunReport
    log: EventLog

    @property
    def outcomes(self) -> dict[str, str]:
        return {task.address: str(task.outcome) for task in self.report.tasks}

    def ended(self, address: str) -> TaskEnded:
        return next(task for task in self.report.tasks if task.address == address)


@dataclass(slots=True)
class SpecProject:
    """One spec with its apps. Launches above `watermark` are those of this test."""

    folder: Path
    server: Server
    watermark: int = 0

    @classmethod
    def on_the_local_server(cls, folder: Path, endpoint: Endpoint) -> Self:
        project = cls(folder, Server("local", True, 1, lambda: Credentials(endpoint.address, endpoint.token)))
        project.watermark = project.server.api.task.highest_id(1)
        return project

    @classmethod
    def on_a_server(cls, folder: Path, address: str) -> Self:
        return cls(folder, Server("remote", False, 1, lambda: Credentials(address, "a-token-of-the-tests")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for launch in self.launches() if self.server.is_local else []:
                if launch.status is None or not launch.status.is_terminal:
                    self.server.api.task.stop(launch.id)
                    self.end_of(launch.id)
        finally:
            self.server.close()

    def app(self, name: str, program: str = "", *, shell: str = "", defaults: Mapping[str, Any] | None = None) -> None:
        """An app of one Python program (which may use set_output), or of one line of shell."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config = {
            "name": name,
            "entrypoint": shell or "python3 program.py",
            "modal_template_state": dict(defaults or {}),
        }
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        if program:
            (folder / "program.py").write_text(SLY + dedent(program), encoding="utf-8")

    @property
    def gate(self) -> Path:
        """Apps made by `waiting_app` run until this file is there."""
        return self.folder / "gate"

    def waiting_app(self, name: str) -> None:
        self.app(name, shell=f"while [ ! -e '{self.gate}' ]; do sleep 0.02; done")

    def open_gate(self) -> None:
        self.gate.touch()

    def spec(self, text: str) -> None:
        head = "taskspec: 1\nname: tests\n"
        (self.folder / "spec.yaml").write_text(head + dedent(text), encoding="utf-8")

    @property
    def request(self) -> Request:
        return Request(self.folder / "spec.yaml", "spec.yaml", {})

    @property
    def state_path(self) -> Path:
        return state_file.state_path(open_project(self.request), self.request, self.server)

    def plan(self, selection: Selection | None = None) -> Plan:
        project = open_project(self.request)
        state = state_file.read_state(self.state_path)
        plan = make(project, self.server, state, selection or Selection()).plan
        _PLAN.validate(plan_document(plan))
        return plan

    def apply(
        self,
        react: Callable[[Apply, EngineEvent], None] | None = None,
        *,
        selection: Selection | None = None,
        between: Callable[[], None] | None = None,
        allow_local: bool = False,
        dies_before: EventKind | None = None,
        **pace: Any,
    ) -> ApplyResult:
        """Plan and apply. `react` sees every event with the run that reported it; `between` comes after the plan.

        With `dies_before`, raises Dead when the first event of that kind is to be recorded.
        """
        project = open_project(self.request)
        log = EventLog()
        quick = Pace(**{"results_grace": 0.0, "settle": 0.2, "poll_longest": 0.1, **pace})
        try:
            with state_file.writing(self.state_path) as store:
                planned = make(project, self.server, store.load(), selection or Selection())
                _PLAN.validate(plan_document(planned.plan))
                if between is not None:
                    between()
                commands = self.folder / "commands" if allow_local else None
                journal = store if dies_before is None else DyingJournal(store, dies_before)
                environment = real_environment(project, self.server, planned.plan, commands=commands)
                run = prepare_apply(project, self.server, planned, journal, log, quick, environment)
                if react is not None:
                    log.react = lambda event: react(run, event)
                report = run.execute()
        finally:
            self.journal()
        return ApplyResult(planned.plan, report, log)

    def journal(self) -> list[StoredEvent]:
        """Every event on record; each fits its schema."""
        if not self.state_path.exists():
            return []
        with open_store(self.state_path, clock=time.time) as store:
            rows = list(store.events())
        for row in rows:
            event = row.event
            _ROW.validate(
                {
                    "number": row.number,
                    "at": row.at,
                    "run": row.run,
                    "kind": event.kind.value,
                    "address": event.address,
                    "key": event.key,
                    "body": {**event.body},
                }
            )
        return rows

    def kinds(self, address: str) -> list[str]:
        """What the journal says of an address, in order."""
        return [row.event.kind.value for row in self.journal() if row.event.address == address]

    @property
    def state(self) -> State:
        return state_file.read_state(self.state_path)

    def record(self, address: str) -> Record:
        return self.state.records[address]

    def launches(self) -> Sequence[TaskInfo]:
        """What the server has launched for this test."""
        return list(self.server.api.task.list_after(1, self.watermark))

    def info(self, task_id: int | None) -> TaskInfo:
        assert task_id is not None
        return self.server.api.task.get_info_by_id(task_id)

    def end_of(self, task_id: int) -> TaskInfo:
        return until(lambda: self._ended(task_id), f"the end of launch {task_id}")

    def _ended(self, task_id: int) -> TaskInfo | None:
        info = self.info(task_id)
        return info if info.status is not None and info.status.is_terminal else None


def interrupt_once_running(*addresses: str) -> Callable[[Apply, EngineEvent], None]:
    """Interrupts the run as soon as the server says that all of these are running."""
    waiting = set(addresses)
    lock = threading.Lock()

    def react(run: Apply, event: EngineEvent) -> None:
        with lock:
            if isinstance(event, StatusChanged) and event.status == "started" and event.address in waiting:
                waiting.remove(event.address)
                if not waiting:
                    run.interrupt()

    return react
