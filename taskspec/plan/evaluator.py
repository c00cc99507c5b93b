"""Evaluates instances: requests, conditions, results, checks and outputs, for a plan and again just before a launch.

It changes nothing but the registry of secrets, which learns the texts to hide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError, UsageError
from taskspec.json_tree import map_leaves
from taskspec.plan.agent_rules import ANY
from taskspec.plan.decide import unfit_parts
from taskspec.plan.request import CallRequest, Facts, LaunchRequest, ModuleKey, Request, build_params
from taskspec.plan.results import read, why_missing
from taskspec.secrets.sensitive import HIDDEN, Secrets, Sensitive, is_sensitive
from taskspec.specfile.fields.kinds import OWN_KEYS, Partial
from taskspec.specfile.fields.launch_outputs import Output, as_json, read_outputs
from taskspec.specfile.fields.launch_settings import (
    AgentRule,
    LaunchSettings,
    normal,
    read_agent,
    read_settings,
    settings_problems,
)
from taskspec.specfile.fields.platform_calls import PlatformCall
from taskspec.specfile.fields.value_types import described
from taskspec.specfile.model import CallDecl, LaunchDecl, SpecFile
from taskspec.specfile.target_check import place_problem, type_problem
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.absent_views import SucceededTasks, reads_absent
from taskspec.template.expressions.expression import Reference
from taskspec.template.expressions.render import Renderer, RenderError, templates_in
from taskspec.template.expressions.task_views import TasksView
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.template.included_scope import PartScope, Views
from taskspec.template.references.secret_flow import HIDING, in_sight
from taskspec.values import Json, Path, Unknown, digest

_FAIL = Partial.FAIL
"""Looked up once: an enum's member costs more than the question."""
NOTHING: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates the parts of instances in one base scope (variables and locals), or in that of their included spec."""

    spec: SpecFile
    renderer: Renderer
    base: Mapping[str, Json]
    views: Views
    secrets: Secrets = field(default_factory=Secrets)
    digest_of: Callable[[str, str], str] = lambda _folder, _path: ""
    """The digest of files, by the folder of their spec and their path. Raises UsageError."""
    has_services: bool = False
    """Whether the spec has services, whose launches change from run to run."""

    @property
    def tasks(self) -> TasksView:
        return self.views.tasks

    @property
    def units(self) -> Mapping[str, PartScope]:
        return self.views.units

    def starting_from(self, views: Views) -> Evaluator:
        """An evaluator with views of tasks that start from these; what becomes known later changes only its own."""
        return replace(self, views=views.copy(self.renderer, self.base))

    def module_key(self, instance: Instance) -> ModuleKey:
        """The module an instance names. Raises SpecError when an expression in it fails."""
        task = instance.task
        if isinstance(task, CallDecl):
            raise AssertionError("a call launches no app")
        module = self._head(instance, "module", task.module)
        if isinstance(module, bool) or not isinstance(module, str | int):
            raise self._failed(
                instance, ("module",), Code.MODULE, f"module must be a slug or an id, and is {described(module)}"
            )
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
        raise self._failed(instance, (section,), Code.VERSION, f"{section} must be text, and is {described(value)}")

    def request(self, instance: Instance, facts: Facts) -> Request:
        """What would be launched or called, unknown parts included. Raises SpecError where an expression fails."""
        task = instance.task
        if isinstance(task, CallDecl):
            return self._call(instance, task, facts)
        return self._launch(instance, task, facts)

    def _call(self, instance: Instance, task: CallDecl, facts: Facts) -> CallRequest:
        body = {key: self._render(instance, (key,), value) for key, value in task.call.body.items()}
        workspace = self._workspace(instance, facts) if "workspace" in OWN_KEYS[task.kind] else None
        for path, message in unfit_parts(body):
            raise self._failed(instance, path, Code.WRONG_VALUE, message)
        content = self._content(instance, body)
        self._check_sight(instance, body)
        marks = self.has_services, self.secrets.has_variables
        return CallRequest(task.kind, workspace, body, task.description, content, *marks, self._folder(instance))

    def _folder(self, instance: Instance) -> str:
        """The folder of the spec that has the task, seen from that of the whole."""
        return self.units[instance.task.unit].part.folder if self.units and instance.task.unit else ""

    def _check_sight(self, instance: Instance, body: Mapping[str, Json]) -> None:
        """Raises SpecError for a secret that upstream has given, where a call would show it."""
        for section in body.keys() - HIDING if self.secrets.has_variables else ():
            if is_sensitive(body[section]):
                raise self._failed(instance, (section,), Code.SECRET_SHOWN, f"a secret stands in {in_sight(section)}")

    def _content(self, instance: Instance, body: Mapping[str, Json]) -> str:
        """What an upload sends, as a digest: a changed file is a changed input."""
        source = body.get("with", {}).get("from") if body.get("call") == PlatformCall.UPLOAD_FILES else None
        if not isinstance(source, str):
            return ""
        try:
            return self.digest_of(self._folder(instance), source)
        except UsageError as error:
            span = self.spec.task_span(instance.task.name, "with", "from")
            summary, remedy = (
                f'task "{instance.address}": {error.message}',
                f"{error.remedy[:1].upper()}{error.remedy[1:]}.",
            )
            raise SpecError([Diagnostic(Code.PLATFORM_CALL, summary, span, remedy=remedy)]) from None

    def _launch(self, instance: Instance, task: LaunchDecl, facts: Facts) -> LaunchRequest:
        module = facts.modules[self.module_key(instance)]
        target = self._render(instance, ("target",), task.target)
        for name, value in target.items():
            problem = place_problem(module.targets, module.name, name) or (
                "" if isinstance(value, Unknown) else type_problem(name, value)
            )
            if problem:
                raise self._failed(instance, ("target", name), Code.TARGET, problem)
        return LaunchRequest(
            facts=module,
            agent=self._agent(instance, task.agent),
            workspace=self._workspace(instance, facts),
            params=build_params(module, target, self._render(instance, ("params",), task.params)),
            restart_policy=task.restart_policy,
            log_level=task.log_level,
            title=self._title(instance, task.title),
            description=task.description,
            may_name_services=self.has_services,
            has_secrets=self.secrets.has_variables,
            settings=self._settings(instance, task.settings, facts) if task.settings is not None else None,
        )

    def condition(self, instance: Instance) -> bool | Unknown:
        """Whether the task is wanted. Raises SpecError when that is neither true nor false, or cannot be evaluated."""
        when = instance.task.when
        value = self._render(instance, ("when",), when) if isinstance(when, str) else when
        if isinstance(value, bool | Unknown):
            return value
        advice = f"write {{{{ {when} }}}}" if value == when else "compare it with something"
        message = f"a condition must be true or false, and this one is {described(value)}; {advice}"
        raise self._failed(instance, ("when",), Code.WRONG_VALUE, message)

    def reads(self, instance: Instance, value: Json) -> Iterator[tuple[str, Json]]:
        """What the expressions of a value read, each as written with its value; nothing that may be a secret."""
        specs = (self.spec, *self.spec.units.values())
        guarded = any(variable.sensitive for spec in specs for variable in spec.variables.values())
        texts = {reference.text: reference for _, text in templates_in(value) for reference in self._references(text)}
        for text, reference in texts.items():
            if guarded and reference.root != "tasks":
                continue
            with suppress(RenderError):
                yield text, self.renderer.render(f"{{{{ {text} }}}}", self.scope(instance, {}))

    def reads_absent(self, text: str) -> bool:
        """Whether an expression reads a task that did not succeed."""
        return any(
            r.root == "tasks" and r.steps and reads_absent(self.tasks, r.steps[0]) for r in self._references(text)
        )

    def _references(self, text: str) -> tuple[Reference, ...]:
        return self.renderer.parse(text).references

    def outputs(self, instance: Instance, extra: Mapping[str, Json], *, failed: bool) -> tuple[Output, ...]:
        """The outputs to publish on a launch that succeeded, or on one that failed."""
        chosen = instance.task.outputs.on(failure=failed) if instance.task.outputs is not None else ()
        rendered: dict[str, Json] = self._render(instance, ("outputs",), as_json(chosen), extra)
        for name, value in rendered.items():
            if is_sensitive(self.secrets.noticed(value)):
                message = "the output would show a secret to all users"
                raise self._failed(instance, ("outputs", name), Code.SECRET_SHOWN, message)
        return read_outputs(rendered).items

    def outputs_digest(self, instance: Instance, results: Mapping[str, Json]) -> str:
        """Digest of the success outputs of a launch, as written and as far as they render without the launch itself.

        What the launch itself gives cannot change, so it is left out. The text around it can, and counts as written.
        """
        outputs = instance.task.outputs
        written = as_json(outputs.on(failure=False)) if outputs is not None else {}
        if not written:
            return ""
        extra = {"launch": Unknown("launch"), "results": results}
        return digest([written, _described(as_json(self.outputs(instance, extra, failed=False)))])

    def recorded(self, results: Mapping[str, Json]) -> Mapping[str, Json]:
        """Results from the record, as later tasks see them: of a secret there is only its mark."""
        known: Mapping[str, Json] = self.secrets.recorded(results)
        return known

    def results(self, instance: Instance, ended: Json) -> tuple[dict[str, Json], dict[str, str]]:
        """The declared results of a launch, or of the response to a call, and for each that cannot be read, why."""
        values: dict[str, Json] = {}
        missing: dict[str, str] = {}
        scope = self.scope(instance, {_root(instance): ended})
        for name, value in instance.task.results.items():
            try:
                values[name] = self.secrets.noticed(read(self.renderer, value, scope))
            except (RenderError, ExpressionError) as error:
                missing[name] = why_missing(self.renderer, error, scope)
        return values, missing

    def failed_checks(self, instance: Instance, ended: Json, results: Mapping[str, Json]) -> list[str]:
        """The messages of checks that do not hold; a check that cannot be evaluated does not hold."""
        failed = []
        scope = self.scope(instance, {_root(instance): ended, "results": results})
        for check in instance.task.checks:
            try:
                held = self.renderer.render(check.condition, scope)
                if (held.reveal() if isinstance(held, Sensitive) else held) is not True:
                    message = self.renderer.render(check.message, scope)
                    message = HIDDEN if isinstance(message, Sensitive) else message
                    failed.append(str(message or f"check failed: {check.condition}"))
            except RenderError as error:
                failed.append(f"check {check.condition} cannot be evaluated: {error.error.message}")
        return failed

    def why_not_met(self, instance: Instance, condition: Json, response: Json) -> str:
        """Nothing where a condition on a response holds, else why it does not; what is not there yet may still come."""
        try:
            value = self.renderer.render(condition, self.scope(instance, {"response": response}))
        except RenderError as error:
            return error.error.message
        return "" if value is True else f"{condition} is {value!r}"

    def scope(self, instance: Instance, extra: Mapping[str, Json] = NOTHING) -> dict[str, Json]:
        """The names that the expressions of an instance see."""
        names, tasks = self.base, self.tasks
        if self.units and (unit := instance.task.unit):
            names, tasks = self.units[unit].names(), self.units[unit].tasks
        seen = tasks if instance.task.partial is _FAIL else SucceededTasks(tasks)
        return {**names, "each": instance.each, "tasks": seen, **extra}

    def _title(self, instance: Instance, written: str | None) -> str:
        value = self._head(instance, "title", written)
        # Unknown only while a spec is validated without the values of its variables; as below.
        return instance.address if isinstance(value, Unknown) or not value else str(value)

    def _workspace(self, instance: Instance, facts: Facts) -> int | str | None:
        """The id of the workspace. A name that was not looked up remains, and cannot be launched with."""
        value = self.workspace(instance)
        return facts.workspaces.get(value, value) if isinstance(value, str) else value

    def workspace(self, instance: Instance) -> int | str | None:
        """The workspace as the task names it, by id or by name. Raises SpecError for anything else."""
        value = self._head(instance, "workspace", instance.task.workspace)
        if isinstance(value, Unknown):
            return None
        if value is None or (isinstance(value, int | str) and not isinstance(value, bool) and value != ""):
            return value
        raise self._failed(
            instance, ("workspace",), Code.PLACE, f"workspace must be an id or a name, and is {described(value)}"
        )

    def _agent(self, instance: Instance, written: AgentRule | Json) -> AgentRule | Json:
        """The agent as the task names it; `any` is to name none. A rule may hold expressions."""
        if isinstance(written, AgentRule):
            return read_agent(self._render(instance, ("agent",), written.as_json()))
        value = self._head(instance, "agent", written)
        return None if isinstance(value, str) and value == ANY else value

    def users(self, instance: Instance) -> list[Json]:
        """The users of a task as it names them, by id or login. Raises SpecError for anything else."""
        written = instance.task.settings
        return list(self._rendered_settings(instance, written).users) if written is not None else []

    def _rendered_settings(self, instance: Instance, written: LaunchSettings) -> LaunchSettings:
        rendered = read_settings(self._render(instance, ("settings",), written.as_json()))
        for path, what, remedy in settings_problems(rendered):
            span = self.spec.task_span(instance.task.name, "settings", *path)
            summary = f'task "{instance.address}": {what}'
            raise SpecError([Diagnostic(Code.WRONG_VALUE, summary, span, remedy=remedy)])
        return rendered

    def _settings(self, instance: Instance, written: LaunchSettings, facts: Facts) -> LaunchSettings:
        rendered = self._rendered_settings(instance, written)
        return normal(replace(rendered, users=tuple(facts.users.get(user, user) for user in rendered.users)))

    def _head(self, instance: Instance, section: str, value: Json) -> Json:
        return self._render(instance, (section,), value) if isinstance(value, str) else value

    def _render(self, instance: Instance, path: Path, value: Json, extra: Mapping[str, Json] | None = None) -> Json:
        try:
            return self.renderer.render(value, self.scope(instance, extra or {}))
        except RenderError as error:
            span = self.spec.task_span(instance.task.name, *path, *error.path)
            raise SpecError([error.diagnostic(span, f'task "{instance.address}"')]) from None

    def _failed(self, instance: Instance, path: Path, code: Code, message: str) -> SpecError:
        span = self.spec.task_span(instance.task.name, *path)
        return SpecError([Diagnostic(code, f'task "{instance.address}": {message}', span)])


def _root(instance: Instance) -> str:
    """What expressions call that which has ended."""
    return "response" if isinstance(instance.task, CallDecl) else "launch"


def _described(value: Json) -> Json:
    """Unknown leaves as text, so that a value can be digested."""
    return map_leaves(value, lambda leaf: leaf.describe() if isinstance(leaf, Unknown) else leaf)
