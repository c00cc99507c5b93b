"""The base scope of a spec: its variables, and its locals evaluated in whatever order they need each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.spec.model import SpecFile
from taskspec.template.missing import ExpressionError
from taskspec.template.render import Renderer, RenderError, templates_in
from taskspec.values import Json


def base_scope(spec: SpecFile, variables: Mapping[str, Json], renderer: Renderer) -> dict[str, Json]:
    """`var` and `local` for every expression. Raises SpecError when a local fails or needs itself."""
    build = _Locals(spec, variables, renderer)
    for name in spec.locals:
        build.evaluate(name, ())
    if build.problems:
        raise SpecError(build.problems)
    return {"var": dict(variables), "local": build.values}


@dataclass(slots=True)
class _Locals:
    spec: SpecFile
    variables: Mapping[str, Json]
    renderer: Renderer
    values: dict[str, Json] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    def evaluate(self, name: str, asking: tuple[str, ...]) -> None:
        if name in self.values or name not in self.spec.locals:
            return
        if name in asking:
            path = " → ".join([*asking[asking.index(name) :], name])
            span = self.spec.span(("locals", name))
            self.problems.append(
                Diagnostic(Code.CYCLE, f"locals need each other: {path}", span, remedy="Break the circle.")
            )
            self.values[name] = None
            return
        for needed in self._needed(name):
            self.evaluate(needed, (*asking, name))
        if name not in self.values:
            self._render(name)

    def _needed(self, name: str) -> list[str]:
        needed: list[str] = []
        for _, text in templates_in(self.spec.locals[name]):
            try:
                references = self.renderer.parse(text).references
            except ExpressionError:
                continue
            needed.extend(str(r.steps[0]) for r in references if r.root == "local" and r.steps)
        return needed

    def _render(self, name: str) -> None:
        self.values[name] = None
        scope = {"var": self.variables, "local": self.values}
        try:
            self.values[name] = self.renderer.render(self.spec.locals[name], scope)
        except RenderError as error:
            span = self.spec.span(("locals", name, *error.path))
            self.problems.append(error.diagnostic(span, f'local "{name}"'))
