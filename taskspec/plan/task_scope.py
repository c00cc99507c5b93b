"""What the expressions of an instance see, and how a part of it is rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code
from taskspec.errors import SpecError
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.fields.kinds import PartialRule
from taskspec.specfile.model import SpecFile
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.absent_views import SucceededTasks
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.task_views import TasksView
from taskspec.template.included_scope import IncludedScope, TaskViews
from taskspec.values import Json, Path

_FAIL = PartialRule.FAIL
"""Looked up once: an enum's member costs more than the question."""
NOTHING: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class TaskScope:
    """The base scope (variables and locals), and the views of tasks, which the plan or the run owns.

    Rendering changes nothing but the registry of secrets, which learns the texts to hide.
    """

    spec: SpecFile
    renderer: Renderer
    base: Mapping[str, Json]
    views: TaskViews
    secrets: Secrets = field(default_factory=Secrets)
    digest_of: Callable[[str, str], str] = lambda _folder, _path: ""
    """The digest of files, by the folder of their spec and their path. Raises UsageError."""
    has_services: bool = False
    """Whether the spec has services, whose launches change from run to run."""

    @property
    def tasks(self) -> TasksView:
        return self.views.tasks

    @property
    def units(self) -> Mapping[str, IncludedScope]:
        return self.views.units

    def part_of(self, instance: Instance) -> IncludedScope | None:
        """The included spec that has the task; None for the spec itself."""
        return self.units.get(instance.task.unit)

    def folder(self, instance: Instance) -> str:
        """The folder of the spec that has the task, seen from that of the whole."""
        part = self.part_of(instance)
        return part.folder if part is not None else ""

    def names(self, instance: Instance, extra: Mapping[str, Json] = NOTHING) -> dict[str, Json]:
        part = self.part_of(instance)
        names, tasks = (self.base, self.tasks) if part is None else (part.names(), part.tasks)
        seen = tasks if instance.task.partial is _FAIL else SucceededTasks(tasks)
        return {**names, "each": instance.each, "tasks": seen, **extra}

    def render(self, instance: Instance, path: Path, value: Json, extra: Mapping[str, Json] = NOTHING) -> Json:
        """The value of a section of the task. Raises SpecError where an expression in it fails."""
        try:
            return self.renderer.render(value, self.names(instance, extra))
        except RenderError as error:
            span = self.spec.task_span(instance.task.name, *path, *error.path)
            raise SpecError([error.diagnostic(span, f'task "{instance.address}"')]) from None

    def head(self, instance: Instance, section: str, value: Json) -> Json:
        """As `render`, for a section that is a text or no expression at all."""
        return self.render(instance, (section,), value) if isinstance(value, str) else value

    def failed(self, instance: Instance, path: Path, code: Code, message: str, remedy: str = "") -> SpecError:
        summary = f'task "{instance.address}": {message}'
        return SpecError([self.spec.task_problem(code, instance.task.name, path, summary, remedy)])
