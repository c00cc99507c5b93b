"""Which agent a rule takes: those that fit now, and for each that does not, why. Pure.

The rule is a part of what a launch is; the agent that was taken is not.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskspec.values import Json

ANY = "any"
"""As a name of an agent: the server chooses. The same as naming none."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What a server says about one agent. `free_memory` is that of its emptiest GPU, in bytes."""

    id: int
    name: str
    trouble: str = ""
    has_gpu: bool = False
    free_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An agent that a rule does not take. `is_for_now`: it may fit later, once it is back."""

    name: str
    why: str
    is_for_now: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The agents that fit a rule, the best first, and those that do not."""

    fitting: tuple[AgentFacts, ...]
    refused: tuple[Refused, ...]

    @property
    def may_fit_later(self) -> bool:
        return any(one.is_for_now for one in self.refused)

    @property
    def why_not(self) -> str:
        return "; ".join(map(str, self.refused)) or "the team has no agent"


def is_rule(agent: Json) -> bool:
    """Whether an agent is named by a rule rather than by name or id."""
    return isinstance(agent, Mapping)


def choose(rule: Mapping[str, Any], agents: Sequence[AgentFacts], taken: Mapping[int, int] | None = None) -> Choice:
    """The agents of a team that fit a rule, the best first. `taken` counts what this run has given each of them."""
    refused = []
    fitting = []
    for agent in agents:
        why, is_for_now = _why_not(rule, agent)
        if why:
            refused.append(Refused(agent.name, why, is_for_now))
        else:
            fitting.append(agent)
    counts = taken or {}
    fitting.sort(key=lambda agent: _rank(rule, agent, counts.get(agent.id, 0)))
    return Choice(tuple(fitting), tuple(refused))


def _why_not(rule: Mapping[str, Any], agent: AgentFacts) -> tuple[str, bool]:
    pattern = rule.get("name")
    if pattern is not None and not fnmatch.fnmatchcase(agent.name, str(pattern)):
        return f'not named "{pattern}"', False
    gpu = rule.get("gpu")
    if gpu == "required" and not agent.has_gpu:
        return "no GPU", False
    if gpu == "none" and agent.has_gpu:
        return "has a GPU", False
    return agent.trouble, True


def _rank(rule: Mapping[str, Any], agent: AgentFacts, taken: int) -> tuple[float, ...]:
    """Agents with a GPU first where one is wished for, then by memory, then those that have the least to do for us."""
    without_gpu = 0.0 if rule.get("gpu") != "preferred" or agent.has_gpu else 1.0
    if rule.get("prefer") == "first":
        return (without_gpu, agent.id)
    memory = -float(agent.free_memory) if agent.free_memory is not None else 0.0
    return (without_gpu, memory, taken, agent.id)


def describe(rule: Mapping[str, Any]) -> str:
    """A rule in words."""
    gpu = {"required": "with a GPU", "preferred": "best with a GPU", "none": "without a GPU"}.get(str(rule.get("gpu")))
    name = f'named "{rule["name"]}"' if "name" in rule else None
    order = "the first of them" if rule.get("prefer") == "first" else "the one with the most free memory"
    return ", ".join(part for part in ("any agent", gpu, name, order) if part)
