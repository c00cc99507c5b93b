"""A parsed spec as typed values.

Values that may hold expressions stay as written (`Json`). `path` leads back to their place in the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar

from taskspec.diagnostics import Code, Diagnostic, Span
from taskspec.specfile.fields.kinds import Call, Kind, PartialRule, RunOn, ServiceRule
from taskspec.specfile.fields.launch_outputs import Outputs
from taskspec.specfile.fields.launch_settings import AgentRule, LaunchSettings
from taskspec.specfile.fields.result_declarations import ResultDecl
from taskspec.specfile.fields.retries_and_deadlines import Deadlines, Retry
from taskspec.specfile.fields.value_types import VariableType
from taskspec.specfile.includes import Include, prefix_of, qualified_name
from taskspec.specfile.profiles import Profile
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.values import Json, Path


class Rerun(StrEnum):
    """When a task that succeeded before is launched again."""

    UPSTREAM_RERUNS = "upstream_reruns"
    INPUTS_CHANGE = "inputs_change"
    ALWAYS = "always"
    NEVER = "never"


RESTART_POLICY = "never"
LOG_LEVEL = "info"
"""What holds where a task names none."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An input of the spec. `has_default` tells "no default" from "the default is null"."""

    name: str
    type: VariableType
    description: str
    has_default: bool
    default: Json
    enum: tuple[Json, ...]
    minimum: float | None
    maximum: float | None
    pattern: str | None
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    condition: Json
    message: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """What every kind of task declares, defaults merged in. It becomes one instance, or one per item of `for_each`.

    `workspace` and `deadlines` are here because calls inherit them from `defaults:`.
    """

    name: str
    description: str
    depends_on: tuple[str, ...]
    for_each: Json
    has_for_each: bool
    matrix: Mapping[str, Json]
    at_most: int | None
    max_parallel: int | None
    pool: Mapping[str, int]
    priority: int
    when: Json
    run_on: RunOn
    partial: PartialRule
    rerun: Rerun
    results: Mapping[str, ResultDecl]
    checks: tuple[Check, ...]
    destructive: bool
    retry: Retry
    deadlines: Deadlines
    workspace: Json

    @property
    def is_fanned_out(self) -> bool:
        """Whether it has an instance per item, and its address keys."""
        return self.has_for_each or bool(self.matrix)

    @property
    def path(self) -> Path:
        return ("tasks", self.name)

    @property
    def unit(self) -> str:
        """The included spec it comes from, by its name in the whole; empty for the spec itself."""
        return prefix_of(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launched(_Declared):
    title: str | None
    module: str | int
    version: str | None
    branch: str | None
    agent: AgentRule | Json
    target: Mapping[str, Json]
    params: Mapping[str, Json]
    restart_policy: str
    log_level: str
    outputs: Outputs | None
    settings: LaunchSettings | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDecl(_Launched):
    """A task whose launch runs and ends by itself."""

    kind: ClassVar = Kind.JOB
    service: ClassVar[None] = None
    call: ClassVar[None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDecl(_Launched):
    """A task whose launch stays up while other tasks use it."""

    kind: ClassVar = Kind.SERVICE
    call: ClassVar[None] = None
    service: ServiceRule


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDecl(_Declared):
    """A task that launches nothing, and so has no outputs and no settings of a launch."""

    service: ClassVar[None] = None
    outputs: ClassVar[None] = None
    settings: ClassVar[None] = None
    kind: Kind
    call: Call


LaunchDecl = JobDecl | ServiceDecl
TaskDecl = JobDecl | ServiceDecl | CallDecl
"""One declared task."""


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A whole spec: parsed, shaped, not yet evaluated.

    `includes` are the parts it names; once they are read, `units` holds each by its name in the whole, and `tasks`
    theirs too.
    """

    document: SourceDocument
    name: str
    description: str
    variables: Mapping[str, Variable]
    locals: Mapping[str, Json]
    tasks: Mapping[str, TaskDecl]
    results: Mapping[str, Json]
    fail_fast: bool = False
    pools: Mapping[str, int] = field(default_factory=dict)
    slots_per_agent: int | None = None
    profile: Profile | None = None
    includes: Mapping[str, Include] = field(default_factory=dict)
    units: Mapping[str, SpecFile] = field(default_factory=dict)

    def span(self, path: Path, *, key: bool = False) -> Span:
        return self.document.span(path, key=key)

    def task_span(self, name: str, *path: str | int, key: bool = False) -> Span:
        """The place of a task's value; its place under `defaults` when the task itself does not write it."""
        if self.units and (unit := prefix_of(name)):
            return self.units[unit].task_span(name.removeprefix(f"{unit}."), *path, key=key)
        own: Path = ("tasks", name, *path)
        if path and not self.document.has(own):
            profiled: Path = (*self.profile.path, "defaults", *path) if self.profile is not None else ()
            for inherited in (profiled, ("defaults", *path)):
                if inherited and self.document.has(inherited):
                    return self.document.span(inherited, key=key)
        return self.document.span(own, key=key or not path)

    def task_problem(
        self, code: Code, task: str, path: Path, summary: str, remedy: str = "", *, key: bool = False
    ) -> Diagnostic:
        """What is wrong with a value of a task, or with its key."""
        return Diagnostic(code, summary, self.task_span(task, *path, key=key), remedy=remedy)


def is_folder(module: str | int) -> bool:
    """Whether a module is a folder next to the spec rather than a slug or an id."""
    return isinstance(module, str) and module.startswith(("./", "../", "/"))


def compose(root: SpecFile, units: Mapping[str, SpecFile]) -> SpecFile:
    """One spec with the tasks of all its parts, which come first: the including spec uses what they make."""
    if not units:
        return root
    tasks: dict[str, TaskDecl] = {}
    pools: dict[str, int] = {}
    for prefix, unit in reversed(list(units.items())):
        tasks |= {qualified_name(prefix, name): _inside(prefix, task) for name, task in unit.tasks.items()}
    for unit in (*reversed(list(units.values())), root):
        pools |= unit.pools
    return replace(root, tasks={**tasks, **root.tasks}, pools=pools, units=units)


def _inside(prefix: str, task: TaskDecl) -> TaskDecl:
    depends_on = tuple(qualified_name(prefix, name) for name in task.depends_on)
    return replace(task, name=qualified_name(prefix, task.name), depends_on=depends_on)
