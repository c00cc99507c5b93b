"""`target:` names the thing an app is launched on; here is the key and the type each target has in the app's state.

Table: wire protocol section 3.1, and the targets real apps use beyond it (agent_folder, agent_file, workspace and the
apps' own spelling of the mesh targets).
"""

from __future__ import annotations

from collections.abc import Mapping

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.spec.model import SpecFile, TaskDecl
from taskspec.values import Json

_MODALITIES = ("images", "videos", "volumes", "point_cloud", "point_cloud_episodes", "mesh", "meshes")

TARGETS: Mapping[str, tuple[str, type]] = {
    **{f"{modality}_project": ("slyProjectId", int) for modality in _MODALITIES},
    **{f"{modality}_dataset": ("slyDatasetId", int) for modality in _MODALITIES},
    "files_folder": ("slyFolder", str),
    "files_file": ("slyFile", str),
    "agent_folder": ("slyFolder", str),
    "agent_file": ("slyFile", str),
    "workspace": ("slyWorkspaceId", int),
    "team": ("slyTeamId", int),
    "team_member": ("slyMemberId", int),
    "labeling_job": ("slyJobId", int),
}


def target_state(target: Mapping[str, Json]) -> dict[str, Json]:
    """The state keys a target becomes; the values are passed on as they are."""
    return {TARGETS[name][0]: value for name, value in target.items()}


def check_target(spec: SpecFile, task: TaskDecl) -> list[Diagnostic]:
    """Unknown targets, two targets for one key, and literal values of the wrong type."""
    problems: list[Diagnostic] = []
    taken: dict[str, str] = {}
    for name, value in task.target.items():
        span = spec.span((*task.path, "target", name), key=True)
        if name not in TARGETS:
            remedy = choices(name, TARGETS, label="Targets", limit=30)
            problems.append(Diagnostic(Code.TARGET, f'"{name}" is no target an app can have', span, remedy=remedy))
            continue
        key = TARGETS[name][0]
        if key in taken:
            remedy = f'Both become "{key}"; keep one.'
            problems.append(
                Diagnostic(Code.TARGET, f'"{name}" and "{taken[key]}" are the same target', span, remedy=remedy)
            )
        taken.setdefault(key, name)
        problem = type_problem(name, value)
        if problem:
            problems.append(Diagnostic(Code.TARGET, problem, spec.span((*task.path, "target", name)), remedy=""))
    return problems


def type_problem(name: str, value: Json) -> str:
    """What is wrong with the value of a known target; empty when nothing is, or when it is still a template."""
    _, kind = TARGETS[name]
    if isinstance(value, str) and "{{" in value:
        return ""
    if isinstance(value, kind) and not isinstance(value, bool):
        return ""
    wanted = "an integer id" if kind is int else "a path as text"
    return f'target "{name}" must be {wanted}, and is {value!r}'
