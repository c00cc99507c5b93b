"""The kinds of tasks, and the keys that each kind adds to the common ones. Pure.

A job and a service are launches. The other kinds are calls, which start nothing on the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from taskspec.specfile.fields.platform_calls import PlatformCall
from taskspec.specfile.fields.retries_and_deadlines import seconds
from taskspec.values import Json


class Kind(StrEnum):
    JOB = "job"
    SERVICE = "service"
    REQUEST = "request"
    WAIT = "wait"
    API = "api"
    LOCAL = "local"

    @property
    def is_launch(self) -> bool:
        return self in (Kind.JOB, Kind.SERVICE)


class Readiness(StrEnum):
    """When a service counts as up, the weakest first."""

    RUNNING = "running"
    READY = "ready"
    DEPLOYED = "deployed"


class RunOn(StrEnum):
    """Which outcome of the tasks it needs lets a task run."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


class PartialRule(StrEnum):
    """Whether a task runs although some instances that it needs have failed."""

    FAIL = "fail"
    CONTINUE = "continue"


class WaitKind(StrEnum):
    """What a wait waits for."""

    TEAM_FILE = "team_file"
    LABELING_JOB = "labeling_job"
    LABELING_QUEUE = "labeling_queue"

    @property
    def is_for_people(self) -> bool:
        """Whether it may take days, so that an apply ends meanwhile."""
        return self is not WaitKind.TEAM_FILE


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """How a service starts and ends. `reuse` takes over a running launch, `reuse_name` only one with that title."""

    ready: Readiness
    reuse: bool
    reuse_name: str | None
    keep: bool


@dataclass(frozen=True, slots=True)
class Poll:
    until: Json
    every: float
    attempts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What calls say about time and repetition. Each kind of call is a class that adds its own keys.

    A key that the author does not write is None.
    """

    timeout: float | None = None
    idempotent: bool = False
    poll: Poll | None = None
    every: float = 10.0

    @property
    def body(self) -> dict[str, Json]:
        """The keys of its kind, as a spec has them, in the order in which they are read."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCall(Call):
    service: Json
    method: Json
    data: Mapping[str, Json] | None

    @property
    def body(self) -> dict[str, Json]:
        return _given(service=self.service, method=self.method, data=self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCall(Call):
    """A wait for a file, or for the work of annotators."""

    wait: WaitKind
    target: Json
    team: Json

    @property
    def body(self) -> dict[str, Json]:
        return _given(wait={self.wait.value: self.target}, team=self.team)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall(Call):
    """A call of the platform. `arguments` are written under `with:`."""

    call: PlatformCall
    arguments: Mapping[str, Json] | None
    team: Json

    @property
    def body(self) -> dict[str, Json]:
        return _given(team=self.team, call=self.call.value, **{"with": self.arguments})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCall(Call):
    command: Sequence[Json]
    env: Mapping[str, Json] | None

    @property
    def body(self) -> dict[str, Json]:
        return _given(command=self.command, env=self.env)


def _given(**keys: Json) -> dict[str, Json]:
    return {name: value for name, value in keys.items() if value is not None}


COMMON_KEYS = frozenset({
    "kind", "description", "depends_on", "for_each", "matrix", "at_most", "max_parallel", "pool", "priority", "when",
    "run_on", "partial", "rerun", "results", "checks", "destructive", "retry",
})  # fmt: skip
LAUNCH_KEYS = frozenset({
    "title", "module", "version", "branch", "agent", "workspace", "target", "params", "restart_policy", "log_level",
    "outputs", "deadlines", "settings",
})  # fmt: skip
OWN_KEYS: Mapping[Kind, frozenset[str]] = {
    Kind.JOB: LAUNCH_KEYS,
    Kind.SERVICE: LAUNCH_KEYS | {"ready", "reuse", "keep"},
    Kind.REQUEST: frozenset({"service", "method", "data", "timeout", "idempotent", "poll"}),
    Kind.WAIT: frozenset({"wait", "every", "timeout", "workspace", "team"}),
    Kind.API: frozenset({"call", "with", "timeout", "idempotent", "workspace", "team"}),
    Kind.LOCAL: frozenset({"command", "env", "timeout"}),
}
"""The keys of each kind, in addition to the common ones."""
NEEDED_KEYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.JOB: ("module",),
    Kind.SERVICE: ("module",),
    Kind.REQUEST: ("service", "method"),
    Kind.WAIT: ("wait",),
    Kind.API: ("call",),
    Kind.LOCAL: ("command",),
}
CALL_BODY = ("service", "method", "data", "wait", "team", "call", "with", "command", "env")
"""Keys of calls whose values may hold expressions."""
_TIMEOUTS: Mapping[Kind, float] = {Kind.REQUEST: 600.0, Kind.API: 600.0}
"""Seconds. The other calls have no limit."""


def keys_of(kind: object) -> frozenset[str]:
    """The keys a task of this kind may have. An unknown kind counts as a job."""
    known = Kind(kind) if isinstance(kind, str) and kind in set(Kind) else Kind.JOB
    return COMMON_KEYS | OWN_KEYS[known]


def read_service(body: Mapping[str, Any]) -> ServiceRule:
    reuse = body.get("reuse", False)
    return ServiceRule(
        ready=Readiness(body.get("ready", Readiness.READY)),
        reuse=reuse is not False,
        reuse_name=reuse.get("name") if isinstance(reuse, Mapping) else None,
        keep=body.get("keep", False),
    )


def read_call(kind: Kind, body: Mapping[str, Any]) -> Call:
    shared: dict[str, Any] = {
        "timeout": seconds(body["timeout"]) if "timeout" in body else _TIMEOUTS.get(kind),
        "idempotent": body.get("idempotent", False),
    }
    match kind:
        case Kind.REQUEST:
            poll = body.get("poll")
            poll = Poll(poll["until"], seconds(poll.get("every", 5.0)), poll.get("attempts")) if poll else None
            return RequestCall(
                service=body["service"], method=body["method"], data=body.get("data"), poll=poll, **shared
            )
        case Kind.WAIT:
            [(wait, target)] = body["wait"].items()
            every = seconds(body.get("every", 10.0))
            return WaitCall(wait=WaitKind(wait), target=target, team=body.get("team"), every=every, **shared)
        case Kind.API:
            call = PlatformCall(body["call"])
            return ApiCall(call=call, arguments=body.get("with"), team=body.get("team"), **shared)
        case _:
            return LocalCall(command=body["command"], env=body.get("env"), **shared)


def can_be_repeated(kind: Kind, call: Call) -> bool:
    """Whether a call may be sent again after its outcome is unknown: it only reads, or its author allows it."""
    return kind is Kind.WAIT or call.poll is not None or call.idempotent
