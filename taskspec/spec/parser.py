"""From a shaped document to a SpecFile: defaults merged, raw maps left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, Severity, choices, until_enough
from taskspec.errors import SpecError
from taskspec.json_tree import merge
from taskspec.spec.document import SourceDocument
from taskspec.spec.endurance import read_deadlines, read_retry
from taskspec.spec.fanout import check_fan_out
from taskspec.spec.includes import check_includes, read_includes
from taskspec.spec.kinds import COMMON_KEYS, NEEDED_KEYS, OWN_KEYS, Kind, Partial, RunOn, read_call, read_service
from taskspec.spec.model import (
    LOG_LEVEL,
    RESTART_POLICY,
    Check,
    Rerun,
    SpecFile,
    TaskDecl,
    Variable,
    VariableType,
    is_folder,
)
from taskspec.spec.platform import check_platform_call
from taskspec.spec.profiles import NO_PROFILE, Profile, check_profiles, chosen_profile
from taskspec.spec.reader import read_document
from taskspec.spec.results import check_results
from taskspec.spec.schema import check_shape
from taskspec.spec.settings import check_settings
from taskspec.spec.targets import check_target
from taskspec.values import VALUE_WORK, WORK_LIMIT, Json, weight_of


def parse_spec(
    name: str, content: bytes, profile: str = NO_PROFILE, *, included_from: str = ""
) -> tuple[SpecFile, list[Diagnostic]]:
    """Read a spec as it is in a profile; the second part are warnings. Raises SpecError with every problem found."""
    document = read_document(name, content, included_from)
    problems = check_shape(document)
    if problems:
        raise SpecError(problems)
    _refuse_many_defaults(document)
    problems = until_enough(problem for name in document.data["tasks"] for problem in _check_keys(document, name))
    if problems:
        raise SpecError(problems)
    spec = _spec(document, chosen_profile(document, profile, is_included=bool(included_from)))
    found = until_enough(problem for task in spec.tasks.values() for problem in _check_task(spec, task))
    found.extend(check_profiles(document, profile, is_included=bool(included_from)))
    found.extend(check_includes(document))
    if any(problem.is_error for problem in found):
        raise SpecError(found)
    return spec, found


def _refuse_many_defaults(document: SourceDocument) -> None:
    """Every task has the defaults of its own, so large ones grow with the number of tasks."""
    defaults, tasks = document.data.get("defaults"), len(document.data["tasks"])
    if defaults and weight_of(defaults, WORK_LIMIT, VALUE_WORK) * tasks > WORK_LIMIT:
        what = f"defaults, repeated in {tasks:,} tasks, become larger than {WORK_LIMIT // 2**20} MiB"
        raise SpecError(
            [Diagnostic(Code.YAML_LIMIT, what, document.span(("defaults",), key=True), remedy="Shorten them.")]
        )


def _spec(document: SourceDocument, profile: Profile | None) -> SpecFile:
    data = document.data
    defaults = merge(data.get("defaults") or {}, profile.defaults if profile is not None else {})
    return SpecFile(
        document=document,
        name=data.get("name") or PurePath(document.source.name).stem,
        description=data.get("description", ""),
        variables={name: _variable(name, body or {}) for name, body in (data.get("variables") or {}).items()},
        locals=data.get("locals") or {},
        tasks={name: _task(name, body, defaults) for name, body in data["tasks"].items()},
        results=data.get("results") or {},
        fail_fast=data.get("fail_fast", False),
        pools=data.get("pools") or {},
        slots_per_agent=data.get("slots_per_agent"),
        profile=profile,
        includes=read_includes(data),
    )


def _variable(name: str, body: Mapping[str, Any]) -> Variable:
    return Variable(
        name=name,
        type=VariableType(body.get("type", "any")),
        description=body.get("description", ""),
        has_default="default" in body,
        default=body.get("default"),
        enum=tuple(body.get("enum", ())),
        minimum=body.get("minimum"),
        maximum=body.get("maximum"),
        pattern=body.get("pattern"),
        sensitive=body.get("sensitive", False),
    )


def _task(name: str, body: Mapping[str, Any], defaults: Mapping[str, Any]) -> TaskDecl:
    def setting(key: str, otherwise: Json = None) -> Json:
        return body[key] if key in body else defaults.get(key, otherwise)

    kind = Kind(body.get("kind", Kind.JOB))
    pool = setting("pool", {})
    return TaskDecl(
        name=name,
        description=body.get("description", ""),
        title=body.get("title"),
        module=body.get("module", ""),
        version=body.get("version"),
        branch=body.get("branch"),
        agent=setting("agent"),
        workspace=setting("workspace"),
        target=body.get("target", {}),
        params=merge(defaults.get("params", {}), body.get("params", {})),
        for_each=body.get("for_each"),
        has_for_each="for_each" in body,
        depends_on=_names(setting("depends_on", [])),
        restart_policy=setting("restart_policy", RESTART_POLICY),
        log_level=setting("log_level", LOG_LEVEL),
        rerun=Rerun(setting("rerun", "upstream_reruns")),
        results=body.get("results", {}),
        checks=tuple(Check(check["assert"], check.get("message", "")) for check in body.get("checks", ())),
        outputs=body.get("outputs", {}),
        deadlines=read_deadlines(merge(defaults.get("deadlines", {}), body.get("deadlines", {}))),
        retry=read_retry(merge(defaults.get("retry", {}), body.get("retry", {}))),
        destructive=body.get("destructive", False),
        kind=kind,
        service=read_service(body) if kind is Kind.SERVICE else None,
        call=None if kind.is_launch else read_call(kind, {**_inherited(kind, defaults), **body}),
        matrix=body.get("matrix", {}),
        at_most=body.get("at_most"),
        max_parallel=body.get("max_parallel"),
        pool={pool: 1} if isinstance(pool, str) else pool,
        priority=setting("priority", 0),
        when=body.get("when", True),
        run_on=RunOn(setting("run_on", RunOn.SUCCESS)),
        partial=Partial(body.get("partial", Partial.FAIL)),
        settings=merge(defaults.get("settings", {}), body.get("settings", {})),
    )


def _inherited(kind: Kind, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in defaults.items() if key in OWN_KEYS[kind]}


def _check_keys(document: SourceDocument, name: str) -> Iterator[Diagnostic]:
    """Keys that the kind of a task does not have, and those it cannot do without."""
    body = document.data["tasks"][name]
    kind = Kind(body.get("kind", Kind.JOB))
    allowed = COMMON_KEYS | OWN_KEYS[kind]
    for key in body.keys() - allowed if not body.keys() <= allowed else ():
        kinds = ", ".join(other for other, keys in OWN_KEYS.items() if key in keys)
        yield Diagnostic(
            Code.UNKNOWN_KEY,
            f'task "{name}" is a {kind} and has no key "{key}"',
            document.span(("tasks", name, key), key=True),
            remedy=f'"{key}" belongs to kind: {kinds}.' if kinds else "",
        )
    for key in NEEDED_KEYS[kind]:
        if key not in body:
            yield Diagnostic(
                Code.MISSING_KEY,
                f'task "{name}" is a {kind} and needs a key "{key}"',
                document.span(("tasks", name), key=True),
                remedy=f'Add "{key}:".',
            )


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))


def _check_task(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    yield from _check_version(spec, task)
    yield from check_target(spec, task)
    yield from check_results(spec, task)
    yield from check_fan_out(spec, task)
    yield from check_platform_call(spec, task)
    if task.settings:
        yield from check_settings(spec, task)
    for index, other in enumerate(task.depends_on):
        if other not in spec.tasks and other not in spec.includes:
            span = spec.task_span(task.name, "depends_on", index).narrowed(other)
            yield Diagnostic(
                Code.UNKNOWN_TASK,
                f'task "{task.name}" depends on "{other}", which is no task',
                span,
                remedy=choices(other, spec.tasks, label="Tasks"),
            )


def _check_version(spec: SpecFile, task: TaskDecl) -> list[Diagnostic]:
    if task.version is not None and task.branch is not None:
        return [
            Diagnostic(
                Code.VERSION,
                f'task "{task.name}" names both a version and a branch',
                spec.task_span(task.name, "branch"),
                remedy="Keep the version; a branch moves under the same name.",
            )
        ]
    if task.branch is not None:
        return [
            Diagnostic(
                Code.VERSION,
                f'task "{task.name}" runs branch "{task.branch}", which moves under the same name',
                spec.task_span(task.name, "branch"),
                remedy="Pin a release with `version:` to make the run repeatable.",
                severity=Severity.WARNING,
            )
        ]
    if task.kind.is_launch and task.version is None and not is_folder(task.module) and "{{" not in str(task.module):
        return [
            Diagnostic(
                Code.VERSION,
                f'task "{task.name}" does not say which version of "{task.module}" to run',
                spec.task_span(task.name, "module"),
                remedy="Add `version: v1.2.3`, a release of the app, so that the run can be repeated.",
            )
        ]
    return []
