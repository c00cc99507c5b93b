"""The graph in four notations; names that would break a notation are escaped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from taskspec.errors import ExitCode, UsageError
from taskspec.operations.project import Request, open_project
from taskspec.template.expansion.instances import Expansion
from taskspec.view.diagram import MERMAID_EDGE_LIMIT, DiagramFormat, draw_graph

DIAMOND = {"top": [], "left": ["top"], "right": ["top"], "bottom": ["left", "right"]}


@pytest.fixture
def expansion(tmp_path: Path) -> Callable[..., Expansion]:
    def of(needs: dict[str, list[str]], **for_each: object) -> Expansion:
        tasks = {
            name: {"module": "owner/app", "version": "v1", "depends_on": before}
            | ({"for_each": for_each[name]} if name in for_each else {})
            for name, before in needs.items()
        }
        path = tmp_path / "spec.yaml"
        path.write_text(json.dumps({"taskspec": 1, "name": "graph", "tasks": tasks}), encoding="utf-8")
        return open_project(Request(path, "spec.yaml", {})).expansion

    return of


def test_text_shows_what_may_run_side_by_side_and_what_each_needs(expansion: Callable[..., Expansion]) -> None:
    assert draw_graph(expansion(DIAMOND), DiagramFormat.TEXT).splitlines() == [
        "step 1",
        "  top",
        "step 2",
        "  left  ← top",
        "  right  ← top",
        "step 3",
        "  bottom  ← left, right",
    ]


def test_dot_has_every_node_and_every_edge(expansion: Callable[..., Expansion]) -> None:
    drawn = draw_graph(expansion(DIAMOND), DiagramFormat.DOT)
    assert drawn.startswith("digraph taskspec {\n")
    assert drawn.endswith("}\n")
    assert all(f'  "{name}";' in drawn for name in DIAMOND)
    assert '  "left" -> "bottom";' in drawn
    assert drawn.count("->") == 4


def test_mermaid_has_every_node_and_every_edge(expansion: Callable[..., Expansion]) -> None:
    drawn = draw_graph(expansion(DIAMOND), DiagramFormat.MERMAID)
    assert drawn.startswith("graph LR\n")
    assert '  n0["top"]' in drawn
    assert drawn.count(" --> ") == 4


def test_json_has_every_node_and_every_edge(expansion: Callable[..., Expansion]) -> None:
    drawn = json.loads(draw_graph(expansion(DIAMOND), DiagramFormat.JSON))
    assert drawn["nodes"] == list(DIAMOND)
    assert {(edge["from"], edge["to"]) for edge in drawn["edges"]} == {
        (before, name) for name, needs in DIAMOND.items() for before in needs
    }


def test_a_fan_in_is_drawn_from_instance_to_instance(expansion: Callable[..., Expansion]) -> None:
    graph = expansion({"a": [], "b": ["a"]}, a=["x", "y"], b=["p", "q"])
    drawn = json.loads(draw_graph(graph, DiagramFormat.JSON))
    assert drawn["nodes"] == ["a[x]", "a[y]", "b[p]", "b[q]"]
    assert len(drawn["edges"]) == 4, "seen through the join between them"


@pytest.mark.parametrize("kind", list(DiagramFormat))
@pytest.mark.parametrize("key", ["<script>", "a;b", "a{b}", "a|b", "back\\slash", "#35;", "ünïcode", "a b"])
def test_a_key_never_leaves_its_place_in_the_drawing(
    expansion: Callable[..., Expansion], kind: DiagramFormat, key: str
) -> None:
    drawn = draw_graph(expansion({"a": []}, a=[key]), kind)
    plain = draw_graph(expansion({"a": []}, a=["plain"]), kind)
    assert len(drawn.splitlines()) == len(plain.splitlines())
    if kind is DiagramFormat.MERMAID:
        label = drawn.split('["', 1)[1].rsplit('"]', 1)[0]
        assert not set(label) - {"#", ";"} & set("<>{}|\\\"'")
    if kind is DiagramFormat.JSON:
        assert json.loads(drawn)["nodes"] == [f"a[{key}]"]
    if kind is DiagramFormat.DOT:
        quoted = drawn.splitlines()[2].strip().removesuffix(";")
        assert json.loads(quoted) == f"a[{key}]"


def test_a_mermaid_graph_that_nothing_could_show_is_refused_with_a_way_out(
    expansion: Callable[..., Expansion],
) -> None:
    size = MERMAID_EDGE_LIMIT + 1
    big = expansion({"a": [], "b": ["a"]}, b=list(range(size)))
    with pytest.raises(UsageError) as refused:
        draw_graph(big, DiagramFormat.MERMAID)
    assert refused.value.exit_code == ExitCode.SPEC
    assert str(size) in refused.value.message
    assert "dot" in refused.value.remedy
    assert draw_graph(big, DiagramFormat.DOT).count("->") == size


CLEANED = """
taskspec: 1
name: graph
tasks:
  train: {module: owner/app, version: v1}
  undo: {module: owner/app, version: v1, depends_on: train, run_on: failure}
  tidy: {module: owner/app, version: v1, depends_on: train, run_on: always, when: false}
  next: {module: owner/app, version: v1, depends_on: train, when: "{{ 1 > 0 }}"}
  join: {module: owner/app, version: v1, depends_on: train, partial: continue}
"""


def test_what_a_task_runs_on_is_shown_and_its_edges_are_dashed(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(CLEANED, encoding="utf-8")
    expansion = open_project(Request(path, "spec.yaml", {})).expansion
    assert draw_graph(expansion, DiagramFormat.TEXT).splitlines()[3:] == [
        "  undo  ← train  (on failure)",
        "  tidy  ← train  (always, if false)",
        "  next  ← train  (if {{ 1 > 0 }})",
        "  join  ← train  (with what succeeded)",
    ]
    dot = draw_graph(expansion, DiagramFormat.DOT)
    assert '  "train" -> "undo" [style=dashed];' in dot
    assert '  "train" -> "next";' in dot
    mermaid = draw_graph(expansion, DiagramFormat.MERMAID)
    assert [mermaid.count(arrow) for arrow in (" -.-> ", " --> ")] == [3, 1]
    assert json.loads(draw_graph(expansion, DiagramFormat.JSON))["rules"]["undo"] == "on failure"
