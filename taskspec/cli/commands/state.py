"""taskspec state"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from taskspec.cli import options, terminal
from taskspec.diagnostics import choices
from taskspec.errors import SpecError, UsageError
from taskspec.operations import state_admin, state_file
from taskspec.operations.project import Request, open_project
from taskspec.operations.state_file import LockWait
from taskspec.state.model import Phase
from taskspec.state.store import StateStore
from taskspec.view.labels import show_change
from taskspec.view.state_text import draw_record, draw_records, record_document, records_document
from taskspec.view.terminal_text import clean


@click.group("state")
def command() -> None:
    """The record of past launches: list, show, verify, export, import, adopt, forget, mv.

    Every change is an event of the journal, with its author and reason. No launch is started or stopped.
    """


@command.command("list")
@options.spec_argument
@options.json_option
@options.no_color_option
def list_records(request: Request, as_json: bool, no_color: bool) -> None:
    """Every address on record: attempt, outcome, launch, and when. Asks no server."""
    state = state_file.read_state(state_admin.place(request, options.server(request)))
    if as_json:
        click.echo(json.dumps(records_document(state)))
    else:
        click.echo(draw_records(state, terminal.paint(no_color=no_color)), nl=False)


@command.command("show")
@click.argument("arguments", nargs=-1, metavar="[SPEC] ADDRESS")
@options.reading_options
@options.json_option
@options.no_color_option
def show(reading: options.ReadingOptions, arguments: tuple[str, ...], as_json: bool, no_color: bool) -> None:
    """The whole record of an address: its inputs, outcome and results."""
    spec, (address,) = _split(arguments, "state show", "ADDRESS")
    request = reading.request(spec)
    record = state_admin.find(state_file.read_state(state_admin.place(request, options.server(request))), address)
    if as_json:
        click.echo(json.dumps(record_document(record)))
    else:
        click.echo(draw_record(record, terminal.paint(no_color=no_color)), nl=False)


@command.command("verify")
@options.spec_argument
@options.json_option
def verify(request: Request, as_json: bool) -> None:
    """Check that no event was changed. Exit code 6 names the first changed event."""
    events, lineage, layout = state_admin.verify(state_admin.place(request, options.server(request)))
    if as_json:
        click.echo(json.dumps({"taskspec_verified": 1, "events": events, "lineage": lineage, "format": layout}))
    else:
        click.echo(f"{events} event{'s' * (events != 1)}: the state is intact.")


@command.command("export")
@options.spec_argument
def export(request: Request) -> None:
    """The whole state as one JSON document on standard output; it fits schemas/state.schema.json."""
    server = options.server(request)
    # Pure ASCII: a redirect in any locale writes the same bytes.
    click.echo(json.dumps(state_admin.export(state_admin.place(request, server), server), indent=1))


@command.command("import")
@click.argument("arguments", nargs=-1, metavar="[SPEC] FILE")
@options.reading_options
@options.why_option
def import_file(reading: options.ReadingOptions, arguments: tuple[str, ...], why: str) -> None:
    """Create the state from a complete export, `-` for standard input. There must be no state yet."""
    spec, (name,) = _split(arguments, "state import", "FILE")
    request, server = reading.request(spec), options.server(reading)
    path = state_file.state_place(request.path.resolve().parent, request, server)
    count = state_admin.import_state(path, server, name, _content(name), state_admin.this_actor(why))
    click.echo(f"Imported {count} event{'s' * (count != 1)}. See what is left to do: taskspec plan {request.shown_as}")


def _content(name: str) -> bytes:
    try:
        with click.open_file(name, "rb") as file:
            return bytes(file.read())
    except OSError as error:
        raise UsageError(f'"{name}" cannot be read: {error.strerror}', remedy="check the path") from None


@command.command("adopt")
@click.argument("arguments", nargs=-1, metavar="[SPEC] ADDRESS TASK_ID")
@options.reading_options
@options.variable_options
@click.option("--force", is_flag=True, help="Adopt a launch that differs from the spec.")
@options.why_option
@options.lock_timeout_option
def adopt(
    reading: options.ReadingOptions, arguments: tuple[str, ...], force: bool, why: str, lock_wait: LockWait
) -> None:
    """Record a launch that was started by hand as the launch of ADDRESS.

    Its module, version, workspace, agent and params must equal those of the spec; differences are shown. The next
    apply attaches to it, or reads its results if it has ended.
    """
    spec, (address, number) = _split(arguments, "state adopt", "ADDRESS", "TASK_ID")
    if not number.isdecimal():
        raise UsageError(f'"{number}" is not a valid launch id', remedy="use the number that the server shows")
    request = reading.request(spec)
    server = options.server(request)
    project = open_project(request)
    path = state_file.state_path(project, request, server)
    with state_file.writing(path, lock_wait) as store:
        actor = state_admin.this_actor(why)
        status, changes = state_admin.adopt(project, server, store, address, int(number), force=force, actor=actor)
    if changes:
        click.echo(f"Launch {number} → {clean(address)} in the spec:", err=True)
    for change in changes:
        click.echo(f"  {show_change(change)}", err=True)
    if changes and not force:
        raise UsageError(
            f'launch {number} is not what the spec would start as "{address}"; nothing was recorded',
            remedy="change the spec, or adopt it anyway with --force",
        )
    click.echo(f"{clean(address)}: launch {number} is adopted; it is {clean(status)}.")


@command.command("forget")
@click.argument("arguments", nargs=-1, metavar="[SPEC] ADDRESS")
@options.reading_options
@click.option("--all", "every", is_flag=True, help="Every record instead of one ADDRESS.")
@click.option("--force", is_flag=True, help="Also where it is not known whether the start reached the server.")
@options.why_option
@options.lock_timeout_option
def forget(
    reading: options.ReadingOptions, arguments: tuple[str, ...], every: bool, force: bool, why: str, lock_wait: LockWait
) -> None:
    """Drop a record: the next plan starts the task again. A running launch is not stopped and no longer watched."""
    spec, address = _split(arguments, "state forget", *([] if every else ["ADDRESS"]))
    actor = state_admin.this_actor(why)
    with _changing(reading.request(spec), lock_wait) as store:
        records = state_admin.forget(store, address[0] if address else None, actor, force=force)
    for record in records:
        running = f"; launch {record.task_id} is not stopped" if record.phase is Phase.STARTED else ""
        click.echo(f"{clean(record.address)}: forgotten{running}")


@command.command("mv")
@click.argument("arguments", nargs=-1, metavar="[SPEC] OLD NEW")
@options.reading_options
@options.why_option
@options.lock_timeout_option
def move(reading: options.ReadingOptions, arguments: tuple[str, ...], why: str, lock_wait: LockWait) -> None:
    """Rename a record after its task was renamed in the spec, so that the plan keeps it.

    The name of a task moves all of its instances.
    """
    spec, (old, new) = _split(arguments, "state mv", "OLD", "NEW")
    request = reading.request(spec)
    with _changing(request, lock_wait) as store:
        moves = state_admin.move(store, old, new, state_admin.this_actor(why))
    for source, target in moves:
        click.echo(f"{clean(source)} → {clean(target)}")
    _note_unknown(request, [target for _, target in moves])


def _note_unknown(request: Request, addresses: Sequence[str]) -> None:
    """Note new addresses that the spec does not have: a typing error would start the task again."""
    try:
        project = open_project(request, variables_required=False)
    except (SpecError, UsageError):
        return
    known = [instance.address for instance in project.expansion.instances]
    may_be = tuple(f"{instance.task.name}[" for instance in project.expansion.folded)
    for address in set(addresses) - set(known):
        if may_be and address.startswith(may_be):
            continue
        remedy = choices(address, known, label="Addresses")
        click.echo(f'Note: the spec has no "{clean(address)}" now. {clean(remedy)}', err=True)


@contextmanager
def _changing(request: Request, lock_wait: LockWait) -> Iterator[StateStore]:
    path = state_admin.place(request, options.server(request))
    state_admin.require(path)
    with state_file.writing(path, lock_wait) as store:
        yield store


def _split(arguments: tuple[str, ...], name: str, *wanted: str) -> tuple[Path | None, tuple[str, ...]]:
    """The spec, where one is named, and the other arguments."""
    if len(arguments) == len(wanted):
        return None, arguments
    if len(arguments) == len(wanted) + 1:
        return Path(arguments[0]), arguments[1:]
    usage = " ".join([f"taskspec {name} [SPEC]", *wanted])
    raise UsageError(
        f"{name} needs {' and '.join(wanted)}" if wanted else f"{name} takes no arguments except SPEC", remedy=usage
    )
