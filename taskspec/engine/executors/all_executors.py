"""The real performers, one per kind of call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskspec.engine.executors.call_protocol import CallExecutor, CallOrder, Pause
from taskspec.engine.executors.command_executor import CommandExecutor
from taskspec.engine.executors.platform_executor import PlatformExecutor
from taskspec.engine.executors.request_executor import RequestExecutor
from taskspec.engine.executors.wait_executor import WaitExecutor
from taskspec.engine.server.connection import Server
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.fields.kinds import Kind
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class CallExecutors:
    """Hands each call to the one who carries out its kind."""

    by_kind: Mapping[Kind, CallExecutor]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        return self.by_kind[order.kind].perform(order, pause)


def call_executors(
    server: Server,
    folder: Path,
    clock: Callable[[], float],
    environment: Mapping[str, str],
    secrets: Secrets,
    *,
    commands: Path | None,
) -> CallExecutors:
    """Performers for one server; commands run in `folder`, where they are allowed."""
    return CallExecutors(
        {
            Kind.REQUEST: RequestExecutor(server, clock),
            Kind.WAIT: WaitExecutor(server, clock),
            Kind.API: PlatformExecutor(server, folder, clock),
            Kind.LOCAL: CommandExecutor(folder, commands, environment, clock, secrets),
        }
    )
