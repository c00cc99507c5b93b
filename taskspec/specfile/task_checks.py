"""Problems of a task that show before any expression is evaluated: keys, versions, results, platform calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from taskspec.diagnostics import Code, Diagnostic, Severity, choices
from taskspec.specfile.fields.kinds import COMMON_KEYS, NEEDED_KEYS, OWN_KEYS, ApiCall, Kind
from taskspec.specfile.fields.launch_settings import settings_problems
from taskspec.specfile.fields.platform_calls import ARGUMENTS
from taskspec.specfile.fields.result_declarations import SOURCES, is_declaration
from taskspec.specfile.matrix import check_fan_out
from taskspec.specfile.model import CallDecl, LaunchDecl, SpecFile, TaskDecl, is_folder
from taskspec.specfile.target_check import check_target
from taskspec.specfile.yaml.document import SourceDocument

_RESULT_KEYS = {
    "value": ("value", "type", "description"),
    "file": ("file", "description"),
    "project": ("project", "description"),
}


def check_keys(document: SourceDocument, name: str) -> Iterator[Diagnostic]:
    """Keys that the kind of a task does not have, and those it cannot do without."""
    body = document.data["tasks"][name]
    kind = Kind(body.get("kind", Kind.JOB))
    for key in body.keys() - (COMMON_KEYS | OWN_KEYS[kind]):
        kinds = ", ".join(other for other, keys in OWN_KEYS.items() if key in keys)
        summary = f'task "{name}" is a {kind} and has no key "{key}"'
        remedy = f'"{key}" belongs to kind: {kinds}.' if kinds else ""
        yield Diagnostic(Code.UNKNOWN_KEY, summary, document.span(("tasks", name, key), key=True), remedy=remedy)
    for key in NEEDED_KEYS[kind]:
        if key not in body:
            summary = f'task "{name}" is a {kind} and needs a key "{key}"'
            span = document.span(("tasks", name), key=True)
            yield Diagnostic(Code.MISSING_KEY, summary, span, remedy=f'Add "{key}:".')


def check_task(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    if not isinstance(task, CallDecl):
        yield from _check_version(spec, task)
        yield from check_target(spec, task)
    yield from _check_results(spec, task)
    yield from check_fan_out(spec, task)
    yield from _check_platform_call(spec, task)
    for path, what, remedy in settings_problems(task.settings) if task.settings is not None else ():
        summary = f'task "{task.name}": {what}'
        yield spec.task_problem(Code.WRONG_VALUE, task.name, ("settings", *path), summary, remedy)
    for index, other in enumerate(task.depends_on):
        if other not in spec.tasks and other not in spec.includes:
            span = spec.task_span(task.name, "depends_on", index).narrowed(other)
            summary = f'task "{task.name}" depends on "{other}", which is not a task'
            yield Diagnostic(Code.UNKNOWN_TASK, summary, span, remedy=choices(other, spec.tasks, label="Tasks"))


def _check_version(spec: SpecFile, task: LaunchDecl) -> Iterator[Diagnostic]:
    if task.version is not None and task.branch is not None:
        summary = f'task "{task.name}" names both a version and a branch'
        remedy = "Keep the version; a branch moves under the same name."
        yield spec.task_problem(Code.VERSION, task.name, ("branch",), summary, remedy)
    elif task.branch is not None:
        summary = f'task "{task.name}" runs branch "{task.branch}", which moves under the same name'
        remedy = "Pin a release with `version:` to make the run repeatable."
        problem = spec.task_problem(Code.VERSION, task.name, ("branch",), summary, remedy)
        yield replace(problem, severity=Severity.WARNING)
    elif task.version is None and not is_folder(task.module) and "{{" not in str(task.module):
        summary = f'task "{task.name}" does not say which version of "{task.module}" to run'
        remedy = "Add `version: v1.2.3`, a release of the app, so that the run can be repeated."
        yield spec.task_problem(Code.VERSION, task.name, ("module",), summary, remedy)


def _check_results(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """Declarations that say nothing, two things at once, or a word that is none."""
    for name, result in task.results.items():
        written, path = result.written, ("results", name)
        if not is_declaration(written):
            continue
        sources = [key for key in SOURCES if key in written]
        if not task.kind.is_launch and sources and sources[0] != "value":
            summary = f'task "{task.name}" is a {task.kind}, and only a launch leaves a {sources[0]} to be found'
            remedy, place = "Read it from `response`.", (*path, sources[0])
            yield spec.task_problem(Code.WRONG_VALUE, task.name, place, summary, remedy, key=True)
        elif len(sources) != 1:
            what = f"says {' and '.join(sources)}" if sources else "has a type and no value"
            remedy = "Write one of value, file and project. A map that is itself the value goes under `value:`."
            summary = f'result "{name}" of task "{task.name}" {what}'
            yield spec.task_problem(Code.WRONG_VALUE, task.name, path, summary, remedy)
        else:
            allowed = _RESULT_KEYS[sources[0]]
            for key in sorted(written.keys() - set(allowed)):
                summary = f'result "{name}" of task "{task.name}" has no key "{key}" next to "{sources[0]}"'
                remedy = choices(key, allowed, label="Keys allowed here")
                yield spec.task_problem(Code.UNKNOWN_KEY, task.name, (*path, key), summary, remedy, key=True)


def _check_platform_call(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """What is wrong with the arguments of a platform call, as far as they are written out."""
    if not isinstance(task.call, ApiCall):
        return
    call, given = task.call.call, task.call.arguments or {}
    declared = ARGUMENTS[call]
    code, name = Code.PLATFORM_CALL, task.name
    for key, value in given.items():
        if key not in declared:
            remedy = choices(key, declared, label="Its arguments")
            yield spec.task_problem(code, name, ("with", key), f'{call} has no argument "{key}"', remedy, key=True)
            continue
        problem = "" if isinstance(value, str) and "{{" in value else declared[key].problem(value)
        if problem:
            yield spec.task_problem(code, name, ("with", key), f"{call}: {key} {problem}")
    place = ("call",) if task.call.arguments is None else ("with",)
    for key, argument in declared.items():
        if argument.required and key not in given:
            remedy = f'Add "{key}:" under "with:".'
            yield spec.task_problem(code, name, place, f'{call} needs an argument "{key}"', remedy, key=True)
    if call.removes and not task.destructive:
        summary = f'task "{name}" removes data on the server, and lacks `destructive: true`'
        remedy = "Add it. The plan marks the task then, and taskspec never repeats the call by itself."
        yield spec.task_problem(code, name, ("call",), summary, remedy)
