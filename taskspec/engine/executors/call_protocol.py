"""The interface of executors: an order goes in; a response or one of three failures comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from taskspec.engine.server.connection import Server
from taskspec.errors import TaskspecError
from taskspec.specfile.fields.kinds import Call, Kind
from taskspec.specfile.fields.retries_and_deadlines import FailureKind
from taskspec.values import Json

Pause = Callable[[float], None]
"""Sleeps; raises Interrupted as soon as the run is ending."""


class CallFailed(TaskspecError):
    """The call did not do what was asked; `kind` decides whether it is tried again."""

    def __init__(self, message: str, kind: FailureKind = FailureKind.ERROR, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind


class StillPending(TaskspecError):
    """A person has not finished yet."""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One call with everything in it known. `why_not_met` tells what a polled response still lacks.

    `folder` is where its paths and commands begin, seen from that of the whole. `why_not_met` is evaluated in a worker:
    it reads upstream results, which do not change any more.
    """

    address: str
    kind: Kind
    body: Mapping[str, Json]
    call: Call
    workspace: int | str | None = None
    why_not_met: Callable[[Json], str] = lambda _: ""
    folder: str = ""


class CallExecutor(Protocol):
    """Carries out calls, each in a thread of its own."""

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        """The response. Raises CallFailed, StillPending, an ApiError, or what `pause` raises."""
        ...


class NoExecutor:
    """For an apply without calls."""

    def perform(self, order: CallOrder, pause: Pause) -> Json:  # noqa: ARG002 - the protocol's signature
        raise CallFailed(f"this run has no executor for a {order.kind}", FailureKind.INPUTS)


def describe(kind: Kind, body: Mapping[str, Json]) -> str:
    """A call in a few words: `request train of service 17`."""
    match kind:
        case Kind.REQUEST:
            return f"request {body['method']} of service {body['service']}"
        case Kind.WAIT:
            what, value = next(iter(body["wait"].items()))
            return f"wait for {str(what).replace('_', ' ')} {value}"
        case Kind.API:
            return str(body["call"])
        case _:
            return f"run {' '.join(map(str, body['command']))}"


def team_of(server: Server, order: CallOrder) -> int:
    """The team a call names, by id or name; else that of its workspace."""
    team = order.body.get("team")
    if isinstance(team, int) and not isinstance(team, bool):
        return team
    if isinstance(team, str):
        return server.api.team.get_info_by_name(team).id
    if team is not None:
        raise CallFailed(f"team must be an id or a name, and is {team!r}", FailureKind.INPUTS)
    found = server.api.workspace.get_info_by_id(server.workspace(order.workspace)).team_id
    if found is None:
        raise CallFailed("the server does not say which team the workspace belongs to", remedy="add `team: ID`")
    return found
