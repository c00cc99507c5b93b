"""fmt: one way to write a spec, and never another meaning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from taskspec.diagnostics import Code, Source
from taskspec.errors import SpecError
from taskspec.fmt import formatting
from taskspec.fmt.formatting import formatted
from taskspec.fmt.order import ROOT, TASK, VARIABLE
from taskspec.fmt.reading import comments_in
from taskspec.specfile.parser import parse_spec
from taskspec.specfile.schema import load_schema
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.specfile.yaml.yaml_reader import read_document
from tests import large_specs

REPOSITORY = Path(__file__).parents[2]
FILES = sorted([*REPOSITORY.glob("examples/**/*.yaml"), *REPOSITORY.glob("tests/cases/**/*.yaml")])
SPECS = [
    *(pytest.param(path.read_bytes(), id=str(path.relative_to(REPOSITORY))) for path in FILES),
    *(
        pytest.param(text.encode(), id=name, marks=pytest.mark.slow)
        for name, text in {**large_specs.ATTACKS, **large_specs.ERRORS}.items()
    ),
]

MESSY = """\
# yaml-language-server: $schema=spec.schema.json
# What this is for.

name:   'demo'
taskspec: 1   # the version


variables:
    lr:  {default: 0.1, type: number}   # the rate
tasks:
    # about a
    a:
        params: {text: "no", number: "3.10", plain: "abc",
            long: [1,2]}
        # the app
        module: "x/y"
        version: 'v1'
    b: {version: v1, module: x/y}
    c:
        module: x/y
        version: v1
        params:
            list:
            - "{{ var.lr }}"   # one
            # between
            - k: 1
              j: 2
            lines: |   # as they are
                first
                  second
# the end
"""
NEAT = """\
# yaml-language-server: $schema=spec.schema.json
# What this is for.

taskspec: 1  # the version
name: demo

variables:
  lr: {type: number, default: 0.1}  # the rate
tasks:
  # about a
  a:
    # the app
    module: x/y
    version: v1
    params: {text: "no", number: "3.10", plain: abc, long: [1, 2]}

  b: {module: x/y, version: v1}

  c:
    module: x/y
    version: v1
    params:
      list:
        - "{{ var.lr }}"  # one
        # between
        - k: 1
          j: 2
      lines: |  # as they are
        first
          second
