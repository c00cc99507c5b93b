"""The reader: plain values, exact places, every problem at once, and no document that costs more than its size."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from taskspec.diagnostics import Code, Diagnostic
from taskspec.errors import SpecError
from taskspec.specfile.yaml import yaml_reader
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.specfile.yaml.yaml_reader import read_document


def read(text: str | bytes) -> SourceDocument:
    return read_document("spec.yaml", text if isinstance(text, bytes) else text.encode())


def problems(text: str | bytes) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as error:
        read(text)
    return error.value.diagnostics


def places(text: str) -> list[tuple[Code, str]]:
    return [(p.code, f"{p.span.line}:{p.span.column}" if p.span else "") for p in problems(text)]


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    found = [(path, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths(item, (*path, key))
    return found


def _unlike_a_number(text: str) -> str:
    """PyYAML leaves `08` and `1e3` without quotes, where we read no text."""
    return "x" + text if text[:1] in tuple("+-.0123456789") else text


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=12).map(
    _unlike_a_number
) | st.sampled_from(["no", "3.10", "a: b", "# x", "- y", "é😀", "two\nlines\n", " padded ", "a\tb"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | TEXTS
    | st.sampled_from([0.5, -1.25, 1e-7, 2.5e22])
)
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), min_size=1, max_size=8).filter(
    lambda key: key != "<<"
) | st.sampled_from(["a", "b", "😀", "with space"])
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
STYLES = st.fixed_dictionaries(
    {"default_flow_style": st.sampled_from([None, True, False]), "allow_unicode": st.booleans()}
    | {
        "indent": st.sampled_from([2, 4]),
        "width": st.sampled_from([20, 80]),
        "line_break": st.sampled_from(["\n", "\r\n"]),
    }
)


@settings(max_examples=300)
@given(TREES, STYLES)
def test_the_text_at_every_place_reads_as_the_value_at_that_place(tree: Any, style: dict[str, Any]) -> None:
    document = read(yaml.safe_dump(tree, sort_keys=False, **style).encode())
    assert document.data == tree
    for path, value in paths(tree):
        assert document.has(path)
        span = document.span(path)
        written = " " * (span.column - 1) + document.source.text[span.start : span.end]
        assert read(written).data == value
        if path and isinstance(path[-1], str):
            key = document.span(path, key=True)
            assert read(f"? {document.source.text[key.start : key.end]}\n: 1\n").data == {path[-1]: 1}


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("a: 1\nb:\n  c: [x, yy]\n", ("b", "c", 1), "3:10"),
        ("a: 1\r\nb: 2\r\n", ("b",), "2:4"),
        ("😀: {é: 1}\n", ("😀", "é"), "1:8"),
        ("\ufeffa: 1\n", ("a",), "1:4"),
        ("a: &x 1\nb: *x\n", ("b",), "2:4"),
        ("a: 1\n", ("a", "missing", 3), "1:4"),
        ("a: 1\n", ("missing",), "1:1"),
        ("a:\n", ("a",), "1:3"),
    ],
)
def test_a_place_is_that_of_the_value_or_of_its_nearest_ancestor(text: str, path: tuple[Any, ...], place: str) -> None:
    span = read(text).span(path)
    assert f"{span.line}:{span.column}" == place


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "a: 1\nb: no\na: 2\nc: !!str x\n",
            [(Code.YAML_AMBIGUOUS, "2:4"), (Code.YAML_DUPLICATE_KEY, "3:1"), (Code.YAML_FORBIDDEN, "4:4")],
        ),
        ("a: {b: 1, b: 2, b: 3}\n", [(Code.YAML_DUPLICATE_KEY, "1:11"), (Code.YAML_DUPLICATE_KEY, "1:17")]),
        (
            "- 010\n- [3.10, {x: 2024-01-01}]\n",
            [(Code.YAML_AMBIGUOUS, "1:3"), (Code.YAML_AMBIGUOUS, "2:4"), (Code.YAML_AMBIGUOUS, "2:14")],
        ),
        ("a: no\nb: [\n", [(Code.YAML_AMBIGUOUS, "1:4"), (Code.YAML_SYNTAX, "2:5")]),
        ("x: {{ var.lr }}\n", [(Code.YAML_FORBIDDEN, "1:5")]),
    ],
)
def test_every_problem_is_reported_at_its_place(text: str, found: list[tuple[Code, str]]) -> None:
    assert [(code, place) for code, place in places(text) if code is not Code.YAML_SYNTAX or place] == found


def test_a_template_without_quotes_is_asked_to_take_them() -> None:
    (problem,) = problems("lr: {{ var.lr }}\n")
    assert problem.summary == "a template must stand in quotes"


@pytest.mark.parametrize("quoted", ['"no"', "'3.10'", '"2024-01-01"', "|\n  010", ">-\n  12:30", "! 12"])
def test_quoted_is_text_whatever_it_looks_like(quoted: str) -> None:
    value = read(f"a: {quoted}\n").data["a"]
    assert isinstance(value, str)
    assert value.strip() in quoted


def test_a_duplicate_keeps_the_first_value_and_names_its_line() -> None:
    (problem,) = problems("a: 1\nb: 2\na: 3\n")
    assert problem.summary == 'key "a" is there twice; the first is on line 1'


def test_an_alias_is_the_same_value_with_a_place_of_its_own() -> None:
    document = read("a: &list [1, 2]\nb: *list\n")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.span(("b",)).line == 2


def test_aliases_count_in_full_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "NODE_LIMIT", 1000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 5)]
    assert {p.code for p in problems("\n".join(lines))} == {Code.YAML_LIMIT}
    assert read("\n".join(lines[:2])).data["a1"][9] == ["x"] * 10


@pytest.mark.parametrize(
    ("depth", "fits"), [(yaml_reader.DEPTH_LIMIT, True), (yaml_reader.DEPTH_LIMIT + 1, False), (100_000, False)]
)
@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_nesting_ends_at_the_limit_and_never_in_a_recursion(depth: int, fits: bool, bracket: str) -> None:
    text = "[" * depth + "]" * depth if bracket == "[]" else "{a: " * depth + "}" * depth
    if fits:
        read(text)
    else:
        assert problems(text)[0].code is Code.YAML_LIMIT


def test_size_is_limited_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "SIZE_LIMIT", 1024)
    assert problems(b"a" * 1025)[0].code is Code.YAML_LIMIT


@settings(max_examples=500)
@given(st.binary(max_size=64) | st.text("[]{}:,-?&*!|>'\"%@`#<= \n\tab1.~\x00\x85\ufeff", max_size=40).map(str.encode))
def test_any_bytes_are_a_document_or_diagnostics(content: bytes) -> None:
    found: tuple[object, ...] = ()
    try:
        found = (read_document("spec.yaml", content),)
    except SpecError as error:
        found = error.diagnostics
    assert found
