"""The graph of a spec as text, DOT, Mermaid or JSON."""

from __future__ import annotations

import json
from enum import StrEnum

from taskspec.errors import UsageError
from taskspec.graph import generations
from taskspec.specfile.fields.kinds import PartialRule, RunOn
from taskspec.specfile.model import TaskDecl
from taskspec.template.expansion.instances import Expansion
from taskspec.view.terminal_text import clean, one_line

MERMAID_EDGE_LIMIT = 500
"""Mermaid refuses to draw more (its documented default)."""


class DiagramFormat(StrEnum):
    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
    JSON = "json"


def draw_graph(expansion: Expansion, kind: DiagramFormat) -> str:
    """Draw the graph of instances. Raises UsageError for a Mermaid graph with too many edges."""
    draw = {
        DiagramFormat.TEXT: _text,
        DiagramFormat.DOT: _dot,
        DiagramFormat.MERMAID: _mermaid,
        DiagramFormat.JSON: _json,
    }
    return draw[kind](expansion)


def _text(expansion: Expansion) -> str:
    """One line for each instance with its dependencies, grouped in steps that may run in parallel."""
    lines = []
    for number, column in enumerate(generations(expansion.graph), start=1):
        lines.append(f"step {number}")
        for node in column:
            needs = ", ".join(expansion.instances[n].address for n in expansion.graph.upstream(node))
            rule = _rule(expansion.instances[node].task)
            note = f"  ({one_line(rule)})" if rule else ""
            needed = f"  ← {clean(needs)}" if needs else ""
            lines.append(f"  {clean(expansion.instances[node].address)}{needed}{note}")
    return "\n".join(lines) + "\n"


def _rule(task: TaskDecl) -> str:
    """The rule of a task that does not simply run after the success of its dependencies."""
    rules = {
        RunOn.FAILURE: "on failure",
        RunOn.ALWAYS: "always",
        RunOn.SUCCESS: "with what succeeded" if task.partial is PartialRule.CONTINUE else "",
    }
    condition = "" if task.when is True else f"if {task.when or 'false'}"
    return ", ".join(filter(None, (rules[task.run_on], condition)))


def _is_soft(expansion: Expansion, node: int) -> bool:
    """Whether the node may run after an upstream failure."""
    task = expansion.instances[node].task
    return task.run_on is not RunOn.SUCCESS or task.partial is PartialRule.CONTINUE


def _dot(expansion: Expansion) -> str:
    names = [json.dumps(clean(instance.address), ensure_ascii=False) for instance in expansion.instances]
    edges = [
        f"  {names[before]} -> {names[node]}{' [style=dashed]' if _is_soft(expansion, node) else ''};"
        for before, node in expansion.graph.edges()
    ]
    return "\n".join(["digraph taskspec {", "  rankdir=LR;", *(f"  {name};" for name in names), *edges, "}"]) + "\n"


def _mermaid(expansion: Expansion) -> str:
    edges = expansion.graph.edges()
    if len(edges) > MERMAID_EDGE_LIMIT:
        raise UsageError(
            f"Mermaid draws at most {MERMAID_EDGE_LIMIT} edges, this graph has {len(edges)}",
            remedy="use --format dot, or --format json",
        )
    nodes = [f'  n{n}["{_entities(instance.address)}"]' for n, instance in enumerate(expansion.instances)]
    arrows = [f"  n{before} {'-.->' if _is_soft(expansion, node) else '-->'} n{node}" for before, node in edges]
    return "\n".join(["graph LR", *nodes, *arrows]) + "\n"


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " _-/.[]" else f"#{ord(c)};" for c in clean(text))


def _json(expansion: Expansion) -> str:
    addresses = [instance.address for instance in expansion.instances]
    edges = [{"from": addresses[before], "to": addresses[node]} for before, node in expansion.graph.edges()]
    rules = {instance.address: rule for instance in expansion.instances if (rule := _rule(instance.task))}
    graph = {"taskspec_graph": 1, "nodes": addresses, "edges": edges, **({"rules": rules} if rules else {})}
    return json.dumps(graph, ensure_ascii=False, indent=2) + "\n"
