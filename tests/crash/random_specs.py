"""Random specs: launches, services, requests, waits and platform calls, with conditions, clean-up and fan-out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

ITEMS = ("a", "b", "c")
LATEST = 200.0
"""The time at which the last file and the last labeling job are ready."""


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a mixed spec. `needs` are the tasks it reads, `service` the one it uses."""

    name: str
    kind: str
    body: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    service: str = ""

    @property
    def is_safe(self) -> bool:
        """Whether a call may be repeated automatically."""
        return bool(self.body.get("idempotent")) or "poll" in self.body

    @property
    def is_destructive(self) -> bool:
        return bool(self.body.get("destructive"))


@dataclass(slots=True)
class MixedSpec:
    """A spec in parts, with its failing tasks and the times of its files and labeling jobs."""

    parts: dict[str, Part] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    ready_at: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        tasks = {part.name: {"kind": part.kind, **part.body} for part in self.parts.values()}
        return json.dumps({"taskspec": 1, "name": "mixed", "tasks": tasks}, indent=1) + "\n"

    def part(self, address: str) -> Part:
        return self.parts[address.partition("[")[0]]

    def of_kind(self, *kinds: str) -> list[str]:
        return [part.name for part in self.parts.values() if part.kind in kinds]

    def above(self, name: str) -> set[str]:
        part = self.parts[name]
        direct = {*part.needs, *filter(None, [part.service])}
        return direct | {far for up in direct for far in self.above(up)}

    def is_touched(self, address: str) -> bool:
        """Return whether a failure can change how often a task runs, so that the number is not fixed."""
        name = address.partition("[")[0]
        line = {name, *self.above(name)}
        return bool(line & self.failing) or any("run_on" in self.parts[one].body for one in line)


def random_mixed_spec(chance: Random, size: int) -> MixedSpec:
    """Make a spec of `size` tasks. Each reads a few of the earlier ones."""
    spec = MixedSpec()
    for number in range(size):
        name = f"t{number}"
        kind = chance.choices(
            ["job", "service", "request", "file", "labeling", "clone", "remove", "fan"], [40, 18, 14, 6, 5, 6, 5, 6]
        )[0]
        _MAKE[kind](spec, chance, name)
    return spec


def replaced(spec: MixedSpec, chance: Random) -> MixedSpec:
    """Return the spec with other params of one service, if it has a service."""
    services = spec.of_kind("service")
    if not services:
        return spec
    part = spec.parts[chance.choice(services)]
    body = {**part.body, "params": {**part.body["params"], "model": "large"}}
    changed = Part(part.name, part.kind, body, part.needs, part.service)
    return MixedSpec({**spec.parts, part.name: changed}, spec.failing, spec.ready_at)


def _needs(spec: MixedSpec, chance: Random) -> tuple[str, ...]:
    """Choose up to two tasks with a result."""
    there = [name for name, part in spec.parts.items() if part.kind != "service" and "for_each" not in part.body]
    return tuple(sorted(set(chance.choices(there, k=chance.randrange(3))))) if there else ()


def _service(spec: MixedSpec, chance: Random, share: float) -> str:
    services = spec.of_kind("service")
    return chance.choice(services) if services and chance.random() < share else ""


def _values(needs: tuple[str, ...]) -> dict[str, str]:
    return {up: f"{{{{ tasks.{up}.results.value }}}}" for up in needs}


def _job(spec: MixedSpec, chance: Random, name: str) -> None:
    needs, service = _needs(spec, chance), _service(spec, chance, 0.5)
    fans = [fan for fan, part in spec.parts.items() if "for_each" in part.body]
    body: dict[str, Any] = {
        "module": "owner/app",
        "version": "v1",
        "params": _values(needs) | ({"session": f"{{{{ tasks.{service}.id }}}}"} if service else {}),
        "results": {"value": "{{ launch.output.value }}"},
    }
    after: tuple[str, ...] = ()
    if fans and chance.random() < 0.4:
        after = (chance.choice(fans),)
        body["depends_on"] = list(after)
    if needs and chance.random() < 0.15:
        body["params"].pop(needs[0])
        body["depends_on"] = [*after, needs[0]]
        body["run_on"] = chance.choice(["failure", "always"])
        body["params"] = {key: value for key, value in body["params"].items() if key == "session"}
        body["depends_on"] = [*after, *needs]
    elif needs and chance.random() < 0.2:
        body["when"] = f"{{{{ tasks.{needs[0]}.results.value {chance.choice(['==', '!='])} '' }}}}"
    if chance.random() < 0.1:
        body["results"]["items"] = "{{ launch.output.items }}"
    if chance.random() < 0.06:
        spec.failing.add(name)
    spec.parts[name] = Part(name, "job", body, (*needs, *after), service)


