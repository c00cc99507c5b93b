"""Options that several commands share. Each decorator replaces its options by one value: a Request, a Selection.

The environment is read here and in no module below.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from taskspec.api.credentials import INSECURE_NAME, Credentials, from_environment
from taskspec.cli.process_redaction import RedactionSession
from taskspec.engine.server.connection import Server, choose_server
from taskspec.errors import UsageError
from taskspec.files.safe_read import path_problem
from taskspec.operations import state_file
from taskspec.operations.project import Project, Request, open_project
from taskspec.operations.state_file import LockWait
from taskspec.plan.plan_inputs import Selection
from taskspec.secrets.secret_source import Trust
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.fields.retries_and_deadlines import seconds, show
from taskspec.state.model import State
from taskspec.view.terminal_text import clean
from taskspec.wording import shorten

DEFAULT_SPEC = "taskspec.yaml"
PROFILE_VARIABLE = "TASKSPEC_PROFILE"
_SHOWN = 80
Command = Callable[..., int | None]
"""Returns the exit code; None is 0."""


def duration(value: str) -> float:
    """`90s`, `30m`, `12h`, as the spec has it."""
    try:
        return seconds(value)
    except ValueError:
        problem = f"{value!r} is not a valid duration; write it as 90s, 30m, 12h or 2d"
        raise click.BadParameter(problem) from None


def valid_path(path: Path) -> Path:
    """Return the path itself. Raises UsageError for one that the file system refuses."""
    reason = path_problem(path)
    if reason:
        raise UsageError(f'"{shorten(str(path), _SHOWN)}" is not a valid path: {reason}', remedy="check the path")
    return path


class FilePath(click.Path):
    """A path that a user types; one that the file system refuses is an error before any access."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002 - click's signature
        return valid_path(Path(value))


json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
no_color_option = click.option("--no-color", is_flag=True, help="No colour, as with NO_COLOR.")
why_option = click.option("--why", default="", metavar="TEXT", help="The reason, for the journal.")
allow_cmd_option = click.option("--allow-cmd", is_flag=True, help="Let the spec run commands for its secrets.")
insecure_option = click.option(
    "--insecure", is_flag=True, help=f"Let the token go to a server over http, unencrypted. Also: {INSECURE_NAME}=1."
)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a command reads a spec: its options, and where the secrets of this command line are kept."""

    secrets: Secrets
    trust: Trust = field(default_factory=Trust)
    profile: str = ""
    var_flags: tuple[str, ...] = ()
    var_files: tuple[Path, ...] = ()
    insecure: bool = False

    def request(self, spec: Path | None) -> Request:
        """The request for a spec on disk; without one, the `taskspec.yaml` of this folder."""
        path = valid_path(spec or Path(DEFAULT_SPEC))
        if spec is None and not path.exists():
            raise UsageError(
                f'no spec is named, and there is no "{DEFAULT_SPEC}" here',
                remedy="name one: taskspec COMMAND SPEC.yaml",
            )
        return Request(
            path,
            str(path),
            dict(os.environ),
            self.var_flags,
            self.var_files,
            secrets=self.secrets,
            trust=self.trust,
            profile=self.profile or os.environ.get(PROFILE_VARIABLE, ""),
            insecure=self.insecure,
        )


def reading_options(command: Command) -> Command:
    """--profile, --allow-outside, --insecure. The command gets `reading`, with --var and --allow-cmd if it has them."""

    @wraps(command)
    def adapted(
        session: RedactionSession,
        /,
        profile: str,
        allow_outside: bool,
        insecure: bool,
        allow_cmd: bool = False,
        var_flags: tuple[str, ...] = (),
        var_files: tuple[Path, ...] = (),
        **rest: Any,
    ) -> int | None:
        trust = Trust(allow_cmd=allow_cmd, allow_outside=allow_outside)
        reading = ReadingOptions(session.secrets, trust, profile, var_flags, var_files, insecure)
        return command(reading=reading, **rest)

    text = "Let the spec name files, app folders and included specs outside of its project."
    add_outside = click.option("--allow-outside", is_flag=True, help=text)
    text = f"Which profile of the spec to use. Default: {PROFILE_VARIABLE} of the environment."
    add_profile = click.option("--profile", metavar="NAME", default="", help=text)
    return add_profile(add_outside(insecure_option(click.pass_obj(adapted))))


def spec_argument(command: Command) -> Command:
    """The spec and the options for reading it. The command gets `request`."""

    @wraps(command)
    def adapted(reading: ReadingOptions, spec: Path | None, **rest: Any) -> int | None:
        return command(request=reading.request(spec), **rest)

    return click.argument("spec", required=False, type=FilePath())(reading_options(adapted))


def variable_options(command: Command) -> Command:
    """--var and --var-file; `reading` and `request` include them."""
    add_flags = click.option("--var", "var_flags", multiple=True, metavar="NAME=VALUE", help="A variable's value.")
    text = "YAML file of variable values."
    add_files = click.option("--var-file", "var_files", multiple=True, type=FilePath(), help=text)
    return add_flags(add_files(command))


def selection_options(command: Command) -> Command:
    """--target, --exclude and --rerun. The command gets `selection`."""

    @wraps(command)
    def adapted(
        targets: tuple[str, ...], excludes: tuple[str, ...], reruns: tuple[str, ...], **rest: Any
    ) -> int | None:
        return command(selection=Selection(targets, excludes, reruns), **rest)

    for name, text in (
        ("--rerun", "Launch this task again."),
        ("--exclude", "Leave out this task and what needs it."),
        ("--target", "Only this task and what it needs."),
    ):
        flag = name.removeprefix("--") + "s"
        add = click.option(name, flag, multiple=True, metavar="ADDRESS", help=f"{text} Task, address or pattern.")
        adapted = add(adapted)
    return adapted


def lock_timeout_option(command: Command) -> Command:
    """--lock-timeout. The command gets `lock_wait`, which reports the wait once, on standard error."""

    @wraps(command)
    def adapted(lock_timeout: float, **rest: Any) -> int | None:
        def report(message: str) -> None:
            click.echo(f"Waiting up to {show(lock_timeout)}: {clean(message)}.", err=True)

        return command(lock_wait=LockWait(lock_timeout, report), **rest)

    return click.option(
        "--lock-timeout",
        type=duration,
        default="0s",
        show_default=True,
        metavar="DURATION",
        help="How long to wait for another run that writes to this state.",
    )(adapted)


def opened(request: Request, *, variables_required: bool = True) -> tuple[Server, Project, State]:
    """The server of a command, the checked spec, and its state on that server."""
    contacted = server(request)
    project = open_project(request, variables_required=variables_required)
    return contacted, project, state_file.read_state(state_file.state_path(project, request, contacted))


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def without_secrets(request: Request) -> Request:
    """The request for a command that looks no secret up."""
    return replace(request, trust=replace(request.trust, looks_up_secrets=False))


def server(given: Request | ReadingOptions) -> Server:
    """The server that the environment names. The local server starts only when a command needs its answer."""
    credentials = from_environment(os.environ, insecure=given.insecure)
    if credentials is not None:
        given.secrets.know(credentials.token)

    def wake() -> Credentials:
        # Only a command that asks the server something pays for finding and starting it.
        from taskspec.local.home import find_home  # noqa: PLC0415 - see above
        from taskspec.local.server_client import ensure_running  # noqa: PLC0415 - see above

        endpoint = ensure_running(find_home(os.environ))
        given.secrets.know(endpoint.token)
        return Credentials(endpoint.address, endpoint.token)

    return choose_server(credentials, os.environ, wake)
