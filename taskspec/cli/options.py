"""Options that several commands share, and what they become: a Request, a Server, a Selection.

The environment is read here and nowhere below.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from taskspec.api.credentials import from_environment
from taskspec.cli import discretion
from taskspec.engine.secretsource import Trust
from taskspec.engine.server import Server, choose_server
from taskspec.errors import UsageError
from taskspec.operations.project import Request
from taskspec.plainfile import why_no_path
from taskspec.plan.selection import Selection
from taskspec.spec.durations import seconds, show
from taskspec.statefile import Turn
from taskspec.view.paint import clean

DEFAULT_SPEC = "taskspec.yaml"
_SHOWN = 80
TRUST, PROFILE = "taskspec.trust", "taskspec.profile"
Command = TypeVar("Command", bound=Callable[..., Any])


class _Duration(click.ParamType):  # type: ignore[type-arg]  # not generic in older releases we allow
    """`90s`, `30m`, `12h`, as the spec has it."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return seconds(value)
        except ValueError:
            self.fail(f"{value!r} is no duration; write it as 90s, 30m, 12h or 2d", param, ctx)


def sound_path(path: Path) -> Path:
    """The path itself. Raises UsageError for one that no file system takes."""
    reason = why_no_path(path)
    if reason:
        raise UsageError(f'"{str(path)[:_SHOWN]}" is no path: {reason}', remedy="check the path")
    return path


class FilePath(click.Path):
    """A path as a person types it; one that no file system takes is refused before anything is asked of it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002 - click's signature
        return sound_path(Path(value))


DURATION = _Duration()
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
no_color_option = click.option("--no-color", is_flag=True, help="No colour, as with NO_COLOR.")
why_option = click.option("--why", default="", metavar="TEXT", help="The reason, for the journal.")
lock_timeout_option = click.option(
    "--lock-timeout",
    type=DURATION,
    default="0s",
    show_default=True,
    metavar="DURATION",
    help="How long to wait for another run that writes to this state.",
)


PROFILE_VARIABLE = "TASKSPEC_PROFILE"


def _allow(flag: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    """Note in the context what a flag allows; every command hands it on with its request."""

    def note(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[TRUST] = replace(ctx.meta.get(TRUST, Trust()), **{flag: True})

    return note


def _note_profile(ctx: click.Context, _: click.Parameter, value: str) -> None:
    ctx.meta[PROFILE] = value


def reading_options(command: Command) -> Command:
    """--profile and --allow-outside: how a spec is read. They reach `request` by themselves."""
    command = click.option(
        "--allow-outside",
        is_flag=True,
        expose_value=False,
        callback=_allow("allow_outside"),
        help="Let the spec name files, app folders and included specs outside of its project.",
    )(command)
    return click.option(
        "--profile",
        metavar="NAME",
        default="",
        expose_value=False,
        callback=_note_profile,
        help=f"Which profile of the spec to use. Default: {PROFILE_VARIABLE} of the environment.",
    )(command)


def spec_argument(command: Command) -> Command:
    """The spec, and how it is read."""
    return click.argument("spec", required=False, type=FilePath())(reading_options(command))


def turn(lock_timeout: float) -> Turn:
    """What --lock-timeout asks for; whom we wait for is said once, on standard error."""

    def told(message: str) -> None:
        click.echo(f"Waiting up to {show(lock_timeout)}: {clean(message)}.", err=True)

    return Turn(lock_timeout, told)


def variable_options(command: Command) -> Command:
    """--var and --var-file."""
    command = click.option(
        "--var-file", "var_files", multiple=True, type=FilePath(), help="YAML file of variable values."
    )(command)
    return click.option("--var", "var_flags", multiple=True, metavar="NAME=VALUE", help="A variable's value.")(command)


allow_cmd_option = click.option(
    "--allow-cmd",
    is_flag=True,
    expose_value=False,
    callback=_allow("allow_cmd"),
    help="Let the spec run commands for its secrets.",
)


def selection_options(command: Command) -> Command:
    """--target, --exclude and --rerun."""
    for name, text in (
        ("--rerun", "Launch this task again."),
        ("--exclude", "Leave out this task and what needs it."),
        ("--target", "Only this task and what it needs."),
    ):
        flag = name.removeprefix("--") + "s"
        command = click.option(name, flag, multiple=True, metavar="ADDRESS", help=text + " Task, address or pattern.")(
            command
        )
    return command


def request(spec: Path | None, var_flags: tuple[str, ...] = (), var_files: tuple[Path, ...] = ()) -> Request:
    """The request for a spec on disk; without one, the `taskspec.yaml` of this folder."""
    path = sound_path(spec or Path(DEFAULT_SPEC))
    if spec is None and not path.exists():
        raise UsageError(
            f'no spec is named, and there is no "{DEFAULT_SPEC}" here', remedy="name one: taskspec COMMAND SPEC.yaml"
        )
    context = click.get_current_context(silent=True)
    asked = context.meta if context is not None else {}
    return Request(
        path,
        str(path),
        dict(os.environ),
        var_flags,
        var_files,
        secrets=discretion.secrets(),
        trust=asked.get(TRUST, Trust()),
        profile=asked.get(PROFILE) or os.environ.get(PROFILE_VARIABLE, ""),
    )


def without_secrets(request: Request) -> Request:
    """The request for a command that looks no secret up."""
    return replace(request, trust=replace(request.trust, looks_up_secrets=False))


def server() -> Server:
    """The server this environment asks for; the local one starts only when something is asked of it."""
    credentials = from_environment(os.environ)
    if credentials is not None:
        discretion.secrets().know(credentials.token)

    def wake() -> tuple[str, str]:
        # Only a command that asks the server something pays for finding and starting it.
        from taskspec.local.daemon import ensure_running  # noqa: PLC0415 - see above
        from taskspec.local.home import find_home  # noqa: PLC0415 - see above

        endpoint = ensure_running(find_home(os.environ))
        discretion.secrets().know(endpoint.token)
        return endpoint.address, endpoint.token

    return choose_server(credentials, os.environ, wake)


def selection(targets: tuple[str, ...], excludes: tuple[str, ...], reruns: tuple[str, ...]) -> Selection:
    return Selection(targets, excludes, reruns)