def _fan(spec: MixedSpec, chance: Random, name: str) -> None:
    """Add a fan-out over the result of a job. Its instances may use a service."""
    givers = [part for part in spec.parts.values() if part.kind == "job" and "for_each" not in part.body]
    if not givers:
        _job(spec, chance, name)
        return
    giver = chance.choice(givers)
    giver.body["results"]["items"] = "{{ launch.output.items }}"
    service = _service(spec, chance, 0.8)
    body = {
        "module": "owner/app",
        "version": "v1",
        "for_each": f"{{{{ tasks.{giver.name}.results.items }}}}",
        "params": {"item": "{{ each.value }}"} | ({"session": f"{{{{ tasks.{service}.id }}}}"} if service else {}),
    }
    spec.parts[name] = Part(name, "job", body, (giver.name,), service)


def _serve(spec: MixedSpec, chance: Random, name: str) -> None:
    needs = _needs(spec, chance)
    body: dict[str, Any] = {
        "module": "owner/serve",
        "version": "v1",
        "params": {"model": "small", **_values(needs)},
        "ready": chance.choice(["running", "ready", "deployed"]),
    }
    if chance.random() < 0.8:
        body["params"]["name"] = name
    if chance.random() < 0.2:
        body["keep"] = True
    if chance.random() < 0.35:
        body["reuse"] = True
    spec.parts[name] = Part(name, "service", body, needs)


def _request(spec: MixedSpec, chance: Random, name: str) -> None:
    needs, service = _needs(spec, chance), _service(spec, chance, 1.0)
    if not service:
        _serve(spec, chance, name)
        return
    body: dict[str, Any] = {
        "service": f"{{{{ tasks.{service} }}}}",
        "method": "work",
        "data": {"who": name, **_values(needs)},
        "results": {"value": "{{ response.value }}"},
    }
    how = chance.random()
    if how < 0.2:
        body["idempotent"] = True
    elif how < 0.35:
        body["poll"] = {"until": "{{ response.count > 2 }}", "every": "2s"}
    elif how < 0.55:
        body["destructive"] = True
    if how < 0.8 and not body.get("destructive"):
        body["retry"] = {"attempts": 2, "backoff": "1s"}
    spec.parts[name] = Part(name, "request", body, needs, service)


def _wait(spec: MixedSpec, chance: Random, name: str, key: str, value: Any, result: str) -> None:
    needs = _needs(spec, chance)
    spec.ready_at[str(value)] = chance.uniform(0, LATEST)
    body = {"wait": {key: value}, "results": {"value": f"{{{{ response.{result} }}}}"}, "depends_on": list(needs)}
    spec.parts[name] = Part(name, "wait", body, needs)


def _file(spec: MixedSpec, chance: Random, name: str) -> None:
    _wait(spec, chance, name, "team_file", f"/files/{name}", "path")


def _labeling(spec: MixedSpec, chance: Random, name: str) -> None:
    _wait(spec, chance, name, "labeling_job", int(name[1:]) + 1, "name")


def _clone(spec: MixedSpec, chance: Random, name: str) -> None:
    needs = _needs(spec, chance)
    body = {
        "call": "clone_project",
        "with": {"project": 1, "name": name, "workspace": 1},
        "results": {"value": "{{ response.name }}"},
        "depends_on": list(needs),
    }
    spec.parts[name] = Part(name, "api", body, needs)


def _remove(spec: MixedSpec, chance: Random, name: str) -> None:
    needs = _needs(spec, chance)
    body = {
        "call": "remove_project",
        "with": {"project": int(name[1:]) + 1},
        "destructive": True,
        "results": {"value": "{{ response.name }}"},
        "depends_on": list(needs),
    }
    spec.parts[name] = Part(name, "api", body, needs)


_MAKE = {
    "job": _job,
    "service": _serve,
    "request": _request,
    "file": _file,
    "labeling": _labeling,
    "clone": _clone,
    "remove": _remove,
    "fan": _fan,
}
