"""What a rule asks for: facts for the journal, commands for workers, and events for the listener, in that order."""

from __future__ import annotations

from dataclasses import dataclass

from taskspec.engine.events import EngineEvent, Noticed
from taskspec.engine.protocol.commands import Command
from taskspec.state.model import Event


@dataclass(frozen=True, slots=True)
class Effects:
    """The loop appends `events` durably, then submits `commands`, then reports `reports` to the listener."""

    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()
    reports: tuple[EngineEvent, ...] = ()

    def __add__(self, other: Effects) -> Effects:
        return Effects(self.events + other.events, self.commands + other.commands, self.reports + other.reports)


NO_EFFECTS = Effects()


def record(*events: Event) -> Effects:
    return Effects(events=events)


def submit(*commands: Command) -> Effects:
    return Effects(commands=commands)


def report(*events: EngineEvent) -> Effects:
    return Effects(reports=events)


def notice(address: str, *messages: str) -> Effects:
    """Tell the user something that changes no outcome."""
    return Effects(reports=tuple(Noticed(address, message) for message in messages if message))
