"""The commands on a state: show, adopt, forget, rename, export, import, verify, and break its lease.

Every change needs the lease and is an event in the journal, with its actor and reason. No launch is started or stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from taskspec.diagnostics import choices
from taskspec.engine.server.connection import Server
from taskspec.errors import UsageError
from taskspec.operations import state_file
from taskspec.operations.plan import make
from taskspec.operations.project import Project, Request
from taskspec.plan.model import Change, PlannedTask
from taskspec.plan.plan_inputs import Selection
from taskspec.plan.request import CallRequest, LaunchRequest, start_key
from taskspec.secrets.sensitive import mark_like, to_marks
from taskspec.state import event_bodies
from taskspec.state.database import is_there
from taskspec.state.event_bodies import Actor
from taskspec.state.lease import Lease, this_owner
from taskspec.state.model import Phase, Record, State
from taskspec.state.store import StateStore, moment, open_store
from taskspec.state.transfer import export_document, read_export, restore
from taskspec.values import ABSENT, Json, differences, show_path, unknowns

if TYPE_CHECKING:
    from taskspec.api import TaskInfo


def this_actor(why: str = "") -> Actor:
    owner = this_owner()
    return Actor(f"{owner.user}@{owner.host}", why)


def place(request: Request, server: Server) -> Path:
    """The path of a spec's state; the spec need not be valid. Raises UsageError when neither exists."""
    path = state_file.state_place(request.path.resolve().parent, request, server)
    if not request.path.exists() and not is_there(path):
        raise UsageError(f'there is no spec "{request.path}", and no state of it', remedy="check the path")
    return path


def find(state: State, address: str) -> Record:
    """The record of an address. Raises UsageError that suggests the nearest one."""
    record = state.records.get(address)
    if record is None:
        raise UsageError(
            f'there is no record of "{address}"', remedy=choices(address, state.records, label="On record")
        )
    return record


def forget(store: StateStore, address: str | None, actor: Actor, *, force: bool) -> list[Record]:
    """Drop the record of an address, of every instance of a task, or, without an address, every record.

    Only with `force` a start may be forgotten that may still have reached the server.
    """
    state = store.load()
    records = list(state.records.values()) if address is None else _matching(state, address)
    for record in records if not force else ():
        _require_known_start(record)
    store.append("state forget", [event_bodies.forgotten(record.address, actor) for record in records])
    return records


def move(store: StateStore, old: str, new: str, actor: Actor) -> list[tuple[str, str]]:
    """Rename the record of an address, or of every instance of a task."""
    state = store.load()
    moves = [(record.address, new + record.address.removeprefix(old)) for record in _matching(state, old)]
    for source, target in moves:
        _require_known_start(state.records[source])
        if target in state.records:
            raise UsageError(
                f'there is a record of "{target}" already',
                remedy=f"forget it first if it is not wanted: taskspec state forget '{target}'",
            )
    store.append("state mv", [event_bodies.moved(source, target, actor) for source, target in moves])
    return moves


def _matching(state: State, address: str) -> list[Record]:
    """The record of an address, or those of all instances of a task."""
    if address not in state.records:
        of_task = [record for name, record in state.records.items() if name.startswith(f"{address}[")]
        if of_task:
            return of_task
    return [find(state, address)]


def _require_known_start(record: Record) -> None:
    """Raise UsageError while it is unknown whether the start on record reached the server."""
    if record.phase is Phase.INTENDED and not record.is_call:
        raise UsageError(
            f'a start of "{record.address}" was cut off, and it is not known whether it reached the server',
            remedy="apply first: it looks for the launch",
        )


def adopt(
    project: Project, server: Server, store: StateStore, address: str, task_id: int, *, force: bool, actor: Actor
) -> tuple[str, list[Change]]:
    """Record a launch that was started by hand as the launch of an address.

    Returns its status and its differences from the request of the spec. With differences it is recorded only with
    `force`.
    """
    state = store.load()
    planned = _planned(project, server, state, address)
    _check_free(state, planned, task_id)
    request, fingerprint = _known_request(planned)
    info = server.api.task.get_info_by_id(task_id)
    hidden = project.evaluator.secrets.redact_json
    found = _adoption_differences(info, request, server.workspace(request.workspace))
    changes = [replace(change, before=hidden(change.before)) for change in found]
    if force or not changes:
        attempt = state.attempts.get(address, 0) + 1
        key = start_key(store.lineage, address, fingerprint, attempt)
        paths = [show_path(change.path) for change in changes]
        watermark = max(task_id - 1, 0)
        store.append(
            "state adopt",
            [
                event_bodies.intent(address, key, attempt, fingerprint, request.inputs, watermark=watermark),
                event_bodies.started(address, key, task_id, adopted=True, twins=()),
                event_bodies.adopted(address, key, task_id, actor, forced=bool(changes), differences=paths),
            ],
        )
    return info.raw_status, changes


