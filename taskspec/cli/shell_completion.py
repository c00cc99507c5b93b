"""taskspec completion"""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from taskspec.cli import main
from taskspec.errors import ExitCode

_KINDS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice([*_KINDS]))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    bash: eval "$(taskspec completion bash)"
    zsh:  eval "$(taskspec completion zsh)"
    fish: taskspec completion fish | source
    """
    click.echo(_KINDS[shell](main.cli, {}, "taskspec", "_TASKSPEC_COMPLETE").source())
    return ExitCode.DONE
