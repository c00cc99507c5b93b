"""What the server says about the launches on record: pages of one list call, never one call per launch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from taskspec.api.tasks.start_request import key_in
from taskspec.engine.server.connection import Server
from taskspec.errors import NotFound
from taskspec.plan.model import Observed
from taskspec.state.model import Phase, Record, State

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo


def key_of(info: TaskInfo) -> str | None:
    """The start key a launch carries, or None when it is not one of ours."""
    return key_in(info.description) or None


def is_foreign(info: TaskInfo, key: str, *, shows_keys: bool) -> bool:
    """Whether a launch was made by another start than the one with this key.

    A launch without a key is foreign only on a server that shows keys; others may cut the description.
    """
    seen = key_of(info)
    return seen != key and (seen is not None or shows_keys)


def observe_launches(server: Server, state: State) -> dict[str, Observed]:
    """The launches on record that the server still knows, by address. Touches no server when nothing is on record."""
    by_workspace: dict[int, list[Record]] = defaultdict(list)
    for record in state.records.values():
        if record.phase is not Phase.REFUSED and not record.is_call:
            by_workspace[server.workspace(record.inputs.get("workspace"))].append(record)
    world: dict[str, Observed] = {}
    for workspace, records in by_workspace.items():
        world.update(_started(server, workspace, [r for r in records if r.task_id is not None]))
        world.update(_intended(server.api, workspace, [r for r in records if r.task_id is None]))
    return world


def _started(server: Server, workspace: int, records: list[Record]) -> Iterable[tuple[str, Observed]]:
    """Launches by their number, where it belongs to the start on record; else by the key of that start."""
    infos = known_launches(server.api, workspace, [record.task_id for record in records if record.task_id is not None])
    shows_keys = server.is_local or any(map(key_of, infos.values()))
    twins = _late_twins(server.api, workspace, [record for record in records if record.resent])
    renumbered = []
    for record in records:
        info = infos.get(record.task_id or 0)
        if info is None:
            continue
        is_wrong = record.carries_key and is_foreign(info, record.key, shows_keys=shows_keys)
        is_unproven = is_wrong and key_of(info) is None and not server.is_local
        if is_wrong and not is_unproven:
            renumbered.append(record)
            continue
        yield record.address, replace(as_observed(info), duplicates=twins.get(record.key, ()), is_unproven=is_unproven)
    yield from _intended(server.api, workspace, renumbered)


def known_launches(api: Api, workspace: int, ids: Iterable[int]) -> dict[int, TaskInfo]:
    """Those of the launches that the server knows, by id.

    A list may lag behind, and a launch that counts as lost is started again. One that no list shows is therefore
    asked for by its id.
    """
    wanted = list(ids)
    found = api.task.get_many(workspace, wanted)
    for task_id in wanted:
        if task_id not in found:
            with suppress(NotFound):
                found[task_id] = api.task.get_info_by_id(task_id)
    return found


def _late_twins(api: Api, workspace: int, resent: list[Record]) -> dict[str, tuple[int, ...]]:
    """Launches that came of a start which was sent again and then arrived after all, still running, by key."""
    if not resent:
        return {}
    found = launches_by_key(api, workspace, min(record.watermark for record in resent))
    return {record.key: tuple(_twins(record, found.get(record.key, []))) for record in resent}


def _twins(record: Record, found: Iterable[TaskInfo]) -> Iterable[int]:
    for info in found:
        if info.id > record.watermark and info.id != record.task_id and not as_observed(info).is_terminal:
            yield info.id


def _intended(api: Api, workspace: int, records: list[Record]) -> Iterable[tuple[str, Observed]]:
    """Starts without a number that is theirs: the key in the description tells whether the server has them."""
    if not records:
        return
    found = launches_by_key(api, workspace, min(record.watermark for record in records))
    for record in records:
        ours = [info for info in found.get(record.key, []) if info.id > record.watermark]
        if ours:
            first, *twins = ours
            yield record.address, replace(as_observed(first), duplicates=tuple(twin.id for twin in twins))


def launches_by_key(api: Api, workspace: int, watermark: int) -> Mapping[str, list[TaskInfo]]:
    """Launches of ours above a task id, by start key, the lowest id first."""
    found: dict[str, list[TaskInfo]] = defaultdict(list)
    for info in api.task.list_after(workspace, watermark):
        key = key_of(info)
        if key is not None:
            found[key].append(info)
    return found


def has_ended(info: TaskInfo) -> bool:
    return info.status is not None and info.status.is_terminal


def as_observed(info: TaskInfo) -> Observed:
    """A launch as the planner sees it; a status word we do not know is still running as far as we can tell."""
    return Observed(info.id, info.raw_status, has_ended(info), info.output)
