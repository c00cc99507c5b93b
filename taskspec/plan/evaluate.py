"""From an instance to the launch it asks for: the one evaluator, for the plan and again just before a launch. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.plan.agents import ANY
from taskspec.plan.request import LaunchRequest, ModuleFacts, ModuleKey, build_params
from taskspec.plan.results import read, why_missing
from taskspec.spec.model import SpecFile
from taskspec.spec.settings import normal, settings_problems
from taskspec.spec.targets import place_problem, type_problem
from taskspec.template.instances import Instance
from taskspec.template.missing import ExpressionError
from taskspec.template.render import Renderer, RenderError
from taskspec.template.scope import TasksView
from taskspec.values import Json, Path, Unknown, digest, is_known, unknowns

Facts = Mapping[ModuleKey, ModuleFacts]


@dataclass(frozen=True, slots=True)
class Names:
    """Ids behind the names a spec uses for workspaces and users: looked up before anything is evaluated."""

    workspaces: dict[str, int] = field(default_factory=dict)
    users: dict[Json, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates the parts of instances in one base scope (variables and locals)."""

    spec: SpecFile
    renderer: Renderer
    base: Mapping[str, Json]
    tasks: TasksView
    names: Names = field(default_factory=Names)

    def module_key(self, instance: Instance) -> ModuleKey:
        """The module an instance names. Raises SpecError when an expression in it fails."""
        task = instance.task
        module = self._head(instance, "module", task.module)
        if isinstance(module, bool) or not isinstance(module, str | int):
            raise self._failed(instance, ("module",), Code.MODULE, f"module must be a slug or an id, and is {module!r}")
        version, branch = (self._text(instance, name, getattr(task, name)) for name in ("version", "branch"))
        return ModuleKey(module, version, branch)

    def _text(self, instance: Instance, section: str, written: str | None) -> str | None:
        value = self._head(instance, section, written)
        if value is None or isinstance(value, str):
            return value
        raise self._failed(instance, (section,), Code.VERSION, f"{section} must be text, and is {value!r}")

    def request(self, instance: Instance, facts: Facts) -> LaunchRequest:
        """What would be sent to start, unknown parts included. Raises SpecError at the first expression that fails."""
        task = instance.task
        module = facts[self.module_key(instance)]
        target = self._render(instance, ("target",), task.target)
        for name, value in target.items():
            problem = place_problem(module.targets, module.name, name) or (
                "" if isinstance(value, Unknown) else type_problem(name, value)
            )
            if problem:
                raise self._failed(instance, ("target", name), Code.TARGET, problem)
        return LaunchRequest(
            facts=module,
            agent=self._agent(instance),
            workspace=self._workspace(instance),
            params=build_params(module, target, self._render(instance, ("params",), task.params)),
            restart_policy=task.restart_policy,
            log_level=task.log_level,
            title=self._title(instance),
            description=task.description,
            settings=self._settings(instance) if task.settings else {},
        )

    def outputs(self, instance: Instance, extra: Mapping[str, Json], *, failed: bool) -> dict[str, Json]:
        """The outputs to publish on a launch that succeeded, or on one that failed."""
        chosen = {k: v for k, v in instance.task.outputs.items() if k != "replace" and (k == "error") == failed}
        rendered: dict[str, Json] = self._render(instance, ("outputs",), chosen, extra)
        return rendered

    def outputs_digest(self, instance: Instance, results: Mapping[str, Json]) -> str:
        """Digest of the success outputs of a launch, as written and as far as they render without the launch itself.

        What the launch tells cannot change, so it is left out; the words around it can, and count as they are written.
        """
        written = {name: value for name, value in instance.task.outputs.items() if name not in ("replace", "error")}
        if not written:
            return ""
        extra = {"launch": Unknown("launch"), "results": results}
        return digest([written, _described(self.outputs(instance, extra, failed=False))])

    def results(self, instance: Instance, launch: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, str]]:
        """The declared results of a launch, and for each that cannot be read, why."""
        values: dict[str, Json] = {}
        missing: dict[str, str] = {}
        scope = self._scope(instance, {"launch": launch})
        for name, value in instance.task.results.items():
            try:
                values[name] = read(self.renderer, value, scope)
            except (RenderError, ExpressionError) as error:
                missing[name] = why_missing(self.renderer, error, scope)
        return values, missing

    def failed_checks(self, instance: Instance, launch: Mapping[str, Json], results: Mapping[str, Json]) -> list[str]:
        """The messages of checks that do not hold; a check that cannot be evaluated does not hold."""
        failed = []
        scope = self._scope(instance, {"launch": launch, "results": results})
        for check in instance.task.checks:
            try:
                if self.renderer.render(check.condition, scope) is not True:
                    failed.append(str(self.renderer.render(check.message, scope) or f"check failed: {check.condition}"))
            except RenderError as error:
                failed.append(f"check {check.condition} cannot be evaluated: {error.error.message}")
        return failed

    def _scope(self, instance: Instance, extra: Mapping[str, Json]) -> dict[str, Json]:
        return {**self.base, "each": instance.each, "tasks": self.tasks, **extra}

    def _title(self, instance: Instance) -> str:
        value = self._head(instance, "title", instance.task.title)
        # Unknown only while a spec is validated without the values of its variables; as below.
        return instance.address if isinstance(value, Unknown) or not value else str(value)

    def _workspace(self, instance: Instance) -> int | str | None:
        """The id of the workspace; its name, which nothing can be launched with, where nobody has looked it up."""
        value = self.workspace(instance)
        return self.names.workspaces.get(value, value) if isinstance(value, str) else value

    def workspace(self, instance: Instance) -> int | str | None:
        """The workspace as the task names it, by id or by name. Raises SpecError for anything else."""
        value = self._head(instance, "workspace", instance.task.workspace)
        if isinstance(value, Unknown):
            return None
        if value is None or (isinstance(value, int | str) and not isinstance(value, bool) and value != ""):
            return value
        raise self._failed(instance, ("workspace",), Code.PLACE, f"workspace must be an id or a name, and is {value!r}")

    def _agent(self, instance: Instance) -> Json:
        """The agent as the task names it; `any` is to name none. A rule may hold expressions."""
        written = instance.task.agent
        if isinstance(written, Mapping):
            return self._render(instance, ("agent",), written)
        value = self._head(instance, "agent", written)
        return None if isinstance(value, str) and value == ANY else value

    def users(self, instance: Instance) -> list[Json]:
        """The users of a task as it names them, by id or login. Raises SpecError for anything else."""
        rendered = self._render(instance, ("settings",), instance.task.settings)
        for path, what, remedy in settings_problems(rendered):
            span = self.spec.task_span(instance.task.name, "settings", *path)
            summary = f'task "{instance.address}": {what}'
            raise SpecError([Diagnostic(Code.WRONG_VALUE, summary, span, remedy=remedy)])
        return list(rendered.get("users", ()))

    def _settings(self, instance: Instance) -> dict[str, Json]:
        users = [self.names.users.get(user, user) for user in self.users(instance)]
        rendered: dict[str, Json] = self._render(instance, ("settings",), instance.task.settings)
        return normal({**rendered, "users": users})

    def _head(self, instance: Instance, section: str, value: Json) -> Json:
        return self._render(instance, (section,), value) if isinstance(value, str) else value

    def _render(self, instance: Instance, path: Path, value: Json, extra: Mapping[str, Json] | None = None) -> Json:
        try:
            return self.renderer.render(value, self._scope(instance, extra or {}))
        except RenderError as error:
            span = self.spec.task_span(instance.task.name, *path, *error.path)
            raise SpecError([error.diagnostic(span, f'task "{instance.address}"')]) from None

    def _failed(self, instance: Instance, path: Path, code: Code, message: str) -> SpecError:
        span = self.spec.task_span(instance.task.name, *path)
        return SpecError([Diagnostic(code, f'task "{instance.address}": {message}', span)])


def _described(value: Json) -> Json:
    """Unknown leaves as text, so that a value can be digested."""
    if isinstance(value, Unknown):
        return value.describe()
    if isinstance(value, Mapping):
        return {key: _described(item) for key, item in value.items()}
    return [_described(item) for item in value] if isinstance(value, list | tuple) else value


def completes(planned: Mapping[str, Json], final: Mapping[str, Json]) -> bool:
    """Whether `final` only fills in what `planned` did not know: a part that was known may not change."""
    return _completes(planned, final)


def _completes(planned: Json, final: Json) -> bool:
    if isinstance(planned, Unknown):
        return True
    if isinstance(planned, Mapping) and isinstance(final, Mapping):
        return planned.keys() == final.keys() and all(_completes(planned[key], final[key]) for key in planned)
    if isinstance(planned, list | tuple) and isinstance(final, list | tuple):
        return len(planned) == len(final) and all(map(_completes, planned, final))
    return is_known(final) and type(planned) is type(final) and bool(planned == final)


__all__ = ["Evaluator", "Facts", "completes", "unknowns"]
