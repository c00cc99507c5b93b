"""taskspec logs"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from taskspec import operations
from taskspec.api import Api
from taskspec.cli import discretion, options
from taskspec.diagnostics import choices
from taskspec.engine.secretsource import SecretSource, know_secrets
from taskspec.errors import ExitCode, UsageError
from taskspec.view.paint import clean

FOLLOW_SECONDS = 0.5


@click.command("logs")
@click.argument("arguments", nargs=-1, metavar="[SPEC] ADDRESS")
@options.reading_options
@click.option("-f", "--follow", is_flag=True, help="Go on until the launch has ended.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@options.json_option
def command(arguments: tuple[str, ...], follow: bool, tail: int | None, as_json: bool) -> int:
    """The log of a task's last launch, as ADDRESS names it: train, or train[yolo]."""
    if not 1 <= len(arguments) <= 2:
        raise UsageError("logs needs the address of a task", remedy="taskspec logs [SPEC] ADDRESS")
    request = options.request(Path(arguments[0]) if len(arguments) == 2 else None)
    server = options.server()
    project = operations.open_project(request, variables_required=False)
    parts = [unit.part for unit in project.evaluator.units.values()]
    for spec, folder in ((project.spec, ""), *((part.spec, part.folder) for part in parts)):
        source = SecretSource(request.environment, project.folder / folder, request.trust)
        know_secrets(spec, source, request.secrets)
    state = operations.read_state(operations.state_path(project, request, server))
    address = arguments[-1]
    record = state.records.get(address)
    if record is None or record.task_id is None:
        remedy = choices(address, state.records, label="Launched so far")
        raise UsageError(f'nothing was launched as "{address}"', remedy=remedy)
    entries = server.api.task.get_logs(record.task_id)
    for entry in entries[-tail:] if tail else ([] if tail == 0 else entries):
        _show(entry, as_json=as_json)
    if follow:
        for new in _following(server.api, record.task_id, len(entries)):
            _show(new, as_json=as_json)
    return ExitCode.DONE


def _following(api: Api, task_id: int, seen: int) -> Iterator[Mapping[str, Any]]:
    """New entries as they come; ends when the launch has and nothing more arrived."""
    while True:
        status = api.task.get_info_by_id(task_id).status
        entries = api.task.get_logs(task_id)
        yield from entries[seen:]
        seen = len(entries)
        if status is not None and status.is_terminal:
            return
        time.sleep(FOLLOW_SECONDS)


def _show(entry: Mapping[str, Any], *, as_json: bool) -> None:
    entry = discretion.secrets().scrubbed(dict(entry))
    if as_json:
        click.echo(json.dumps(dict(entry), ensure_ascii=False))
        return
    level = str(entry.get("level", "info"))
    shown = "" if level == "info" else f"{level.upper()} "
    click.echo(f"{clean(str(entry.get('timestamp', '')))}  {clean(shown)}{clean(str(entry.get('message', '')))}")
