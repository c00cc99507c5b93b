"""A small spec, read, analysed and unrolled, for the tests of the package."""

from __future__ import annotations

import json
from typing import Any

from taskspec.diagnostics import Diagnostic
from taskspec.errors import SpecError
from taskspec.specfile.model import SpecFile
from taskspec.specfile.parser import parse_spec
from taskspec.template.expansion.instances import Expansion, expand
from taskspec.template.expressions.render import Renderer
from taskspec.template.locals import base_scope
from taskspec.template.references.reference_check import Analysis, analyse


def spec_of(tasks: dict[str, dict[str, Any]], **top: Any) -> SpecFile:
    """JSON is YAML; every task is an app in a folder unless it says otherwise."""
    written = {name: {"module": "./app", **body} for name, body in tasks.items()}
    return parse_spec("spec.yaml", json.dumps({"taskspec": 1, "tasks": written, **top}).encode())[0]


def analysed(tasks: dict[str, dict[str, Any]], **top: Any) -> Analysis:
    return analyse(spec_of(tasks, **top), Renderer())


def expanded(tasks: dict[str, dict[str, Any]], variables: dict[str, Any] | None = None, **top: Any) -> Expansion:
    spec = spec_of(tasks, variables=dict.fromkeys(variables or {}), **top)
    renderer = Renderer()
    analysis = analyse(spec, renderer)
    assert not analysis.problems, analysis.problems
    return expand(spec, analysis, renderer, base_scope(spec, variables or {}, renderer))


def refused(
    tasks: dict[str, dict[str, Any]], variables: dict[str, Any] | None = None, **top: Any
) -> tuple[Diagnostic, ...]:
    """The problems of unrolling a spec whose expressions are right."""
    try:
        expanded(tasks, variables, **top)
    except SpecError as error:
        return error.diagnostics
    return ()


def needs(expansion: Expansion) -> dict[str, list[str]]:
    """Who needs whom directly, by address."""
    instances, graph = expansion.instances, expansion.graph
    return {
        i.address: sorted(instances[above].address for above in graph.upstream(node))
        for node, i in enumerate(instances)
    }