def _planned(project: Project, server: Server, state: State, address: str) -> PlannedTask:
    plan = make(project, server, state, Selection()).plan
    by_address = {task.address: task for task in plan.tasks}
    if address not in by_address:
        raise UsageError(f'the spec has no "{address}"', remedy=choices(address, by_address, label="Addresses"))
    return by_address[address]


def _check_free(state: State, planned: PlannedTask, task_id: int) -> None:
    """Raises UsageError when the launch is on record, or the address has a running launch."""
    holder = next((record.address for record in state.records.values() if record.task_id == task_id), None)
    if holder is not None:
        raise UsageError(f'launch {task_id} is on record already, as "{holder}"', remedy="see `taskspec state list`")
    if planned.previous is not None:
        _require_known_start(planned.previous)
    if planned.observed is not None and not planned.observed.is_terminal:
        raise UsageError(
            f'"{planned.address}" is running: launch {planned.observed.task_id} is {planned.observed.status}',
            remedy=f"stop it first (taskspec stop SPEC '{planned.address}'), or keep it",
        )


def _known_request(planned: PlannedTask) -> tuple[LaunchRequest, str]:
    request = planned.request
    if isinstance(request, CallRequest):
        raise UsageError(
            f'"{planned.address}" is a call and has no launch', remedy="name a task of kind job or service"
        )
    if request is None or request.fingerprint is None:
        params = request.params if request is not None else {}
        missing = ", ".join(dict.fromkeys(name for unknown in unknowns(params) for name in unknown.producers))
        raise UsageError(
            f'the request of "{planned.address}" is not known yet; it depends on {missing}',
            remedy="apply or adopt the tasks that it depends on first",
        )
    return request, request.fingerprint


def _adoption_differences(info: TaskInfo, request: LaunchRequest, workspace: int) -> Iterator[Change]:
    """The differences between a launch and a request. A value that the server does not report counts as different."""
    facts = request.facts
    actual: dict[str, Json] = {"version": info.app_version or ABSENT, "workspace": info.workspace_id or ABSENT}
    wanted: dict[str, Json] = {"version": facts.version, "workspace": workspace}
    if facts.module_id is not None:  # the identity of a folder is its version
        actual["module"], wanted["module"] = info.module_id or ABSENT, facts.module_id
    if isinstance(request.agent, int | str):  # the agent that a rule chooses is not compared
        actual["agent"] = info.agent_id if isinstance(request.agent, int) else info.agent_name
        wanted["agent"] = request.agent
    actual["params"] = mark_like(info.params.get("state", {}), request.params)
    wanted["params"] = to_marks(request.params)
    return starmap(Change, differences(actual, wanted))


def export(path: Path, server: Server) -> dict[str, Json]:
    require(path)
    with open_store(path, clock=time.time) as store:
        return export_document(store.lineage, server.label, store.events())


def import_state(path: Path, server: Server, shown_as: str, content: bytes, actor: Actor) -> int:
    """Create the state from an export. Returns the number of its events."""
    exported = read_export(shown_as, content)
    if exported.server != server.label:
        raise UsageError(
            f'"{shown_as}" is the state on server "{exported.server}", and this is "{server.label}"',
            remedy="set SERVER_ADDRESS and API_TOKEN of that server; launch ids are not valid on another server",
        )
    count = len(exported.events)
    restore(path, exported, moment(time.time()), "state import", event_bodies.imported(count, actor))
    return count


def verify(path: Path) -> tuple[int, str, int]:
    """Check the whole chain. Returns the number of events, the lineage and the format.

    Raises StateError for the first event that was changed.
    """
    require(path)
    with open_store(path, clock=time.time) as store:
        return store.load().serial, store.lineage, store.format


def require(path: Path) -> None:
    """Raises UsageError when there is no state."""
    if not is_there(path):
        raise UsageError("nothing was launched yet: there is no state", remedy="apply the spec first")


def holder(path: Path) -> Lease | None:
    """The lease in the file; its owner may have ended."""
    if not is_there(path):
        return None
    with open_store(path, clock=time.time) as store:
        return store.holder()


def break_lock(path: Path, seen: Lease, actor: Actor) -> None:
    """Take the lease from its owner, which can never write again."""
    event = event_bodies.lock_broken(seen.owner, seen.fencing, actor)
    with open_store(path, clock=time.time) as store:
        store.break_lease(seen, this_owner(), "lock break", event)
