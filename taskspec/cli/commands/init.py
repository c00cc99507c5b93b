"""taskspec init"""

from __future__ import annotations

from pathlib import Path

import click

from taskspec.cli import options
from taskspec.cli.atomic_write import replace_file
from taskspec.cli.process_redaction import RedactionSession
from taskspec.engine.server.connection import Server
from taskspec.errors import ExitCode, UsageError
from taskspec.files.project_files import read_file
from taskspec.scaffold.app_lookup import find_app, find_launches
from taskspec.scaffold.draft import Draft, appended, fresh_names, spec_text, starter_files
from taskspec.scaffold.from_launches import draft_launches
from taskspec.scaffold.from_module import draft_task
from taskspec.scaffold.naming import identifier
from taskspec.specfile.parser import parse_spec
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
) -> int:
    """Write a new spec.

    Without options it writes pipeline.yaml and a small app for it. With --from it writes a task for an app: its newest
    release, its target, its defaults and likely results as comments. With --from-task it writes a spec that describes
    launches on the server, with references between them; secrets become variables.
    """
    _check_flags(more_ids, module, task_id, version, name, out, append)
    if module is not None:
        return _from_module(options.server(session.secrets), module, version, name, out, append, force=force)
    if task_id is not None:
        draft = draft_launches(find_launches(options.server(session.secrets), (task_id, *more_ids)))
        return _deliver(spec_text(_spec_name(out, "pipeline"), draft), out, force=force)
    return _starter(out or STARTER, force=force)


def _check_flags(
    more_ids: tuple[int, ...],
    module: str | None,
    task_id: int | None,
    version: str | None,
    name: str | None,
    out: Path | None,
    append: Path | None,
) -> None:
    if module is not None and task_id is not None:
        raise UsageError("--from and --from-task exclude each other", remedy="give one of them")
    if more_ids and task_id is None:
        raise UsageError("an ID is valid only after --from-task", remedy="taskspec init --from-task ID [ID]...")
    if module is None and (version, name, append) != (None, None, None):
        raise UsageError("--version, --name and --append belong to --from", remedy="name the app: --from MODULE")
    if out is not None and append is not None:
        raise UsageError("--out and --append exclude each other", remedy="give one of them")


def _from_module(
    server: Server,
    module: str,
    version: str | None,
    name: str | None,
    out: Path | None,
    append: Path | None,
    *,
    force: bool,
) -> int:
    beside = append or out
    base = beside.resolve().parent if beside is not None else Path.cwd()
    app = find_app(server, module, version, base)
    task = name or app.task_name
    if not (task.isidentifier() and task.isascii()):
        raise UsageError(f'"{task}" cannot be the name of a task', remedy=f"for example --name {identifier(task)}")
    draft = draft_task(app, task)
    if append is None:
        return _deliver(spec_text(_spec_name(out, task), draft), out, force=force)
    return _append(append, task, draft)


def _append(path: Path, task: str, draft: Draft) -> int:
    content = read_file(path, remedy="check the path, or use --out")
    spec, _ = parse_spec(str(path), content)
    fresh_names(spec, [task])
    replace_file(path, appended(str(path), content, draft).encode())
    click.echo(f'Added task "{clean(task)}" to {clean(str(path))}.', err=True)
    return ExitCode.DONE


def _spec_name(out: Path | None, otherwise: str) -> str:
    return out.stem if out is not None else otherwise


def _deliver(text: str, out: Path | None, *, force: bool) -> int:
    """Write to standard output, or to a new file."""
    if out is None:
        click.echo(text, nl=False)
        return ExitCode.DONE
    _refuse_overwriting([out], force=force)
    replace_file(out, text.encode())
    click.echo(f"Wrote {clean(str(out))}. See what it would do: taskspec plan {clean(str(out))}", err=True)
    return ExitCode.DONE


def _starter(spec: Path, *, force: bool) -> int:
    files = {spec.parent / name: text for name, text in starter_files(spec.name).items()}
    _refuse_overwriting(list(files), force=force)
    for path, text in files.items():
        _make(path.parent)
        replace_file(path, text.encode())
        click.echo(f"Wrote {clean(str(path))}")
    name = clean(str(spec))
    click.echo(f"\nSee what it would do: taskspec plan {name}\nThen do it:           taskspec apply {name}")
    return ExitCode.DONE


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f'"{folder}" cannot be made: {error.strerror}', remedy="choose another folder") from None


def _refuse_overwriting(paths: list[Path], *, force: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise UsageError(f'"{there[0]}" exists and was not changed', remedy="overwrite it with --force, or use --out")
