"""Which agents fit a rule now, and why the others do not. Pure.

The rule is a part of what a launch is; the agent that was taken is not.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from taskspec.specfile.fields.launch_settings import AgentRule, Gpu, Preference
from taskspec.values import ABSENT, Json

ANY = "any"
"""As a name of an agent: the server chooses. The same as naming none."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What a server says about one agent. `free_memory` is that of its emptiest GPU, in bytes."""

    id: int
    name: str
    problem_text: str = ""
    has_gpu: bool = False
    free_memory: int | None = None


@dataclass(frozen=True, slots=True)
class AgentRefused:
    """An agent that a rule does not take. `is_for_now`: it may fit later, once it is back."""

    name: str
    why: str
    is_for_now: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """The agents that fit a rule, the best first, and those that do not."""

    candidates: tuple[AgentFacts, ...]
    rejected: tuple[AgentRefused, ...]

    @property
    def may_fit_later(self) -> bool:
        return any(one.is_for_now for one in self.rejected)

    @property
    def why_not(self) -> str:
        return "; ".join(map(str, self.rejected)) or "the team has no agent"


def is_rule(agent: AgentRule | Json) -> TypeGuard[AgentRule]:
    return isinstance(agent, AgentRule)


def choose(rule: AgentRule, agents: Sequence[AgentFacts], taken: Mapping[int, int] | None = None) -> AgentChoice:
    """The agents of a team that fit a rule, the best first. `taken` counts what this run has given each of them."""
    refused = []
    fitting = []
    for agent in agents:
        why, is_for_now = _why_not(rule, agent)
        if why:
            refused.append(AgentRefused(agent.name, why, is_for_now))
        else:
            fitting.append(agent)
    counts = taken or {}
    fitting.sort(key=lambda agent: _rank(rule, agent, counts.get(agent.id, 0)))
    return AgentChoice(tuple(fitting), tuple(refused))


def _why_not(rule: AgentRule, agent: AgentFacts) -> tuple[str, bool]:
    pattern = rule.name
    if pattern is not None and pattern is not ABSENT and not fnmatch.fnmatchcase(agent.name, str(pattern)):
        return f'not named "{pattern}"', False
    if rule.gpu is Gpu.REQUIRED and not agent.has_gpu:
        return "no GPU", False
    if rule.gpu is Gpu.NONE and agent.has_gpu:
        return "has a GPU", False
    return agent.problem_text, True


def _rank(rule: AgentRule, agent: AgentFacts, taken: int) -> tuple[float, ...]:
    """Agents with a GPU first where one is wished for, then by memory, then those that have the least to do for us."""
    without_gpu = 0.0 if rule.gpu is not Gpu.PREFERRED or agent.has_gpu else 1.0
    if rule.prefer is Preference.FIRST:
        return (without_gpu, agent.id)
    memory = -float(agent.free_memory) if agent.free_memory is not None else 0.0
    return (without_gpu, memory, taken, agent.id)


_GPU_TEXTS = {Gpu.REQUIRED: "with a GPU", Gpu.PREFERRED: "best with a GPU", Gpu.NONE: "without a GPU"}


def describe(rule: AgentRule) -> str:
    gpu = _GPU_TEXTS[rule.gpu] if rule.gpu is not None else None
    name = f'named "{rule.name}"' if rule.name is not ABSENT else None
    order = "the first of them" if rule.prefer is Preference.FIRST else "the one with the most free memory"
    return ", ".join(part for part in ("any agent", gpu, name, order) if part)
