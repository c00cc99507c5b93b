"""What past launches have come to: their standing on the server, their results, and stopping those that still run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from taskspec.engine.halting import halt, is_ours_to_stop
from taskspec.engine.refresh import observe
from taskspec.engine.server import Server
from taskspec.errors import UsageError
from taskspec.operations import Project
from taskspec.plan.model import Observed
from taskspec.plan.planner import final_results
from taskspec.plan.unfolding import seen_through
from taskspec.state.model import Record, State
from taskspec.state.store import StateStore
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one address: the record, and what the server says now."""

    record: Record
    observed: Observed | None


def standings(server: Server, state: State) -> list[Standing]:
    """Every address on record with what the server says about it now."""
    world = observe(server, state)
    return [Standing(record, world.get(address)) for address, record in state.records.items()]


def known_results(project: Project, state: State) -> tuple[dict[str, Json], dict[str, Mapping[str, Json]]]:
    """The spec's results as far as past launches give them, and the results of each task by address."""
    by_address: dict[str, Mapping[str, Json]] = {}
    expansion, evaluator = seen_through(project.evaluator, project.expansion, state)
    for instance in expansion.instances:
        record = state.records.get(instance.address)
        if record is not None and record.succeeded:
            by_address[instance.address] = record.results
    return final_results(evaluator), by_address


def stop(
    server: Server, store: StateStore, addresses: Sequence[str], told: Callable[[str, int, str], None]
) -> list[str]:
    """Stop what this spec started and still runs, the youngest first. Returns the addresses that could not be."""
    state = store.load()
    running = [s for s in standings(server, state) if is_ours_to_stop(s.record, s.observed)]
    wanted = [s for s in running if not addresses or s.record.address in addresses or _task(s.record) in addresses]
    unknown = [a for a in addresses if a not in state.records and a not in {_task(r) for r in state.records.values()}]
    if unknown:
        raise UsageError(f'nothing was ever launched as "{unknown[0]}"', remedy="see `taskspec status`")
    failed = []
    for standing in sorted(wanted, key=lambda s: -s.record.number):
        events, is_done = halt(server, standing.record, standing.observed, told)
        if events:
            store.append("stop", events)
        if not is_done:
            failed.append(standing.record.address)
    return failed


def _task(record: Record) -> str:
    return record.address.split("[", 1)[0]
