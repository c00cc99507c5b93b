"""taskspec server"""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from taskspec.cli import options
from taskspec.local import server_client
from taskspec.local.home import find_home


@click.group("server")
def command() -> None:
    """The local server: used when SERVER_ADDRESS and API_TOKEN are not set. It starts automatically."""


@command.command("run")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: the port of the last run, or a free one.")
@click.option("--idle", type=click.FloatRange(0), help="Exit after this number of idle seconds; 0: never.")
@click.option(
    "--app-environments",
    is_flag=True,
    help="Run each app in a virtual environment made from its requirements.txt (also TASKSPEC_APP_ENVIRONMENTS=1).",
)
def run(port: int | None, idle: float | None, app_environments: bool) -> int:
    """Run the server in the foreground."""
    # Only this command loads the libraries of the server.
    from taskspec.local.__main__ import main  # noqa: PLC0415 - see above

    arguments = ["--port", str(port)] if port is not None else []
    arguments += ["--idle", str(idle)] if idle is not None else []
    return main([*arguments, *(["--app-environments"] if app_environments else [])])


@command.command("start")
def start() -> None:
    """Start the server in the background, unless it is running."""
    endpoint = server_client.ensure_running(find_home(os.environ))
    click.echo(f"The local server runs at {endpoint.address} (process {endpoint.pid}).")


@command.command("stop")
def stop() -> None:
    """Stop the server. Apps keep running and are adopted by the next server."""
    click.echo(
        "The local server has stopped." if server_client.stop(find_home(os.environ)) else "No local server is running."
    )


@command.command("status")
@options.json_option
def status(as_json: bool) -> None:
    """Whether the server runs, its address, and its folder."""
    home = find_home(os.environ)
    endpoint = server_client.find_running(home)
    if as_json:
        document = {
            "taskspec_server": 1,
            "running": endpoint is not None,
            "address": endpoint.address if endpoint else None,
            "pid": endpoint.pid if endpoint else None,
            "home": str(home.path),
            "log": str(home.log),
        }
        click.echo(json.dumps(document))
        return
    click.echo(f"Runs at {endpoint.address} (process {endpoint.pid})." if endpoint else "Is not running.")
    click.echo(f"Home: {home.path}")
    click.echo(f"Log:  {home.log}")


@command.command("prune")
@click.option(
    "--keep-days", type=click.IntRange(0), required=True, help="Keep launches that ended within this number of days."
)
def prune(keep_days: int) -> None:
    """Delete folders, logs and files of launches that ended long ago. Their records are kept."""
    endpoint = server_client.ensure_running(find_home(os.environ))
    count = server_client.call(endpoint, "prune", {"keepDays": keep_days})["launches"]
    click.echo(f"Deleted the files of {count} launch{'' if count == 1 else 'es'}.")


@command.group("modules")
def modules() -> None:
    """Apps that are registered on the local server by a slug, as in the Ecosystem."""


@modules.command("add")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--slug", required=True, help="The name in specs: OWNER/NAME.")
@click.option("--version", help="Register the current content of the folder as this version.")
@click.option("--tag", help="Register the files of a git tag; the tag is the version.")
@click.option("--branch", help="Register a git branch; each launch takes its newest commit.")
def add(path: Path, slug: str, version: str | None, tag: str | None, branch: str | None) -> None:
    """Register an app's folder.

    Without --version, --tag or --branch it registers the tag that is checked out. Without such a tag, it registers the
    current content of the folder, with a digest as the version.
    """
    chosen = {kind: name for kind, name in (("version", version), ("tag", tag), ("branch", branch)) if name is not None}
    if len(chosen) > 1:
        raise click.UsageError("give one of --version, --tag and --branch")
    folder = path.resolve()
    endpoint = server_client.ensure_running(find_home(os.environ))
    # Only this command looks into git.
    from taskspec.local.apps.git import exact_tag  # noqa: PLC0415 - see above

    if not chosen and (checked_out := exact_tag(folder)):
        chosen = {"tag": checked_out}
    found = server_client.call(endpoint, "modules.register", {"path": str(folder), "slug": slug, **chosen})
    click.echo(f"Registered {found['slug']} {'branch ' if branch else ''}{found['version']}.")


@modules.command("list")
def list_modules() -> None:
    """Every module with its versions, newest first, and its branches."""
    rows = server_client.call(server_client.ensure_running(find_home(os.environ)), "modules.list")
    for row in rows:
        names = [*row["versions"], *(f"branch {name}" for name in row["branches"])]
        click.echo(f"{row['slug']}  {', '.join(names)}")
    if not rows:
        click.echo("No modules. Register one with: taskspec server modules add PATH --slug OWNER/NAME", err=True)
