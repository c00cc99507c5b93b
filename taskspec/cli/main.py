"""The entry point: runs a command, and turns every failure into a message and a documented exit code.

Commands are imported when they are called, so that `--version` and `--help` start fast.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from taskspec import __version__
from taskspec.cli.process_redaction import RedactionSession
from taskspec.errors import ExitCode, SpecError, TaskspecError

COMMANDS = {
    "init": "Write a new spec: a small example, one for an app, or one from launches.",
    "validate": "Check a spec without a server.",
    "plan": "Show what apply would do, and why. Makes no changes.",
    "apply": "Carry out the plan; safe to interrupt, safe to repeat.",
    "status": "What was launched, and what the server reports now.",
    "results": "Results of the last launches.",
    "logs": "The log of a task's last launch.",
    "stop": "Stop launches of this spec that still run.",
    "graph": "What depends on what.",
    "explain": "Why this action, where each value comes from, and what a task waits for.",
    "fmt": "Format specs; comments and values stay the same.",
    "runs": "Past applies of a spec.",
    "state": "Past launches on record: list, show, verify, export, import, adopt, forget, mv.",
    "lock": "Who writes to the state: show, break.",
    "server": "The local server: run, start, stop, status, modules, prune.",
    "completion": "Completion for bash, zsh or fish.",
}
ALIASES = {"preview": "plan", "up": "apply"}
# `cli.terminal` decides about colour; click must not remove it again.
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "color": True}


class LazyGroup(click.Group):
    """A group whose commands are modules of `cli.commands` that are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module = "shell_completion" if name == "completion" else f"commands.{name}"
        command = importlib.import_module(f"taskspec.cli.{module}").command
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. A closed pipe is not a failed task, although click would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            name = str(ctx.invoked_subcommand)
            applying = ALIASES.get(name, name) == "apply"
            raise click.exceptions.Exit(ExitCode.DETACHED if applying else ExitCode.DONE) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings=_SETTINGS)
@click.version_option(__version__, "-V", "--version", message="taskspec %(version)s")
@click.option("-C", "directory", type=click.Path(exists=True, file_okay=False), help="Change to this folder first.")
def cli(directory: str | None) -> None:
    """Supervisely app launches as one reviewed file: plan them, then apply them exactly once.

    \b
      taskspec plan pipeline.yaml     what will be launched, with which params, and why
      taskspec apply pipeline.yaml    do it; safe to interrupt, safe to repeat

    \b
    Exit codes: 0 done; 1 a task failed; 2 with --detailed-exitcode, the plan has changes;
    3 the spec or the usage is wrong; 4 no connection or no permission; 5 stale plan or lock held;
    6 state damaged; 7 waiting for users, apply again; 8 interrupted, launches still running; 70 a bug in taskspec;
    130 interrupted, nothing is running.
    """
    if directory is not None:
        os.chdir(directory)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    # A plan makes millions of small objects and hardly any cycle. The default threshold costs a quarter of the time.
    gc.set_threshold(200_000, 50, 50)
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # Otherwise Python searches all objects for cycles at exit.
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """The exit code of a command line; every message has been printed."""
    session = RedactionSession()
    try:
        result = cli.main(list(arguments), prog_name="taskspec", standalone_mode=False, obj=session)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        return _usage(error)
    except TaskspecError as error:
        _report(error, session, no_color="--no-color" in arguments)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; nothing was started.", err=True)
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _bug(error, session)
    return int(result or 0)


def _report(error: TaskspecError, session: RedactionSession, *, no_color: bool) -> None:
    from taskspec.cli.terminal import error_paint  # noqa: PLC0415 - only errors need them
    from taskspec.view.diagnostic import draw_all  # noqa: PLC0415
    from taskspec.view.terminal_text import clean  # noqa: PLC0415

    paint = error_paint(no_color=no_color)
    if isinstance(error, SpecError):
        click.echo(session.secrets.redact(draw_all(error.diagnostics, paint)), err=True, nl=False, color=True)
        return
    message, remedy = session.secrets.redact(error.message), session.secrets.redact(error.remedy)
    click.echo(f"{paint('Error', 'bold', 'red')}: {clean(message)}", err=True, color=True)
    if remedy:
        click.echo(f"\n  {clean(remedy[0].upper() + remedy[1:])}", err=True)


def _usage(error: click.UsageError) -> int:
    usage = f"{error.ctx.get_usage()}\n" if error.ctx is not None else ""
    hint = "See taskspec --help." if error.ctx is None else f"See {error.ctx.command_path} --help."
    click.echo(f"{usage}Error: {error.format_message()}\n\n  {hint}", err=True)
    return ExitCode.SPEC


def _text(error: Exception) -> str:
    """The text of an error. An error that holds a secret cannot be turned into text."""
    try:
        return str(error)
    except Exception as failed:
        return f"({type(failed).__name__})"


def _bug(error: Exception, session: RedactionSession) -> int:
    """Write a report that the user can send: versions and the traceback."""
    import tempfile  # noqa: PLC0415 - only a bug report needs them
    import traceback  # noqa: PLC0415

    session.secrets.know(os.environ.get("API_TOKEN", ""))
    with tempfile.NamedTemporaryFile(
        "w", prefix="taskspec-bug-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"taskspec {__version__}, Python {sys.version}, {sys.platform}\n\n")
        file.write(session.secrets.redact("".join(traceback.format_exception(error))))
    click.echo(
        f"Error: this is a bug in taskspec: {type(error).__name__}: {session.secrets.redact(_text(error))}\n\n"
        f"  Launches are on record; the next apply continues from there.\n"
        f"  Please report it with {Path(file.name)}",
        err=True,
    )
    return ExitCode.BUG
