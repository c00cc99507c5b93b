"""Builds the requests of instances: which module, where it runs, and what the launch or the call is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from taskspec.diagnostics import Code
from taskspec.errors import UsageError
from taskspec.plan.agent_rules import ANY
from taskspec.plan.decide import body_problems
from taskspec.plan.request import CallRequest, Facts, LaunchRequest, ModuleKey, Request, build_params
from taskspec.plan.task_scope import TaskScope
from taskspec.secrets.sensitive import is_sensitive
from taskspec.specfile.fields.kinds import OWN_KEYS
from taskspec.specfile.fields.launch_settings import (
    AgentRule,
    LaunchSettings,
    normalize,
    read_agent,
    read_settings,
    settings_problems,
)
from taskspec.specfile.fields.platform_calls import PlatformCall
from taskspec.specfile.fields.value_types import described
from taskspec.specfile.model import CallDecl, LaunchDecl
from taskspec.specfile.target_check import place_problem, type_problem
from taskspec.template.expansion.instances import Instance
from taskspec.template.references.secret_flow import HIDING, exposure
from taskspec.values import Json, Unknown


def module_key(scope: TaskScope, instance: Instance) -> ModuleKey:
    """The module an instance names. Raises SpecError when an expression in it fails."""
    task = instance.task
    if isinstance(task, CallDecl):
        raise AssertionError("a call launches no app")
    module = scope.head(instance, "module", task.module)
    if isinstance(module, bool) or not isinstance(module, str | int):
        raise scope.failed(
            instance, ("module",), Code.MODULE, f"module must be a slug or an id, and is {described(module)}"
        )
    part = scope.part_of(instance)
    if part is not None:
        module = part.part.module(module)
    if scope.spec.profile is not None:
        module = scope.spec.profile.modules.get(str(module), module)
    version, branch = (_text(scope, instance, name, getattr(task, name)) for name in ("version", "branch"))
    return ModuleKey(module, version, branch)


def _text(scope: TaskScope, instance: Instance, section: str, written: str | None) -> str | None:
    value = scope.head(instance, section, written)
    if value is None or isinstance(value, str):
        return value
    raise scope.failed(instance, (section,), Code.VERSION, f"{section} must be text, and is {described(value)}")


def build_request(scope: TaskScope, instance: Instance, facts: Facts) -> Request:
    """What would be launched or called, unknown parts included. Raises SpecError where an expression fails."""
    task = instance.task
    if isinstance(task, CallDecl):
        return _call(scope, instance, task, facts)
    return _launch(scope, instance, task, facts)


def _call(scope: TaskScope, instance: Instance, task: CallDecl, facts: Facts) -> CallRequest:
    body = {key: scope.render(instance, (key,), value) for key, value in task.call.body.items()}
    workspace = _workspace(scope, instance, facts) if "workspace" in OWN_KEYS[task.kind] else None
    for path, message in body_problems(body):
        raise scope.failed(instance, path, Code.WRONG_VALUE, message)
    content = _content(scope, instance, body)
    _check_sight(scope, instance, body)
    marks = scope.has_services, scope.secrets.has_variables
    return CallRequest(task.kind, workspace, body, task.description, content, *marks, scope.folder(instance))


def _check_sight(scope: TaskScope, instance: Instance, body: Mapping[str, Json]) -> None:
    """Raises SpecError for a secret that upstream has given, where a call would show it."""
    for section in body.keys() - HIDING if scope.secrets.has_variables else ():
        if is_sensitive(body[section]):
            raise scope.failed(instance, (section,), Code.SECRET_SHOWN, f"a secret stands in {exposure(section)}")


def _content(scope: TaskScope, instance: Instance, body: Mapping[str, Json]) -> str:
    """What an upload sends, as a digest: a changed file is a changed input."""
    source = body.get("with", {}).get("from") if body.get("call") == PlatformCall.UPLOAD_FILES else None
    if not isinstance(source, str):
        return ""
    try:
        return scope.digest_of(scope.folder(instance), source)
    except UsageError as error:
        remedy = f"{error.remedy[:1].upper()}{error.remedy[1:]}."
        raise scope.failed(instance, ("with", "from"), Code.PLATFORM_CALL, error.message, remedy) from None


def _launch(scope: TaskScope, instance: Instance, task: LaunchDecl, facts: Facts) -> LaunchRequest:
    module = facts.modules[module_key(scope, instance)]
    target = scope.render(instance, ("target",), task.target)
    for name, value in target.items():
        problem = place_problem(module.targets, module.name, name) or (
            "" if isinstance(value, Unknown) else type_problem(name, value)
        )
        if problem:
            raise scope.failed(instance, ("target", name), Code.TARGET, problem)
    return LaunchRequest(
        facts=module,
        agent=_agent(scope, instance, task.agent),
        workspace=_workspace(scope, instance, facts),
        params=build_params(module, target, scope.render(instance, ("params",), task.params)),
        restart_policy=task.restart_policy,
        log_level=task.log_level,
        title=_title(scope, instance, task.title),
        description=task.description,
        may_name_services=scope.has_services,
        has_secrets=scope.secrets.has_variables,
        settings=_settings(scope, instance, task.settings, facts) if task.settings is not None else None,
    )


def _title(scope: TaskScope, instance: Instance, written: str | None) -> str:
    value = scope.head(instance, "title", written)
    # Unknown only while a spec is validated without the values of its variables; as below.
    return instance.address if isinstance(value, Unknown) or not value else str(value)


def _workspace(scope: TaskScope, instance: Instance, facts: Facts) -> int | str | None:
    """The id of the workspace. A name that was not looked up remains, and cannot be launched with."""
    value = workspace(scope, instance)
    return facts.workspaces.get(value, value) if isinstance(value, str) else value


def workspace(scope: TaskScope, instance: Instance) -> int | str | None:
    """The workspace as the task names it, by id or by name. Raises SpecError for anything else."""
    value = scope.head(instance, "workspace", instance.task.workspace)
    if isinstance(value, Unknown):
        return None
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool) and value != ""):
        return value
    raise scope.failed(
        instance, ("workspace",), Code.PLACE, f"workspace must be an id or a name, and is {described(value)}"
    )


def _agent(scope: TaskScope, instance: Instance, written: AgentRule | Json) -> AgentRule | Json:
    """The agent as the task names it; `any` is to name none. A rule may hold expressions."""
    if isinstance(written, AgentRule):
        return read_agent(scope.render(instance, ("agent",), written.as_json()))
    value = scope.head(instance, "agent", written)
    return None if isinstance(value, str) and value == ANY else value


def users(scope: TaskScope, instance: Instance) -> list[Json]:
    """The users of a task as it names them, by id or login. Raises SpecError for anything else."""
    written = instance.task.settings
    return list(_rendered_settings(scope, instance, written).users) if written is not None else []


def _rendered_settings(scope: TaskScope, instance: Instance, written: LaunchSettings) -> LaunchSettings:
    rendered = read_settings(scope.render(instance, ("settings",), written.as_json()))
    for path, what, remedy in settings_problems(rendered):
        raise scope.failed(instance, ("settings", *path), Code.WRONG_VALUE, what, remedy)
    return rendered


def _settings(scope: TaskScope, instance: Instance, written: LaunchSettings, facts: Facts) -> LaunchSettings:
    rendered = _rendered_settings(scope, instance, written)
    return normalize(replace(rendered, users=tuple(facts.users.get(user, user) for user in rendered.users)))
