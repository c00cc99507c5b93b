"""The platform calls a spec may make: a small closed set, each with its arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.spec.kinds import Kind
from taskspec.spec.model import SpecFile, TaskDecl
from taskspec.values import Json


class PlatformCall(StrEnum):
    """What `call:` of a task of kind `api` may say."""

    CLONE_PROJECT = "clone_project"
    UPLOAD_FILES = "upload_files"
    COPY_FILES = "copy_files"
    REMOVE_FILES = "remove_files"
    REMOVE_PROJECT = "remove_project"

    @property
    def removes(self) -> bool:
        return self in (PlatformCall.REMOVE_FILES, PlatformCall.REMOVE_PROJECT)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a platform call; an id is an integer, everything else is text."""

    is_id: bool = False
    required: bool = True

    def problem(self, value: Json) -> str:
        """Why a known value does not fit, or nothing."""
        if self.is_id:
            fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
            return "" if fits else f"must be an integer id, and is {value!r}"
        return "" if isinstance(value, str) and value else f"must be text, and is {value!r}"


ARGUMENTS: Mapping[PlatformCall, Mapping[str, Argument]] = {
    PlatformCall.CLONE_PROJECT: {
        "project": Argument(is_id=True),
        "name": Argument(),
        "workspace": Argument(is_id=True, required=False),
    },
    PlatformCall.UPLOAD_FILES: {"from": Argument(), "to": Argument()},
    PlatformCall.COPY_FILES: {"from": Argument(), "to": Argument()},
    PlatformCall.REMOVE_FILES: {"path": Argument()},
    PlatformCall.REMOVE_PROJECT: {"project": Argument(is_id=True)},
}


def check_platform_call(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """What is wrong with the arguments of a platform call, as far as they are written out."""
    if task.kind is not Kind.API or task.call is None:
        return
    call = PlatformCall(task.call.body["call"])
    given: Mapping[str, Json] = task.call.body.get("with", {})
    declared = ARGUMENTS[call]
    place = ("with",) if "with" in task.call.body else ("call",)
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
            f'task "{task.name}" removes what is on the server, and does not say so',
            spec.task_span(task.name, "call"),
            remedy="Add `destructive: true`: the plan marks it then, and it is never repeated by itself.",
        )
