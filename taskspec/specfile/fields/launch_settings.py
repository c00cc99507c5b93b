"""Where and how a launch runs: the rule that chooses an agent, and `settings:` of the server. Pure.

A setting that is false or empty equals one that is not written. It is not part of what a launch is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from taskspec.diagnostics import choices
from taskspec.specfile.fields.value_types import described
from taskspec.values import ABSENT, Json, Path, Unknown


class Gpu(StrEnum):
    REQUIRED = "required"
    PREFERRED = "preferred"
    NONE = "none"


class Preference(StrEnum):
    """Which of the agents that fit."""

    MOST_FREE_MEMORY = "most_free_memory"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class AgentRule:
    """A rule that chooses an agent. `name` is a pattern, which may hold expressions; ABSENT without one."""

    name: Json = ABSENT
    gpu: Gpu | None = None
    prefer: Preference | None = None

    def as_json(self) -> dict[str, Json]:
        name = {} if self.name is ABSENT else {"name": self.name}
        words = {"gpu": self.gpu, "prefer": self.prefer}
        return {**{key: word.value for key, word in words.items() if word is not None}, **name}


def read_agent(written: Json) -> AgentRule | Json:
    """An agent as written or as rendered: a rule, or the name or id of one agent."""
    if not isinstance(written, Mapping):
        return written
    gpu, prefer = written.get("gpu"), written.get("prefer")
    return AgentRule(written.get("name", ABSENT), gpu and Gpu(gpu), prefer and Preference(prefer))


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """Further settings of a launch. `users` and the values of `kubernetes` may hold expressions."""

    users: tuple[Json, ...] = ()
    limit_by_workspace: bool = False
    multi_user: bool = False
    kubernetes: Mapping[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The settings that are neither false nor empty."""
        found = {"users": list(self.users), "limit_by_workspace": self.limit_by_workspace}
        found |= {"multi_user": self.multi_user, "kubernetes": dict(self.kubernetes)}
        return {name: value for name, value in found.items() if value}


def read_settings(written: Mapping[str, Any]) -> LaunchSettings:
    return LaunchSettings(
        users=tuple(written.get("users", ())),
        limit_by_workspace=written.get("limit_by_workspace", False),
        multi_user=written.get("multi_user", False),
        kubernetes=written.get("kubernetes", {}),
    )


KUBERNETES: Mapping[str, type] = {
    "use_health_check": bool,
    **dict.fromkeys(("request_cpus", "limit_cpus", "limit_memory_gb", "limit_shm_gb", "limit_storage_gb"), int),
    **dict.fromkeys(("limit_gpus", "limit_gpu_memory_mb", "limit_gpu_cores_perc"), int),
}
"""The known limits. Others pass in the server's own spelling (`limitGpus`): the server may know more."""

Problem = tuple[Path, str, str]
"""Where, what is wrong, and what to do."""


def settings_problems(settings: LaunchSettings) -> Iterator[Problem]:
    """What is wrong with settings as written or as rendered. An expression is not judged."""
    for index, user in enumerate(settings.users):
        if isinstance(user, bool) or not isinstance(user, int | str | Unknown):
            yield ("users", index), f"a user is an integer id or a login, and this is {described(user)}", ""
    if len(settings.users) > 1 and not settings.multi_user:
        yield (
            ("users",),
            "for several users the server starts several launches, and a task is one launch",
            "Add `multi_user: true` for one session that all share, or a for_each over the users.",
        )
    for name, value in settings.kubernetes.items():
        yield from _limit_problems(name, value)


def _limit_problems(name: str, value: Json) -> Iterator[Problem]:
    wanted, path = KUBERNETES.get(snake_case(name)), ("kubernetes", name)
    if wanted is None:
        if name == name.lower():
            remedy = choices(name, KUBERNETES, label="Settings", limit=30)
            yield path, f'Kubernetes has no setting "{name}" here', remedy
        return
    is_open = value is None or isinstance(value, Unknown) or (isinstance(value, str) and "{{" in value)
    if not is_open and (type(value) is not wanted or (isinstance(value, int) and value < 0)):
        words = "an integer, 0 or more" if wanted is int else "true or false"
        yield path, f'"{name}" must be {words}, and is {described(value)}', ""


def normalize(settings: LaunchSettings) -> LaunchSettings:
    """Settings in one form: limits in the spelling of specs, without those that are null."""
    limits = {snake_case(name): value for name, value in settings.kubernetes.items() if value is not None}
    return replace(settings, kubernetes=dict(sorted(limits.items())))


def snake_case(name: str) -> str:
    """The spelling of specs for a limit that the server spells `limitGpus`. An unknown name does not change."""
    ours = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)
    return ours if ours in KUBERNETES else name
