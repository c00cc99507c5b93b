"""Which tasks the values of included specs come from, found without evaluating: through inputs and results.

An input that names a task makes everything in the part that uses it depend on that task. A task that uses a result of
the part depends on the tasks that the result is read from. The rest of the part waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.specfile.includes import SEPARATOR, qualified_name
from taskspec.specfile.model import SpecFile
from taskspec.template.expressions.render import Renderer
from taskspec.template.included_scope import IncludedSpec
from taskspec.template.references.include_context import IncludeContext, IncludedResults, ValueSource
from taskspec.template.references.location import Dependency
from taskspec.template.references.reference_check import Analysis, ReferenceChecker, analyse

Inflow = dict[tuple[str, str], tuple[ValueSource, ...]]


@dataclass(frozen=True, slots=True)
class WholeAnalysis:
    """The analysis of the whole, and for each part the variables whose input comes from a task, with those tasks."""

    analysis: Analysis
    waiting: Mapping[str, Mapping[str, tuple[str, ...]]]


def analyse_whole(root: SpecFile, renderer: Renderer, parts: Sequence[IncludedSpec]) -> WholeAnalysis:
    """Check every expression of a spec and its parts. Raises SpecError when parts wait for each other's results."""
    flows = _IncludeAnalysis(root, renderer, {part.prefix: part for part in parts})
    analyses = [flows.analysis(prefix) for prefix in ("", *flows.parts)]
    dependencies = {name: found for analysis in analyses for name, found in analysis.dependencies.items()}
    problems = [problem for analysis in analyses for problem in analysis.problems]
    waiting = {
        prefix: {name: tuple(flow.text for flow in found) for name, found in flows.inputs(prefix).items() if found}
        for prefix in flows.parts
    }
    return WholeAnalysis(Analysis(dependencies, (*problems, *flows.problems)), waiting)


@dataclass(slots=True)
class _IncludeAnalysis:
    root: SpecFile
    renderer: Renderer
    parts: Mapping[str, IncludedSpec]
    problems: list[Diagnostic] = field(default_factory=list)
    _analyses: dict[str, Analysis] = field(default_factory=dict)
    _inputs: dict[str, Mapping[str, tuple[ValueSource, ...]]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def analysis(self, prefix: str) -> Analysis:
        if prefix not in self._analyses:
            self._enter(prefix)
            self._analyses[prefix] = analyse(*self._written(prefix), self._within(prefix))
            self._open.pop()
        return self._analyses[prefix]

    def _written(self, prefix: str) -> tuple[SpecFile, Renderer]:
        return (self.parts[prefix].spec, self.parts[prefix].renderer) if prefix else (self.root, self.renderer)

    def _enter(self, prefix: str) -> None:
        if prefix in self._open:
            part = self.parts[prefix]
            path = " → ".join([*self._open[self._open.index(prefix) :], prefix])
            span = self._written(part.parent)[0].span(("include", part.include.name), key=True)
            summary = f"included specs wait for each other's results: {path}"
            raise SpecError([Diagnostic(Code.CYCLE, summary, span, remedy="Split one of them.")])
        self._open.append(prefix)

    def _within(self, prefix: str) -> IncludeContext:
        return IncludeContext(prefix, self._inflow(prefix), lambda name: self._outlet(qualified_name(prefix, name)))

    def _outlet(self, prefix: str) -> IncludedResults:
        inside = [p for p in self.parts if p == prefix or p.startswith(prefix + SEPARATOR)]
        return IncludedResults(
            tasks=tuple(qualified_name(p, name) for p in inside for name in self.parts[p].spec.tasks),
            results={name: _flows(found) for name, found in self.analysis(prefix).results.items()},
        )

    def inputs(self, prefix: str) -> Mapping[str, tuple[ValueSource, ...]]:
        if prefix not in self._inputs:
            part = self.parts[prefix]
            spec, renderer = self._written(part.parent)
            look = ReferenceChecker(spec, renderer, self.problems, self._within(part.parent))
            self._inputs[prefix] = {
                name: _flows(look.sources(value, ("include", part.include.name, "inputs", name)))
                for name, value in part.include.inputs.items()
            }
        return self._inputs[prefix]

    def _inflow(self, prefix: str) -> Inflow:
        if not prefix:
            return {}
        inflow: Inflow = {("var", name): found for name, found in self.inputs(prefix).items() if found}
        if inflow:
            spec, renderer = self._written(prefix)
            for name in spec.locals:
                found = dict.fromkeys(_local_flows(spec, renderer, name, inflow, set()))
                if found:
                    inflow[("local", name)] = tuple(found)
        return inflow


def _flows(dependencies: Iterator[Dependency] | tuple[Dependency, ...]) -> tuple[ValueSource, ...]:
    return tuple(dict.fromkeys(ValueSource(found.upstream, found.cell, found.text) for found in dependencies))


def _local_flows(
    spec: SpecFile, renderer: Renderer, name: str, inflow: Inflow, seen: set[str]
) -> Iterator[ValueSource]:
    """The tasks a local comes from, through the variables and locals it is made of."""
    seen.add(name)
    for reference in renderer.references(spec.locals[name]):
        other = reference.steps[0] if reference.steps else ""
        if reference.root == "var":
            names = [other] if isinstance(other, str) and other else [n for root, n in inflow if root == "var"]
            yield from (flow for var in names for flow in inflow.get(("var", var), ()))
        elif reference.root == "local" and isinstance(other, str) and other in spec.locals and other not in seen:
            yield from _local_flows(spec, renderer, other, inflow, seen)
