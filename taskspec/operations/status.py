"""The status of past launches on the server, their results, and stopping those that still run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from taskspec.engine.launches.stop_recorded import may_be_stopped, stop_recorded_launch
from taskspec.engine.server.connection import Server
from taskspec.engine.server.observe import observe_launches
from taskspec.errors import UsageError
from taskspec.operations.project import Project
from taskspec.plan.deferred_tasks import expand_from_record
from taskspec.plan.model import Observed
from taskspec.plan.planner import final_results
from taskspec.state.model import Record, State
from taskspec.state.store import StateStore
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class RecordedLaunch:
    """One address: its record, and what the server reports now."""

    record: Record
    observed: Observed | None


def recorded_launches(server: Server, state: State) -> list[RecordedLaunch]:
    """Every address on record, with what the server reports now."""
    world = observe_launches(server, state)
    return [RecordedLaunch(record, world.get(address)) for address, record in state.records.items()]


def known_results(project: Project, state: State) -> tuple[dict[str, Json], dict[str, Mapping[str, Json]]]:
    """The results of the spec that past launches give, and the results of each task by address."""
    by_address: dict[str, Mapping[str, Json]] = {}
    expansion, evaluator = expand_from_record(project.evaluator, project.expansion, state)
    for instance in expansion.instances:
        record = state.records.get(instance.address)
        if record is not None and record.succeeded:
            by_address[instance.address] = record.results
    return final_results(evaluator), by_address


def stop(
    server: Server, store: StateStore, addresses: Sequence[str], report: Callable[[str, int, str], None]
) -> list[str]:
    """Stop this spec's running launches, the youngest first. Returns the addresses that could not be stopped."""
    state = store.load()
    running = [s for s in recorded_launches(server, state) if may_be_stopped(s.record, s.observed)]
    wanted = [s for s in running if not addresses or s.record.address in addresses or _task(s.record) in addresses]
    unknown = [a for a in addresses if a not in state.records and a not in {_task(r) for r in state.records.values()}]
    if unknown:
        raise UsageError(f'nothing was ever launched as "{unknown[0]}"', remedy="see `taskspec status`")
    failed = []
    for launch in sorted(wanted, key=lambda s: -s.record.number):
        events, is_done = stop_recorded_launch(server, launch.record, launch.observed, report)
        if events:
            store.append("stop", events)
        if not is_done:
            failed.append(launch.record.address)
    return failed


def _task(record: Record) -> str:
    return record.address.split("[", 1)[0]
