"""Problems of a task that show before any expression is evaluated: keys, versions, results, platform calls."""

from __future__ import annotations

from collections.abc import Iterator

from taskspec.diagnostics import Code, Diagnostic, Severity, choices
from taskspec.specfile.fields.kinds import COMMON_KEYS, NEEDED_KEYS, OWN_KEYS, ApiCall, Kind
from taskspec.specfile.fields.launch_settings import settings_problems
from taskspec.specfile.fields.platform_calls import ARGUMENTS
from taskspec.specfile.fields.result_decls import SOURCES, is_declaration
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


def check_task(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    if not isinstance(task, CallDecl):
        yield from _check_version(spec, task)
        yield from check_target(spec, task)
    yield from _check_results(spec, task)
    yield from check_fan_out(spec, task)
    yield from _check_platform_call(spec, task)
    yield from _check_settings(spec, task)
    for index, other in enumerate(task.depends_on):
        if other not in spec.tasks and other not in spec.includes:
            span = spec.task_span(task.name, "depends_on", index).narrowed(other)
            yield Diagnostic(
                Code.UNKNOWN_TASK,
                f'task "{task.name}" depends on "{other}", which is not a task',
                span,
                remedy=choices(other, spec.tasks, label="Tasks"),
            )


def _check_version(spec: SpecFile, task: LaunchDecl) -> list[Diagnostic]:
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
    if task.version is None and not is_folder(task.module) and "{{" not in str(task.module):
        return [
            Diagnostic(
                Code.VERSION,
                f'task "{task.name}" does not say which version of "{task.module}" to run',
                spec.task_span(task.name, "module"),
                remedy="Add `version: v1.2.3`, a release of the app, so that the run can be repeated.",
            )
        ]
    return []


def _check_results(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """Declarations that say nothing, two things at once, or a word that is none."""
    for name, result in task.results.items():
        written = result.written
        if not is_declaration(written):
            continue
        sources = [key for key in SOURCES if key in written]
        if not task.kind.is_launch and sources and sources[0] != "value":
            at = spec.task_span(task.name, "results", name, sources[0], key=True)
            summary = f'task "{task.name}" is a {task.kind}, and only a launch leaves a {sources[0]} to be found'
            yield Diagnostic(Code.WRONG_VALUE, summary, at, remedy="Read it from `response`.")
            continue
        span = spec.task_span(task.name, "results", name)
        if len(sources) != 1:
            what = f"says {' and '.join(sources)}" if sources else "has a type and no value"
            remedy = "Write one of value, file and project. A map that is itself the value goes under `value:`."
            yield Diagnostic(Code.WRONG_VALUE, f'result "{name}" of task "{task.name}" {what}', span, remedy=remedy)
            continue
        allowed = _RESULT_KEYS[sources[0]]
        for key in sorted(written.keys() - set(allowed)):
            at = spec.task_span(task.name, "results", name, key, key=True)
            summary = f'result "{name}" of task "{task.name}" has no key "{key}" next to "{sources[0]}"'
            yield Diagnostic(Code.UNKNOWN_KEY, summary, at, remedy=choices(key, allowed, label="Keys allowed here"))


def _check_platform_call(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """What is wrong with the arguments of a platform call, as far as they are written out."""
    if not isinstance(task.call, ApiCall):
        return
    call, given = task.call.call, task.call.arguments or {}
    declared = ARGUMENTS[call]
    place = ("call",) if task.call.arguments is None else ("with",)
    for name, value in given.items():
        if name not in declared:
            span = spec.task_span(task.name, "with", name, key=True)
            remedy = choices(name, declared, label="Its arguments")
            yield Diagnostic(Code.PLATFORM_CALL, f'{call} has no argument "{name}"', span, remedy=remedy)
            continue
        problem = "" if isinstance(value, str) and "{{" in value else declared[name].problem(value)
        if problem:
            yield Diagnostic(Code.PLATFORM_CALL, f"{call}: {name} {problem}", spec.task_span(task.name, "with", name))
    for name, argument in declared.items():
        if argument.required and name not in given:
            span = spec.task_span(task.name, *place, key=True)
            remedy = f'Add "{name}:" under "with:".'
            yield Diagnostic(Code.PLATFORM_CALL, f'{call} needs an argument "{name}"', span, remedy=remedy)
    if call.removes and not task.destructive:
        yield Diagnostic(
            Code.PLATFORM_CALL,
            f'task "{task.name}" removes data on the server, and lacks `destructive: true`',
            spec.task_span(task.name, "call"),
            remedy="Add it. The plan marks the task then, and taskspec never repeats the call by itself.",
        )


def _check_settings(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    for path, what, remedy in settings_problems(task.settings) if task.settings is not None else ():
        span = spec.task_span(task.name, "settings", *path)
        yield Diagnostic(Code.WRONG_VALUE, f'task "{task.name}": {what}', span, remedy=remedy)
