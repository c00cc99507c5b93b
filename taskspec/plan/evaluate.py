"""From an instance to the launch it asks for: the one evaluator, for the plan and again just before a launch. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.plan.request import LaunchRequest, ModuleFacts, ModuleKey, build_params
from taskspec.spec.model import SpecFile
from taskspec.spec.targets import type_problem
from taskspec.template.instances import Instance
from taskspec.template.parts import PartScope
from taskspec.template.render import Renderer, RenderError
from taskspec.template.scope import TasksView
from taskspec.values import Json, Path, Unknown, digest, is_known, unknowns

Facts = Mapping[ModuleKey, ModuleFacts]


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates the parts of instances in one base scope (variables and locals), or in that of their included spec."""

    spec: SpecFile
    renderer: Renderer
    base: Mapping[str, Json]
    tasks: TasksView
    units: Mapping[str, PartScope] = field(default_factory=dict)

    def module_key(self, instance: Instance) -> ModuleKey:
        """The module an instance names. Raises SpecError when an expression in it fails."""
        task = instance.task
        module = self._head(instance, "module", task.module)
        if isinstance(module, bool) or not isinstance(module, str | int):
            raise self._failed(instance, ("module",), Code.MODULE, f"module must be a slug or an id, and is {module!r}")
        if self.units and task.unit:
            module = self.units[task.unit].part.module(module)
        if self.spec.profile is not None:
            module = self.spec.profile.modules.get(str(module), module)
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
            problem = "" if isinstance(value, Unknown) else type_problem(name, value)
            if problem:
                raise self._failed(instance, ("target", name), Code.TARGET, problem)
        return LaunchRequest(
            facts=module,
            agent=self._head(instance, "agent", task.agent),
            workspace=self._workspace(instance),
            params=build_params(module, target, self._render(instance, ("params",), task.params)),
            restart_policy=task.restart_policy,
            log_level=task.log_level,
            title=self._title(instance),
            description=task.description,
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
        for name, value in instance.task.results.items():
            try:
                values[name] = self.renderer.render(value, self._scope(instance, {"launch": launch}))
            except RenderError as error:
                missing[name] = error.error.message
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
        if self.units and (unit := instance.task.unit):
            return {**self.units[unit].names(), "each": instance.each, **extra}
        return {**self.base, "each": instance.each, "tasks": self.tasks, **extra}

    def _title(self, instance: Instance) -> str:
        value = self._head(instance, "title", instance.task.title)
        # Unknown only while a spec is validated without the values of its variables; as below.
        return instance.address if isinstance(value, Unknown) or not value else str(value)

    def _workspace(self, instance: Instance) -> int | None:
        value = self._head(instance, "workspace", instance.task.workspace)
        if isinstance(value, Unknown):
            return None
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._failed(instance, ("workspace",), Code.PLACE, f"workspace must be an integer id, and is {value!r}")

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
