"""The base scope of a spec: its variables, and its locals evaluated in whatever order they need each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.graph import CycleError, build_graph
from taskspec.secrets.sensitive import reveal_where_possible
from taskspec.specfile.model import SpecFile
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.values import Json, weighs_more_than

LOCAL_LIMIT = 2**20
"""Characters in one local, or four times the values; forty that each say the one before twice would fill the memory."""


def base_scope(spec: SpecFile, variables: Mapping[str, Json], renderer: Renderer) -> dict[str, Json]:
    """`var` and `local` for every expression. Raises SpecError when a local fails or needs itself."""
    build = _Locals(spec, renderer, variables)
    for name in build.in_order():
        build.evaluate(name)
    if build.problems:
        raise SpecError(build.problems)
    return {"var": dict(variables), "local": build.values}


@dataclass(slots=True)
class _Locals:
    spec: SpecFile
    renderer: Renderer
    variables: Mapping[str, Json]
    values: dict[str, Json] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    def in_order(self) -> list[str]:
        """The names, each after those it needs. Raises SpecError for a cycle."""
        names = list(self.spec.locals)
        number = {name: index for index, name in enumerate(names)}
        edges = [(number[needed], number[name]) for name in names for needed in self._needed(name)]
        try:
            return [names[node] for node in build_graph(len(names), edges).order]
        except CycleError as error:
            raise SpecError([self._cycle([names[node] for node in reversed(error.cycle)])]) from None

    def _needed(self, name: str) -> list[str]:
        read = self.renderer.references(self.spec.locals[name])
        needed = (str(reference.steps[0]) for reference in read if reference.root == "local" and reference.steps)
        return [other for other in needed if other in self.spec.locals]

    def _cycle(self, names: list[str]) -> Diagnostic:
        start = min(range(len(names)), key=lambda index: list(self.spec.locals).index(names[index]))
        path = [*names[start:], *names[:start], names[start]]
        span = self.spec.span(("locals", path[0]))
        return Diagnostic(Code.CYCLE, f"locals need each other: {' → '.join(path)}", span, remedy="Break the circle.")

    def evaluate(self, name: str) -> None:
        """Put the value of a local in `values`; what needs a local that failed is left out without a further word."""
        if any(needed not in self.values for needed in self._needed(name)):
            return
        scope = {"var": self.variables, "local": self.values}
        try:
            value = self.renderer.render(self.spec.locals[name], scope)
        except RenderError as error:
            span = self.spec.span(("locals", name, *error.path))
            self.problems.append(error.diagnostic(span, f'local "{name}"'))
            return
        if weighs_more_than(reveal_where_possible(value), LOCAL_LIMIT):
            summary = f'local "{name}" becomes larger than {LOCAL_LIMIT:,} characters or {LOCAL_LIMIT // 4:,} values'
            span = self.spec.span(("locals", name))
            self.problems.append(Diagnostic(Code.TEMPLATE_FAILED, summary, span, remedy="Make it smaller."))
            return
        self.values[name] = value
