"""Faults of a server as values, and the script that chooses the faults of a rehearsal.

Pure. A script is YAML with the shape of schemas/faults.schema.json. Each error in it is a diagnostic with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from math import inf
from random import Random
from typing import Any, Protocol

from taskspec.errors import SpecError
from taskspec.specfile.fields.retries_and_deadlines import seconds
from taskspec.specfile.schema import check_shape
from taskspec.specfile.yaml.yaml_reader import read_document


class StartAnswer(StrEnum):
    """The fate of a start and of its answer."""

    LOST = "lost"
    NEVER_ARRIVES = "never_arrives"
    BAD_GATEWAY_BEFORE = "502_before"
    BAD_GATEWAY_AFTER = "502_after"
    TRUNCATED = "truncated"
    HANG = "hang"
    TWICE = "twice"
    TOO_MANY = "too_many"
    REFUSED = "refused"
    NO_CONNECTION = "no_connection"


class LaunchEnd(StrEnum):
    """How a launch ends."""

    FINISHED = "finished"
    ERROR = "error"
    STOPPED = "stopped"
    ERROR_OUTPUT = "error_output"
    NO_OUTPUT = "no_output"


@dataclass(frozen=True, slots=True)
class StartFault:
    """The fault of one start. The request is delayed by `late_by` seconds, then carried out."""

    answer: StartAnswer
    late_by: float = 0.0
    message: str = "the agent is offline"


@dataclass(frozen=True, slots=True)
class LaunchTimeline:
    """The course of one launch: seconds in each stage, and its end. Infinity: the stage never ends."""

    queued: float = 0.0
    consumed: float = 0.0
    running: float = 0.0
    stopping: float = 2.0
    ends: LaunchEnd = LaunchEnd.FINISHED
    output_after: float = 0.0
    vanishes_after: float = inf
    restarted: bool = False
    server_deadline: float = inf


@dataclass(frozen=True, slots=True)
class ServerFaults:
    """Faults of the whole server. `status_500` and `page_shift` are the numbers of failing calls."""

    list_lag: float = 0.0
    status_500: int = 0
    page_shift: int = 0
    token_expires_after: float = inf
    unknown_modules: tuple[str, ...] = ()


class Faults(Protocol):
    """Decides which faults occur, and when."""

    server: ServerFaults

    def course(self, address: str, number: int) -> LaunchTimeline:
        """Return the course of a launch. `number` counts the launches of that address from 1."""

    def start(self, address: str, number: int) -> StartFault | None:
        """Return the fault of a start, if any. `number` counts the starts of that address from 1."""

    def call(self, method: str) -> bool:
        """Return whether a request other than a start fails with a 500."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """Faults of matching addresses: of the first `times` launches, or of all launches and one start."""

    match: str
    course: Mapping[str, Any] = field(default_factory=dict)
    start: StartFault | None = None
    times: int | None = None

    def fits(self, address: str) -> bool:
        task = address.split("[", 1)[0]
        return self.match in (address, task) or fnmatchcase(address, self.match)


@dataclass(slots=True)
class Script:
    """A fault script, and a seed for everything that it leaves open. The last matching rule wins.

    `services` are addresses whose launches run until they are stopped.
    """

    seed: int = 0
    server: ServerFaults = field(default_factory=ServerFaults)
    rules: tuple[FaultRule, ...] = ()
    services: frozenset[str] = frozenset()
    _failed_calls: int = 0

    def course(self, address: str, number: int) -> LaunchTimeline:
        course = self._drawn(address, number)
        for rule in self.rules:
            if rule.fits(address) and (rule.times is None or number <= rule.times):
                course = replace(course, **rule.course)
        return course

    def start(self, address: str, number: int) -> StartFault | None:
        for rule in reversed(self.rules):
            if rule.start is not None and rule.fits(address) and number <= (rule.times or 1):
                return rule.start
        return None

    def call(self, method: str) -> bool:
        if method not in ("tasks.list", "tasks.info") or self._failed_calls >= self.server.status_500:
            return False
        self._failed_calls += 1
        return True

    def _drawn(self, address: str, number: int) -> LaunchTimeline:
        chance = Random(f"{self.seed}:{address}:{number}")  # noqa: S311 - a rehearsal, no secret
        course = LaunchTimeline(
            round(chance.uniform(1, 20)), round(chance.uniform(2, 30)), round(chance.uniform(30, 600))
        )
        return replace(course, running=inf) if address in self.services else course


_DURATIONS = {
    "queued_for": "queued",
    "consumed_for": "consumed",
    "runs_for": "running",
    "stops_in": "stopping",
    "output_after": "output_after",
    "vanishes_after": "vanishes_after",
    "server_deadline": "server_deadline",
}
FOREVER = "forever"


def read_script(name: str, content: bytes, seed: int = 0) -> Script:
    """Read a script. Raises SpecError with all problems."""
    document = read_document(name, content)
    problems = check_shape(document, "faults")
    if problems:
        raise SpecError(problems)
    body = document.data
    return Script(seed, _server(body.get("server", {})), tuple(_rule(rule) for rule in body.get("launches", ())))


def _rule(body: Mapping[str, Any]) -> FaultRule:
    course: dict[str, Any] = {ours: _seconds(body[name]) for name, ours in _DURATIONS.items() if name in body}
    if "ends" in body:
        course["ends"] = LaunchEnd(body["ends"])
    if "restarted" in body:
        course["restarted"] = body["restarted"]
    return FaultRule(body.get("match", "*"), course, _start(body), body.get("times"))


def _start(body: Mapping[str, Any]) -> StartFault | None:
    if "start_late_by" in body:
        return StartFault(StartAnswer(body.get("start_answer", StartAnswer.LOST)), _seconds(body["start_late_by"]))
    if "start_refused" in body:
        return StartFault(StartAnswer.REFUSED, message=body["start_refused"])
    return StartFault(StartAnswer(body["start_answer"])) if "start_answer" in body else None


def _server(body: Mapping[str, Any]) -> ServerFaults:
    durations = {name: _seconds(body[name]) for name in ("list_lag", "token_expires_after") if name in body}
    return ServerFaults(**{**body, **durations, "unknown_modules": tuple(body.get("unknown_modules", ()))})


def _seconds(value: str | float) -> float:
    return inf if value == FOREVER else seconds(value)
