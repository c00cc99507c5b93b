"""taskspec logs"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from taskspec.api import Api
from taskspec.cli import options
from taskspec.diagnostics import choices
from taskspec.errors import UsageError
from taskspec.operations import state_file
from taskspec.operations.log_redaction import open_with_redaction
from taskspec.secrets.sensitive import Secrets
from taskspec.view.terminal_text import clean

FOLLOW_SECONDS = 0.5
_NOT_HIDDEN = (
    'Note: secret "{}" cannot be looked up here and is not redacted in this log; pass it as for apply '
    "(--var, --var-file, --allow-cmd)."
)


@click.command("logs")
@click.argument("arguments", nargs=-1, metavar="[SPEC] ADDRESS")
@options.reading_options
@options.variable_options
@options.allow_cmd_option
@click.option("-f", "--follow", is_flag=True, help="Follow the log until the launch has ended.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@options.json_option
def command(
    reading: options.ReadingOptions, arguments: tuple[str, ...], follow: bool, tail: int | None, as_json: bool
) -> None:
    """The log of the last launch of an ADDRESS: train, or train[yolo].

    Secrets of the spec that can be looked up, as for apply, are redacted.
    """
    if not 1 <= len(arguments) <= 2:
        raise UsageError("logs needs the address of a task", remedy="taskspec logs [SPEC] ADDRESS")
    request = reading.request(Path(arguments[0]) if len(arguments) == 2 else None)
    server = options.server(request)
    project, unknown = open_with_redaction(request)
    for name in unknown:
        click.echo(_NOT_HIDDEN.format(name), err=True)
    state = state_file.read_state(state_file.state_path(project, request, server))
    address = arguments[-1]
    record = state.records.get(address)
    if record is None or record.task_id is None:
        remedy = choices(address, state.records, label="Launched so far")
        raise UsageError(f'nothing was launched as "{address}"', remedy=remedy)
    request.secrets.know(server.api.task.get_info_by_id(record.task_id).session_token)
    entries = server.api.task.get_logs(record.task_id)
    for entry in entries[-tail:] if tail else ([] if tail == 0 else entries):
        _show(entry, request.secrets, as_json=as_json)
    if follow:
        for new in _following(server.api, record.task_id, len(entries)):
            _show(new, request.secrets, as_json=as_json)


def _following(api: Api, task_id: int, seen: int) -> Iterator[Mapping[str, Any]]:
    """Yield new entries until the launch has ended and no entry is left."""
    while True:
        status = api.task.get_info_by_id(task_id).status
        entries = api.task.get_logs(task_id)
        yield from entries[seen:]
        seen = len(entries)
        if status is not None and status.is_terminal:
            return
        time.sleep(FOLLOW_SECONDS)


def _show(entry: Mapping[str, Any], secrets: Secrets, *, as_json: bool) -> None:
    entry = secrets.redact_json(entry)
    if as_json:
        options.print_json(entry)
        return
    level = str(entry.get("level", "info"))
    shown = "" if level == "info" else f"{level.upper()} "
    click.echo(f"{clean(str(entry.get('timestamp', '')))}  {clean(shown)}{clean(str(entry.get('message', '')))}")
