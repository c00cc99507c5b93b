"""Random specs: launches, services, requests, waits and platform calls, with conditions, clean-up and fan-out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

ITEMS = ("a", "b", "c")
LATEST = 200.0
"""The moment at which the last file and the last labeling job are there."""


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a plot. `needs` are the tasks it reads, `service` the one it uses."""

    name: str
    kind: str
    body: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    service: str = ""

    @property
    def is_safe(self) -> bool:
        """Whether a call may be sent again by itself."""
        return bool(self.body.get("idempotent")) or "poll" in self.body

    @property
    def is_destructive(self) -> bool:
        return bool(self.body.get("destructive"))


@dataclass(slots=True)
class Plot:
    """A spec in parts, and what the world holds ready for it."""

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
        """Whether a failure, also that of a service, may decide how often a task runs: it is not the same each time."""
        name = address.partition("[")[0]
        line = {name, *self.above(name)}
        return bool(line & self.failing) or any("run_on" in self.parts[one].body for one in line)


def random_plot(chance: Random, size: int) -> Plot:
    """A plot of so many tasks; each reads a few of those before it."""
    plot = Plot()
    for number in range(size):
        name = f"t{number}"
        kind = chance.choices(
            ["job", "service", "request", "file", "people", "clone", "remove", "fan"], [40, 18, 14, 6, 5, 6, 5, 6]
        )[0]
        _MAKE[kind](plot, chance, name)
    return plot


def replaced(plot: Plot, chance: Random) -> Plot:
    """The same plot, one service with other params; the same one where it has none."""
    services = plot.of_kind("service")
    if not services:
        return plot
    part = plot.parts[chance.choice(services)]
    body = {**part.body, "params": {**part.body["params"], "model": "large"}}
    changed = Part(part.name, part.kind, body, part.needs, part.service)
    return Plot({**plot.parts, part.name: changed}, plot.failing, plot.ready_at)


def _needs(plot: Plot, chance: Random) -> tuple[str, ...]:
    """Up to two tasks that give a value."""
    there = [name for name, part in plot.parts.items() if part.kind != "service" and "for_each" not in part.body]
    return tuple(sorted(set(chance.choices(there, k=chance.randrange(3))))) if there else ()


def _service(plot: Plot, chance: Random, share: float) -> str:
    services = plot.of_kind("service")
    return chance.choice(services) if services and chance.random() < share else ""


def _values(needs: tuple[str, ...]) -> dict[str, str]:
    return {up: f"{{{{ tasks.{up}.results.value }}}}" for up in needs}


def _job(plot: Plot, chance: Random, name: str) -> None:
    needs, service = _needs(plot, chance), _service(plot, chance, 0.5)
    fans = [fan for fan, part in plot.parts.items() if "for_each" in part.body]
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
        plot.failing.add(name)
    plot.parts[name] = Part(name, "job", body, (*needs, *after), service)


def _fan(plot: Plot, chance: Random, name: str) -> None:
    """A fan-out over what a job gives; its instances may use a service."""
    givers = [part for part in plot.parts.values() if part.kind == "job" and "for_each" not in part.body]
    if not givers:
        _job(plot, chance, name)
        return
    giver = chance.choice(givers)
    giver.body["results"]["items"] = "{{ launch.output.items }}"
    service = _service(plot, chance, 0.8)
    body = {
        "module": "owner/app",
        "version": "v1",
        "for_each": f"{{{{ tasks.{giver.name}.results.items }}}}",
        "params": {"item": "{{ each.value }}"} | ({"session": f"{{{{ tasks.{service}.id }}}}"} if service else {}),
    }
    plot.parts[name] = Part(name, "job", body, (giver.name,), service)


def _serve(plot: Plot, chance: Random, name: str) -> None:
    needs = _needs(plot, chance)
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
    plot.parts[name] = Part(name, "service", body, needs)


def _request(plot: Plot, chance: Random, name: str) -> None:
    needs, service = _needs(plot, chance), _service(plot, chance, 1.0)
    if not service:
        _serve(plot, chance, name)
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
    plot.parts[name] = Part(name, "request", body, needs, service)


def _wait(plot: Plot, chance: Random, name: str, key: str, value: Any, result: str) -> None:
    needs = _needs(plot, chance)
    plot.ready_at[str(value)] = chance.uniform(0, LATEST)
    body = {"wait": {key: value}, "results": {"value": f"{{{{ response.{result} }}}}"}, "depends_on": list(needs)}
    plot.parts[name] = Part(name, "wait", body, needs)


def _file(plot: Plot, chance: Random, name: str) -> None:
    _wait(plot, chance, name, "team_file", f"/files/{name}", "path")


def _people(plot: Plot, chance: Random, name: str) -> None:
    _wait(plot, chance, name, "labeling_job", int(name[1:]) + 1, "name")


def _clone(plot: Plot, chance: Random, name: str) -> None:
    needs = _needs(plot, chance)
    body = {
        "call": "clone_project",
        "with": {"project": 1, "name": name, "workspace": 1},
        "results": {"value": "{{ response.name }}"},
        "depends_on": list(needs),
    }
    plot.parts[name] = Part(name, "api", body, needs)


def _remove(plot: Plot, chance: Random, name: str) -> None:
    needs = _needs(plot, chance)
    body = {
        "call": "remove_project",
        "with": {"project": int(name[1:]) + 1},
        "destructive": True,
        "results": {"value": "{{ response.name }}"},
        "depends_on": list(needs),
    }
    plot.parts[name] = Part(name, "api", body, needs)


_MAKE = {
    "job": _job,
    "service": _serve,
    "request": _request,
    "file": _file,
    "people": _people,
    "clone": _clone,
    "remove": _remove,
    "fan": _fan,
}
