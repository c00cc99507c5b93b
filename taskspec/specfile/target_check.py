"""`target:` names the thing an app is launched on: checked here, and turned into the app's state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.specfile.fields.targets import TARGET_TWINS, TARGETS
from taskspec.specfile.fields.value_types import described
from taskspec.specfile.model import LaunchDecl, SpecFile
from taskspec.values import Json


def target_state(target: Mapping[str, Json]) -> dict[str, Json]:
    """The state keys a target becomes; the values are passed on as they are."""
    return {TARGETS[name].key: value for name, value in target.items()}


def check_target(spec: SpecFile, task: LaunchDecl) -> Iterator[Diagnostic]:
    """Unknown targets, two targets for one key, and literal values of the wrong type."""
    taken: dict[str, str] = {}
    for name, value in task.target.items():
        span = spec.span((*task.path, "target", name), key=True)
        if name not in TARGETS:
            remedy = choices(name, TARGETS, label="Targets", limit=30)
            yield Diagnostic(Code.TARGET, f'"{name}" is not a target of apps', span, remedy=remedy)
            continue
        key = TARGETS[name].key
        if key in taken:
            remedy = f'Both become "{key}"; keep one.'
            summary = f'"{name}" and "{taken[key]}" are the same target'
            yield Diagnostic(Code.TARGET, summary, span, remedy=remedy)
        taken.setdefault(key, name)
        problem = type_problem(name, value)
        if problem:
            yield Diagnostic(Code.TARGET, problem, spec.span((*task.path, "target", name)))


def place_problem(targets: Collection[str], app: str, name: str) -> str:
    """What is wrong with launching this app on such a target; empty when nothing is, or when it names no targets."""
    if not targets or TARGET_TWINS.get(name, name) in {TARGET_TWINS.get(each, each) for each in targets}:
        return ""
    taken = sorted(each for each in targets if each in TARGETS) or ["no target"]
    return f'app "{app}" is not launched on "{name}"; it takes: {", ".join(taken)}'


def type_problem(name: str, value: Json) -> str:
    """What is wrong with the value of a known target; empty when nothing is, or when it is still a template."""
    kind = TARGETS[name].kind
    if isinstance(value, str) and "{{" in value:
        return ""
    if isinstance(value, int) and kind is int and not isinstance(value, bool) and value > 0:
        return ""
    if isinstance(value, str) and kind is str and value:
        return ""
    wanted = "an integer id, 1 or more" if kind is int else "a path as text"
    return f'target "{name}" must be {wanted}, and is {described(value)}'
