"""The real performers, one per kind of call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskspec.engine.commands import Commands
from taskspec.engine.performing import CallOrder, Pause, Performer
from taskspec.engine.platform import Platform
from taskspec.engine.requests import Requests
from taskspec.engine.server import Server
from taskspec.engine.waits import Waits
from taskspec.sensitive import Secrets
from taskspec.spec.kinds import Kind
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class Performers:
    """Hands each call to the one who carries out its kind."""

    by_kind: Mapping[Kind, Performer]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        return self.by_kind[order.kind].perform(order, pause)


def performers(
    server: Server,
    folder: Path,
    clock: Callable[[], float],
    environment: Mapping[str, str],
    secrets: Secrets,
    *,
    commands: Path | None,
) -> Performers:
    """Performers for one server; commands run in `folder`, where they are allowed."""
    return Performers(
        {
            Kind.REQUEST: Requests(server, clock),
            Kind.WAIT: Waits(server, clock),
            Kind.API: Platform(server, folder, clock),
            Kind.LOCAL: Commands(folder, commands, environment, clock, secrets),
        }
    )
