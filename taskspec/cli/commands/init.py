"""taskspec init"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from taskspec.cli import options
from taskspec.cli.atomic_write import replace_file
from taskspec.cli.process_redaction import RedactionSession
from taskspec.errors import UsageError
from taskspec.files.project_files import read_file
from taskspec.scaffold.app_lookup import find_app, find_launches
from taskspec.scaffold.draft import Draft, appended, spec_text, starter_files
from taskspec.scaffold.from_launches import draft_launches
from taskspec.scaffold.from_module import draft_task
from taskspec.scaffold.naming import identifier
from taskspec.view.terminal_text import clean

STARTER = Path("pipeline.yaml")


@click.command("init")
@click.argument("more_ids", nargs=-1, type=int, metavar="[ID]...")
@click.option("--from", "module", metavar="MODULE", help="A task for this app: a slug, a module id, or ./folder.")
@click.option("--from-task", "task_id", type=int, metavar="ID", help="A spec from this launch, and the IDs after it.")
@click.option("--version", help="With --from: this release instead of the newest.")
@click.option("--name", help="With --from: the name of the task.")
@click.option("--out", type=options.FilePath(), help="Write to this file; without it, to standard output.")
@click.option("--append", type=options.FilePath(), help="With --from: add the task to this spec.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@options.insecure_option
@click.pass_obj
def command(
    session: RedactionSession,
    more_ids: tuple[int, ...],
    module: str | None,
    task_id: int | None,
    version: str | None,
    name: str | None,
    out: Path | None,
    append: Path | None,
    force: bool,
    insecure: bool,
) -> None:
    """Write a new spec.

    Without options it writes pipeline.yaml and a small app for it. With --from it writes a task for an app: its newest
    release, its target, its defaults and likely results as comments. With --from-task it writes a spec that describes
    launches on the server, with references between them; secrets become variables.
    """
    if module is not None and task_id is not None:
        raise UsageError("--from and --from-task exclude each other", remedy="give one of them")
    if more_ids and task_id is None:
        raise UsageError("an ID is valid only after --from-task", remedy="taskspec init --from-task ID [ID]...")
    if module is None and (version, name, append) != (None, None, None):
        raise UsageError("--version, --name and --append belong to --from", remedy="name the app: --from MODULE")
    if out is not None and append is not None:
        raise UsageError("--out and --append exclude each other", remedy="give one of them")
    reading = options.ReadingOptions(session.secrets, insecure=insecure)
    if module is not None:
        beside = append or out
        base = beside.resolve().parent if beside is not None else Path.cwd()
        app = find_app(options.server(reading), module, version, base)
        task = name or app.task_name
        if not (task.isidentifier() and task.isascii()):
            raise UsageError(f'"{task}" cannot be the name of a task', remedy=f"for example --name {identifier(task)}")
        _deliver(draft_task(app, task), task, out, append, force=force)
    elif task_id is not None:
        draft = draft_launches(find_launches(options.server(reading), (task_id, *more_ids)))
        _deliver(draft, "pipeline", out, None, force=force)
    else:
        _starter(out or STARTER, force=force)


def _deliver(draft: Draft, name: str, out: Path | None, append: Path | None, *, force: bool) -> None:
    """Write a draft to standard output, to a new file, or into a spec. `name` is that of the task or of the spec."""
    if append is not None:
        content = read_file(append, remedy="check the path, or use --out")
        replace_file(append, appended(str(append), content, name, draft).encode())
        click.echo(f'Added task "{clean(name)}" to {clean(str(append))}.', err=True)
        return
    text = spec_text(out.stem if out is not None else name, draft)
    if out is None:
        click.echo(text, nl=False)
        return
    _refuse_overwriting([out], force=force)
    replace_file(out, text.encode())
    click.echo(f"Wrote {clean(str(out))}. See what it would do: taskspec plan {clean(str(out))}", err=True)


def _starter(spec: Path, *, force: bool) -> None:
    files = {spec.parent / name: text for name, text in starter_files(spec.name).items()}
    _refuse_overwriting(files, force=force)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            summary = f'"{path.parent}" cannot be made: {error.strerror}'
            raise UsageError(summary, remedy="choose another folder") from None
        replace_file(path, text.encode())
        click.echo(f"Wrote {clean(str(path))}")
    name = clean(str(spec))
    click.echo(f"\nSee what it would do: taskspec plan {name}\nThen do it:           taskspec apply {name}")


def _refuse_overwriting(paths: Iterable[Path], *, force: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise UsageError(f'"{there[0]}" exists and was not changed', remedy="overwrite it with --force, or use --out")
