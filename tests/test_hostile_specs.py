"""Opening a spec of any bytes gives a project or diagnostics, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from taskspec.errors import SpecError, UsageError
from taskspec.operations.project import Request, open_project
from taskspec.view.diagnostic import draw_all
from taskspec.view.terminal_text import Paint

VALID = """\
taskspec: 1
name: lemons
variables:
  project_id: {type: integer, default: 42}
  lr: {type: number, default: 0.001, minimum: 0}
  models: {default: [yolo, detr]}
locals:
  run_name: "lemons lr={{ var.lr }}"
  sizes: {a: "{{ var.lr * 2 }}", b: [1, 2]}
defaults:
  workspace: 7
  params: {seed: 1}
tasks:
  prepare:
    module: acme/prepare
    version: v1.0.0
    target: {images_project: "{{ var.project_id }}"}
    results: {rows: "{{ launch.output.rows }}"}
  train:
    module: ./apps/train
    for_each: "{{ var.models }}"
    params: {model: "{{ each.value }}", rows: "{{ tasks.prepare.results.rows | default(0) }}"}
    results: {map: 0.5}
    checks: [{assert: "{{ results.map > 0.1 }}", message: "map is {{ results.map }}"}]
    outputs: {text: {title: "{{ local.run_name }}"}, error: {title: "{{ failure.summary }}"}}
  report:
    module: 12
    branch: dev
    for_each: "{{ var.models }}"
    depends_on: [prepare]
    params: {map: "{{ tasks.train[each.key].results.map }}", all: "{{ tasks.train | map(attribute='id') | list }}"}
results:
  maps: "{{ tasks.train | map(attribute='results.map') | list }}"
"""
FRAGMENTS = (
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "[",
        "]",
        "{",
        "}",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "'",
        '"',
        "|",
        ">",
        "&a ",
        "*a",
    ),
    *(
        "!!",
        "<<: ",
        "? ",
        "---",
        "...",
        "%",
        "@",
        "`",
        "\x00",
        "\x85",
        "\u2028",
        "\ufeff",
        "é",
        "😀",
        "~",
        "null",
        "no",
        "1.10",
    ),
    *(
        "tasks",
        "train",
        "each.key",
        "var.",
        "local.",
        "tasks.train",
        "['a']",
        "[0]",
        "| length",
        "__class__",
        "10**9",
        "()",
    ),
    *("taskspec: 2", "for_each:", "module:", "version:", "params:", "branch:", "depends_on:", "results:", "title:"),
)
PLACES = st.integers(0, len(VALID))
EDITS = st.one_of(
    st.tuples(PLACES, st.integers(0, 12), st.sampled_from(FRAGMENTS)),
    st.tuples(PLACES, st.integers(0, 40), st.just("")),
    st.tuples(PLACES, st.just(0), st.text(max_size=5)),
)


def edited(edits: list[tuple[int, int, str]]) -> str:
    text = VALID
    for place, removed, inserted in edits:
        text = text[:place] + inserted + text[place + removed :]
    return text


@pytest.fixture(scope="module")
def spec_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("specs") / "spec.yaml"


def opens_or_explains(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    request = Request(path, "spec.yaml", {})
    for required in (True, False):
        explanation = "it opens"
        try:
            open_project(request, variables_required=required)
        except SpecError as error:
            explanation = draw_all(error.diagnostics, Paint())
        except UsageError as error:
            explanation = error.message
        assert explanation.encode()


def test_the_spec_that_is_mutated_is_valid(spec_path: Path) -> None:
    spec_path.write_text(VALID)
    assert len(open_project(Request(spec_path, "spec.yaml", {})).expansion.instances) == 5


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
def test_any_bytes_give_diagnostics(spec_path: Path, content: bytes) -> None:
    opens_or_explains(spec_path, content)


@settings(max_examples=300)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_any_mutation_of_a_spec_opens_or_gives_diagnostics(spec_path: Path, edits: list[tuple[int, int, str]]) -> None:
    opens_or_explains(spec_path, edited(edits).encode("utf-8", "replace"))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(FRAGMENTS),
)
EXPRESSIONS = st.lists(
    st.sampled_from(
        (
            *"abc123.[]()'\"+-*/%~|<>=!,:{} ",
            "var.lr",
            "local.run_name",
            "tasks.prepare",
            "tasks.train",
            "each.key",
            " and ",
            " | map(attribute='id')",
            " | list",
            " | tojson",
            " | join(',')",
            " is none",
            " in ",
            " if ",
            " else ",
            "not ",
            "-",
        )
    ),
    max_size=12,
).map(lambda parts: "{{ " + "".join(parts) + " }}")


@settings(max_examples=300)
@given(EXPRESSIONS)
@example("{{ - - - 1 }}")
def test_any_expression_opens_or_gives_diagnostics(spec_path: Path, expression: str) -> None:
    quoted = "'" + expression.replace("'", "''") + "'"
    text = VALID.replace('"lemons lr={{ var.lr }}"', quoted).replace('"{{ each.value }}"', quoted)
    opens_or_explains(spec_path, text.encode())


@settings(max_examples=200)
@given(st.sampled_from(VALID.split()), st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4))
def test_a_value_of_any_type_anywhere_gives_diagnostics(spec_path: Path, word: str, value: object) -> None:
    opens_or_explains(spec_path, VALID.replace(word, repr(value), 1).encode("utf-8", "replace"))
