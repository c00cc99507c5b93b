"""Where a spec stands among others: what its included specs give it, and what reaches it through its own inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, choices
from taskspec.template.expressions.expression import Reference
from taskspec.template.references.location import KNOWN_BEFORE, Dependency, Location

Report = Callable[[Code, str, Location, str, str], None]
"""What to do with a problem: code, summary, place, the text to point at, remedy."""


@dataclass(frozen=True, slots=True)
class ValueSource:
    """A value comes from a task of the whole; `cell` is the key of one instance, `text` is how the author named it."""

    upstream: str
    cell: str | None
    text: str


@dataclass(frozen=True, slots=True)
class IncludedResults:
    """What an included spec gives: its tasks by their names in the whole, and where each of its results comes from."""

    tasks: tuple[str, ...]
    results: Mapping[str, tuple[ValueSource, ...]]


@dataclass(frozen=True, slots=True)
class IncludeContext:
    """The surroundings of one spec. `inflow` says, by root and name, which variables and locals come from tasks."""

    prefix: str = ""
    inflow: Mapping[tuple[str, str], tuple[ValueSource, ...]] = field(default_factory=dict)
    outlet: Callable[[str], IncludedResults] | None = None


ALONE = IncludeContext()


def follow_result(
    within: IncludeContext, reference: Reference, place: Location, report: Report
) -> Iterator[Dependency]:
    """What a result of an included spec, as `tasks.NAME.results.x`, is read from."""
    name, *rest = reference.steps
    if not rest or rest[0] != "results":
        remedy = f"Only its results can be used: tasks.{name}.results.NAME."
        report(Code.TEMPLATE_UNDEFINED, f'"{name}" is an included spec', place, reference.text, remedy)
        return
    if within.outlet is None:
        return
    results = within.outlet(str(name)).results
    wanted = [rest[1]] if len(rest) > 1 and isinstance(rest[1], str) else list(results)
    for result in wanted:
        if result not in results:
            remedy = choices(result, results, label="Its results")
            summary = f'the included spec "{name}" has no result "{result}"'
            report(Code.TEMPLATE_UNDEFINED, summary, place, reference.text, remedy)
        for flow in results.get(result, ()):
            yield Dependency(flow.upstream, flow.cell, reference.text, place)


def follow_inputs(
    within: IncludeContext, reference: Reference, place: Location, roots: frozenset[str], report: Report
) -> Iterator[Dependency]:
    """What a variable or a local of an included spec is made of, where its input comes from a task."""
    name = reference.steps[0] if reference.steps else None
    for (root, known), flows in within.inflow.items():
        if root != reference.root or (isinstance(name, str) and name != known):
            continue
        if "tasks" not in roots:
            summary = f'{place.owner} cannot use "{root}.{known}" here: its value comes from {flows[0].text}'
            report(Code.TEMPLATE_NOT_HERE, summary, place, f"{root}.{known}", KNOWN_BEFORE)
            return
        for flow in flows:
            yield Dependency(flow.upstream, flow.cell, reference.text, place)
