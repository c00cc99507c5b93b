"""docs/state.md says what there is: commands, options, events, figures."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from taskspec.cli.main import cli
from taskspec.engine.journal import RENEW_SECONDS
from taskspec.state.database import FORMAT
from taskspec.state.lease import LEASE_SECONDS
from taskspec.state.model import EventKind

PAGE = (Path(__file__).parent.parent.parent / "docs" / "state.md").read_text(encoding="utf-8")


def group(name: str) -> click.Group:
    found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, click.Group)
    return found


@pytest.mark.parametrize(
    ("name", "command"), [(name, each) for name in ("state", "lock") for each in group(name).commands]
)
def test_every_command_is_on_the_page(name: str, command: str) -> None:
    assert f"taskspec {name} {command}" in PAGE or f"`{name} {command}`" in PAGE


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_event_is_on_the_page(kind: EventKind) -> None:
    assert f"`{kind}`" in PAGE.split("| event | says |")[1].split("## Looking")[0]


def test_every_command_and_option_of_the_page_exists() -> None:
    for name, command in re.findall(r"taskspec (state|lock) ([a-z]+)", PAGE):
        assert command in group(name).commands, command
    known = {
        option for name in ("state", "lock") for each in group(name).commands.values() for option in _options(each)
    }
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known


def _options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    assert f"renewed at least every {RENEW_SECONDS:g} seconds, over after {LEASE_SECONDS:g} without" in PAGE
    assert f"The format is {FORMAT}." in PAGE
