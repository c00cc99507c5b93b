"""taskspec fmt"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from taskspec.cli import options, terminal
from taskspec.cli.atomic_write import replace_file
from taskspec.errors import ExitCode, SpecError
from taskspec.files.project_files import read_file
from taskspec.fmt.formatting import formatted
from taskspec.view.diagnostic import draw_all
from taskspec.view.terminal_text import clean

STDIN = "-"


@click.command("fmt")
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option("--check", is_flag=True, help="Write nothing; exit with 3 when a file would change.")
@click.option("--diff", "show_diff", is_flag=True, help="Write nothing; show what would change.")
@options.no_color_option
def command(files: tuple[str, ...], check: bool, show_diff: bool, no_color: bool) -> int:
    """Format specs: order of keys, indentation, quotes, blank lines. Comments and values stay the same.

    Without FILES it formats the taskspec.yaml of this folder. - reads standard input and writes standard output. A file
    that cannot be formatted without a change of its values is not changed.
    """
    problems: list[SpecError] = []
    changed = 0
    for name in files or (options.DEFAULT_SPEC,):
        before = _read(name)
        try:
            after = formatted("standard input" if name == STDIN else name, before).encode()
        except SpecError as error:
            problems.append(error)
            continue
        changed += after != before
        if show_diff:
            click.echo(_diff(name, before.decode("utf-8-sig"), after.decode()), nl=False)
        elif check and after != before:
            click.echo(clean(name))
        elif not check and name == STDIN:
            sys.stdout.buffer.write(after)
        elif not check and after != before:
            replace_file(Path(name), after)
            click.echo(clean(name))
    for problem in problems:
        click.echo(draw_all(problem.diagnostics, terminal.error_paint(no_color=no_color)), err=True, nl=False)
    return ExitCode.SPEC if problems or (check and changed) else ExitCode.DONE


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == STDIN else read_file(Path(name), remedy="name the files to format")


def _diff(name: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), clean(name), f"{clean(name)} (formatted)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
