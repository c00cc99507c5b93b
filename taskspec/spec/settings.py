"""`settings:` of a launch: users, visibility, one session for all, limits in Kubernetes. Read into one form. Pure.

What says nothing (false, an empty list) is the same as what is not written, and changes no identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.spec.model import SpecFile, TaskDecl
from taskspec.spec.results import described
from taskspec.values import Json, Path, Unknown

KUBERNETES: Mapping[str, type] = {
    "use_health_check": bool,
    **dict.fromkeys(
        (
            *("request_cpus", "limit_cpus", "limit_memory_gb", "limit_shm_gb", "limit_storage_gb", "limit_gpus"),
            *("limit_gpu_memory_mb", "limit_gpu_cores_perc"),
        ),
        int,
    ),
}
"""The limits we know. In the server's own spelling (`limitGpus`) others pass: it may know more than we do."""

Problem = tuple[Path, str, str]
"""Where, what is wrong, and what to do."""


def settings_problems(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with settings as written or as rendered; what is still a template is passed over."""
    users = settings.get("users", ())
    for index, user in enumerate(users):
        if isinstance(user, bool) or not isinstance(user, int | str | Unknown):
            yield ("users", index), f"a user is an integer id or a login, and this is {described(user)}", ""
    if len(users) > 1 and not settings.get("multi_user"):
        yield (
            ("users",),
            "for several users the server starts several launches, and a task is one launch",
            "Add `multi_user: true` for one session that all share, or a for_each over the users.",
        )
    for name, value in settings.get("kubernetes", {}).items():
        yield from (((*("kubernetes",), name), what, do) for what, do in _limit_problem(name, value))


def _limit_problem(name: str, value: Json) -> Iterator[tuple[str, str]]:
    wanted = KUBERNETES.get(snake(name))
    if wanted is None:
        if name == name.lower():
            yield f'Kubernetes has no setting "{name}" here', choices(name, KUBERNETES, label="Settings", limit=30)
        return
    is_open = value is None or isinstance(value, Unknown) or (isinstance(value, str) and "{{" in value)
    if not is_open and (type(value) is not wanted or (isinstance(value, int) and value < 0)):
        words = "an integer, 0 or more" if wanted is int else "true or false"
        yield f'"{name}" must be {words}, and is {described(value)}', ""


def check_settings(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """Problems that show before any expression is evaluated."""
    for path, what, remedy in settings_problems(task.settings):
        span = spec.task_span(task.name, "settings", *path)
        yield Diagnostic(Code.WRONG_VALUE, f'task "{task.name}": {what}', span, remedy=remedy)


def normal(settings: Mapping[str, Any]) -> dict[str, Json]:
    """Settings in one form: our spelling, nothing that says nothing."""
    found = {name: value for name, value in settings.items() if value not in (False, None, [], {})}
    limits = {snake(name): value for name, value in found.pop("kubernetes", {}).items() if value is not None}
    return {**found, "kubernetes": dict(sorted(limits.items()))} if limits else found


def snake(name: str) -> str:
    """Our spelling of a limit the server spells `limitGpus`; a name we do not know stays as it is."""
    ours = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)
    return ours if ours in KUBERNETES else name
