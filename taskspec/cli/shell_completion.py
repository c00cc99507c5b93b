"""taskspec completion"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from taskspec.cli import main
from taskspec.errors import ExitCode, UsageError


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    bash: eval "$(taskspec completion bash)"
    zsh:  eval "$(taskspec completion zsh)"
    fish: taskspec completion fish | source
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion for {shell}", remedy="use bash, zsh or fish")
    click.echo(kind(main.cli, {}, "taskspec", "_TASKSPEC_COMPLETE").source())
    return ExitCode.DONE