# the end
"""


def neat(text: str) -> str:
    return formatted("spec.yaml", text.encode())


def test_keys_get_their_order_comments_stay_with_what_they_are_about() -> None:
    assert neat(MESSY) == NEAT


def test_what_is_formatted_stays_as_it_is() -> None:
    assert neat(NEAT) == NEAT


@pytest.mark.parametrize("content", SPECS)
def test_every_spec_here_can_be_formatted_or_has_a_diagnostic(content: bytes) -> None:
    try:
        before = read_document("spec.yaml", content)
    except SpecError:
        with pytest.raises(SpecError):
            formatted("spec.yaml", content)
        return
    text = formatted("spec.yaml", content)
    assert read_document("spec.yaml", text.encode()).data == before.data
    assert sorted(comments_in(Source("", text))) == sorted(comments_in(before.source))
    assert neat(text) == text


@pytest.mark.parametrize("text", [MESSY, *(path.read_text() for path in REPOSITORY.glob("examples/specs/*.yaml"))])
def test_the_spec_that_is_parsed_is_the_same(text: str) -> None:
    nowhere = SourceDocument(Source("", ""), None, (0, 0))
    before, after = (parse_spec("spec.yaml", content.encode())[0] for content in (text, neat(text)))
    assert replace(before, document=nowhere) == replace(after, document=nowhere)
    assert list(before.tasks) == list(after.tasks)


def test_a_result_that_would_mean_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formatting, "write_tree", lambda tree: "a: 2\n")
    with pytest.raises(SpecError) as caught:
        neat("a: 1\n")
    assert "was not changed" in caught.value.diagnostics[0].summary
    monkeypatch.setattr(formatting, "write_tree", lambda tree: "a: 1\n")
    with pytest.raises(SpecError):
        neat("a: 1  # a comment\n")


def test_every_key_has_its_place() -> None:
    schema = load_schema("spec")
    assert set(schema["definitions"]["task"]["properties"]) == set(TASK)
    assert set(schema["definitions"]["variable"]["properties"]) == set(VARIABLE)
    assert set(schema["properties"]) <= set(ROOT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 'x'\n", "a: x\n"),
        ("a: 'no'\n", 'a: "no"\n'),
        ("a: '3.10'\n", 'a: "3.10"\n'),
        ("a: '12'\n", 'a: "12"\n'),
        ("a: ''\n", 'a: ""\n'),
        ("a: 'x: y'\n", 'a: "x: y"\n'),
        ("a: 'x #y'\n", 'a: "x #y"\n'),
        ("a: 'say \"hi\"'\n", 'a: say "hi"\n'),
        ("a: '{{ var[\"x\"] }}'\n", "a: '{{ var[\"x\"] }}'\n"),
        ("a: '- x'\n", 'a: "- x"\n'),
        ("a: '2024-01-01'\n", 'a: "2024-01-01"\n'),
        ("a: '{{ var.x }}'\n", 'a: "{{ var.x }}"\n'),
        ("a: 'data/{{ var.x }}'\n", 'a: "data/{{ var.x }}"\n'),
        ("a: ['x,y', 'z']\n", 'a: ["x,y", z]\n'),
        ("a: 'https://x.y/z'\n", "a: https://x.y/z\n"),
        ("a: two\n  lines\n", "a: two lines\n"),
        ("a:    # why\n  - 1\n", "a:  # why\n  - 1\n"),
        ("a:\n- 1\n# about b\nb: 2\n", "a:\n  - 1\n# about b\nb: 2\n"),
        ("a:\n    b: 1\n    # still a\nc: 2\n", "a:\n  b: 1\n  # still a\nc: 2\n"),
        ("a: 1\n\n\n\nb: 2\n", "a: 1\n\nb: 2\n"),
        ("a: [  ]\nb: { }\nc:\n", "a: []\nb: {}\nc:\n"),
        ("a: &x {k: 1}\nb: *x\n", "a: &x {k: 1}\nb: *x\n"),
        ("a:\n-   - 1\n    - 2\n", "a:\n  - - 1\n    - 2\n"),
        ("a:\n  -   # one\n\n    - 1\n", "a:\n  -  # one\n    - 1\n"),
        ("a:\n  -\n    -\n      # one\n      - 1\n", "a:\n  # one\n  - - - 1\n"),
        ("a: [1, # one\n  2]\n", "a:\n  - 1  # one\n  - 2\n"),
        ("---\na: 1\n...\n", "a: 1\n"),
        ("", ""),
        ("# only this\n", "# only this\n"),
    ],
)
def test_how_things_are_written(before: str, after: str) -> None:
    assert neat(before) == after
    assert neat(after) == after


def test_a_collection_in_brackets_that_is_too_long_becomes_lines() -> None:
    text = "a: [" + ", ".join("word" for _ in range(40)) + "]\n"
    assert neat(text) == "a:\n" + "  - word\n" * 40


def test_keys_are_not_moved_before_an_anchor_they_need() -> None:
    text = "taskspec: 1\ntasks:\n  a: {version: &v v1, module: x/y, title: *v}\n"
    assert neat(text) == text


def test_keys_of_params_keep_the_order_of_the_author() -> None:
    text = "taskspec: 1\ntasks:\n  a:\n    module: x/y\n    version: v1\n    params: {z: 1, a: 2}\n"
    assert neat(text) == text


def test_a_file_that_is_no_spec_only_gets_its_layout() -> None:
    assert neat("tasks:   1\nname: 'x'\n") == "tasks: 1\nname: x\n"


def test_windows_line_ends_stay() -> None:
    assert neat("a:   1\r\n# c\r\nb: |\r\n  x\r\n  y\r\n") == "a: 1\r\n# c\r\nb: |\r\n  x\r\n  y\r\n"


def test_invalid_yaml_is_the_usual_diagnostic() -> None:
    with pytest.raises(SpecError) as caught:
        neat("a: [1\n")
    assert caught.value.diagnostics[0].code is Code.YAML_SYNTAX


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\r"])
def test_a_line_end_that_is_invisible_is_refused(character: str) -> None:
    with pytest.raises(SpecError):
        neat(f"a: 1 # x{character}b: 2\n")
