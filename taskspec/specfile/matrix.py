"""`matrix`: every combination of the values of its axes, less those excluded, plus those included. Pure.

An instance is named by its values in the order of the axes, `train[a,0.1]`, so that adding a value renames none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.specfile.fields.value_types import shown
from taskspec.specfile.model import SpecFile, TaskDecl
from taskspec.values import Json, Path, canonical

INCLUDE = "include"
EXCLUDE = "exclude"
TAKEN_NAMES = frozenset({"key", "value"})
"""`each.key` and `each.value` mean the instance, so no axis can have these names."""

Combination = dict[str, Json]


@dataclass(frozen=True, slots=True)
class MatrixProblem:
    """What is wrong with a matrix, and the path inside it where that is written."""

    path: Path
    summary: str
    remedy: str


def axes_of(matrix: Mapping[str, Json]) -> list[str]:
    """The names of the axes, in the order in which addresses have them."""
    return [name for name in matrix if name not in (INCLUDE, EXCLUDE)]


def scalar_text(item: Json) -> str | None:
    """A scalar as a part of an address; None for what has no short text."""
    if isinstance(item, bool):
        return str(item).lower()
    return str(item) if isinstance(item, str | int | float) else None


def combine(matrix: Mapping[str, Json], limit: int) -> tuple[list[tuple[str, Combination]], list[MatrixProblem]]:
    """Address key and values of every instance; or the flaws, and then no instance. `limit` bounds the product."""
    axes = axes_of(matrix)
    flaws = [*_axis_problems(matrix, axes), *_rule_problems(matrix)]
    if not flaws and math.prod(len(matrix[axis]) for axis in axes) > limit:
        sizes = " x ".join(str(len(matrix[axis])) for axis in axes)
        flaws = [MatrixProblem((), f"{sizes} makes more than {limit:,} instances", "Split the spec.")]
    if flaws:
        return [], flaws
    combining = _MatrixBuilder(axes, matrix)
    for index, rule in enumerate(matrix.get(EXCLUDE) or ()):
        combining.exclude(index, rule)
    for index, rule in enumerate(matrix.get(INCLUDE) or ()):
        combining.include(index, rule)
    if combining.flaws:
        return [], combining.flaws
    return [(_key(axes, values), values) for values in combining.found], []


def _axis_problems(matrix: Mapping[str, Json], axes: Sequence[str]) -> Iterator[MatrixProblem]:
    if not axes:
        yield MatrixProblem((), "the matrix has no axis", "Name a list of values: `model: [a, b]`.")
    for axis in axes:
        values = matrix[axis]
        if axis in TAKEN_NAMES:
            yield MatrixProblem((axis,), f'"{axis}" cannot be an axis: each.{axis} is the whole instance', "Rename it.")
        elif not isinstance(values, list):
            yield MatrixProblem((axis,), f'axis "{axis}" is {values!r}', "An axis is a list of scalars.")
        else:
            for index, value in enumerate(values):
                if scalar_text(value) is None:
                    what = f'axis "{axis}" has {value!r} among its values, and that gives no address'
                    yield MatrixProblem((axis, index), what, "An axis is a list of scalars.")


def _rule_problems(matrix: Mapping[str, Json]) -> Iterator[MatrixProblem]:
    for name in (EXCLUDE, INCLUDE):
        rules = matrix.get(name)
        if rules is not None and not isinstance(rules, list):
            yield MatrixProblem((name,), f"{name} is {rules!r}", "It is a list of maps, as in `[{model: b, lr: 0.1}]`.")
            continue
        for index, rule in enumerate(rules or ()):
            if not isinstance(rule, Mapping) or not rule:
                yield MatrixProblem(
                    (name, index), f"{rule!r} says nothing about any axis", "Name axes and their values."
                )


@dataclass(slots=True)
class _MatrixBuilder:
    """The combinations so far. Each rule is compared with all of them once."""

    axes: Sequence[str]
    matrix: Mapping[str, Json]
    found: list[Combination] = field(init=False)
    flaws: list[MatrixProblem] = field(default_factory=list)

    def __post_init__(self) -> None:
        product = itertools.product(*(self.matrix[axis] for axis in self.axes))
        self.found = [dict(zip(self.axes, values, strict=True)) for values in product]

    def exclude(self, index: int, rule: Mapping[str, Json]) -> None:
        for name in rule:
            if name not in self.axes:
                summary = f'exclude names "{name}", which is not an axis'
                remedy = choices(name, self.axes, label="Axes")
                self.flaws.append(MatrixProblem((EXCLUDE, index, name), summary, remedy))
                return
        left = [values for values in self.found if not _fits(rule, values)]
        if len(left) == len(self.found):
            self._refuse(EXCLUDE, index, rule, "fits no combination")
        self.found = left

    def include(self, index: int, rule: Mapping[str, Json]) -> None:
        """More values for the combinations that a rule fits, or one more combination."""
        named = {name: value for name, value in rule.items() if name in self.axes}
        extra = {name: value for name, value in rule.items() if name not in self.axes}
        fitting = [values for values in self.found if _fits(named, values)]
        problem = self._include_problem(named, extra, fitting)
        if problem:
            self._refuse(INCLUDE, index, rule, problem)
        elif fitting:
            for values in fitting:
                values.update(extra)
        else:
            self.found.append({axis: named[axis] for axis in self.axes} | extra)

    def _refuse(self, name: str, index: int, rule: Mapping[str, Json], problem: str) -> None:
        axes = "; ".join(f"{axis}: {shown(self.matrix[axis])}" for axis in self.axes)
        self.flaws.append(MatrixProblem((name, index), f"{name} {shown(rule)} {problem}", f"The axes are {axes}."))

    def _include_problem(
        self, named: Mapping[str, Json], extra: Collection[str], fitting: Sequence[Combination]
    ) -> str:
        taken = sorted(TAKEN_NAMES & set(extra))
        if taken:
            return f'names "{taken[0]}", which is the whole instance'
        if fitting:
            return "" if extra else "is among the combinations already"
        if len(named) < len(self.axes):
            missing = next(axis for axis in self.axes if axis not in named)
            return f'fits no combination, and makes none of its own without "{missing}"'
        odd = [axis for axis in self.axes if scalar_text(named[axis]) is None]
        return f'gives no address: "{odd[0]}" must be a scalar' if odd else ""


def _fits(rule: Mapping[str, Json], values: Combination) -> bool:
    return all(canonical(values[name]) == canonical(value) for name, value in rule.items())


def _key(axes: Sequence[str], values: Combination) -> str:
    return ",".join(str(scalar_text(values[axis])) for axis in axes)


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
