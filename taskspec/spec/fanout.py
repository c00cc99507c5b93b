"""Checks the keys about instances and slots: keys that exclude each other, and slots that no pool has."""

from __future__ import annotations

from collections.abc import Iterator

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.spec.model import SpecFile, TaskDecl


def check_fan_out(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    """Problems that can be seen without evaluating anything."""
    if task.has_for_each and task.matrix:
        yield _problem(spec, task, "matrix", "has both a for_each and a matrix", "Keep one of them.")
    if task.at_most is not None and not task.has_for_each:
        yield _problem(spec, task, "at_most", "has at_most, and no for_each", "Remove it, or add a for_each.")
    if task.max_parallel is not None and not task.is_fanned_out:
        remedy = "Remove it: one task is one instance."
        yield _problem(spec, task, "max_parallel", "has max_parallel, and neither for_each nor matrix", remedy)
    yield from _check_pools(spec, task)


def _check_pools(spec: SpecFile, task: TaskDecl) -> Iterator[Diagnostic]:
    for name, slots in task.pool.items():
        size = spec.pools.get(name)
        if size is None:
            remedy = choices(name, spec.pools, label="Pools") + " Pools are declared at the top, as `pools: {gpu: 2}`."
            yield _problem(spec, task, "pool", f'takes slots of "{name}", which is not a declared pool', remedy, name)
        elif slots > size:
            what = f'takes {slots} slots of pool "{name}", which has {size}, and could never start'
            yield _problem(spec, task, "pool", what, "Give the pool more slots, or take fewer.", name)


def _problem(spec: SpecFile, task: TaskDecl, key: str, what: str, remedy: str, word: str = "") -> Diagnostic:
    span = spec.task_span(task.name, key).narrowed(word)
    return Diagnostic(Code.FAN_OUT, f'task "{task.name}" {what}', span, remedy=remedy)
