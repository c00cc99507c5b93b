"""taskspec server"""

from __future__ import annotations

import os

import click

from taskspec.errors import ExitCode
from taskspec.local import daemon
from taskspec.local.home import find_home


@click.group("server")
def command() -> None:
    """The local server: used when SERVER_ADDRESS and API_TOKEN are not set; it starts by itself when needed."""


@command.command("run")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: the port of the last run, or a free one.")
@click.option("--idle", type=click.FloatRange(0), help="Leave after so many idle seconds; 0: never.")
def run(port: int | None, idle: float | None) -> int:
    """Run the server in the foreground."""
    # The server's own libraries are loaded only here.
    from taskspec.local.__main__ import main  # noqa: PLC0415 - see above

    arguments = ["--port", str(port)] if port is not None else []
    return main([*arguments, *(["--idle", str(idle)] if idle is not None else [])])


@command.command("start")
def start() -> int:
    """Start the server in the background; fine if it runs already."""
    endpoint = daemon.ensure_running(find_home(os.environ))
    click.echo(f"The local server runs at {endpoint.address} (process {endpoint.pid}).")
    return ExitCode.DONE


@command.command("stop")
def stop() -> int:
    """Ask the server to leave. Apps keep running and are adopted by the next server."""
    click.echo("The local server has left." if daemon.stop(find_home(os.environ)) else "No local server is running.")
    return ExitCode.DONE


@command.command("status")
def status() -> int:
    """Whether the server runs, where, and where it keeps its things."""
    home = find_home(os.environ)
    endpoint = daemon.find_running(home)
    click.echo(f"Runs at {endpoint.address} (process {endpoint.pid})." if endpoint else "Is not running.")
    click.echo(f"Home: {home.path}")
    return ExitCode.DONE
