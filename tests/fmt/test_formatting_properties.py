"""fmt holds for all texts: values and comments stay, and a second time changes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Source
from taskspec.errors import SpecError
from taskspec.fmt.reading import comments_in
from taskspec.fmt.writing import is_plain, quoted
from taskspec.specfile.yaml.yaml_reader import read_document

from .test_formatting import neat

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "no",
        "3.10",
        "0x1F",
        "1e3",
        "~",
        "null",
        "- a",
        "a: b",
        "a #b",
        "=",
        "<<",
        "{{ x }}",
        "'",
        '"',
        "---",
        "...",
        "a:",
        "?",
    ]
)


@given(texts)
def test_a_quoted_text_is_read_as_the_same_text(text: str) -> None:
    for written in (f"a: {quoted(text)}\n", f"a: [{quoted(text, in_line=True)}]\n"):
        data = read_document("x", written.encode()).data
        assert data in ({"a": text}, {"a": [text]})


@given(texts)
def test_a_text_without_quotes_needs_none(text: str) -> None:
    if is_plain(text):
        assert (
            not text.startswith(("-", "?", ":", "{", "[", "&", "*", "!", "|", ">", "@", "`", "#", "%"))
            or text[1:2] != " "
        )


scalars = st.sampled_from(
    [
        "1",
        "1.5",
        "true",
        "null",
        "",
        "abc",
        "'q'",
        '"d"',
        "'no'",
        '"{{ var.x }}"',
        "x y",
        "'it''s'",
        '"a\\nb"',
        "a:b",
        "é",
    ]
)
flows = st.recursive(
    scalars.map(lambda text: text or "x"),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ",  ".join(items) + "]")
        | st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{i}:   {item}" for i, item in enumerate(items)) + "}"
        )
    ),
    max_leaves=5,
)
comments = st.sampled_from(["", "", "", "# one", "#two", "# [three"])
blanks = st.integers(0, 2)


@st.composite
def blocks(draw: st.DrawFn, indent: int = 0, depth: int = 3) -> list[str]:
    """Lines of a map or a list, with comments and blank lines anywhere a person may write them."""
    pad = " " * indent
    is_map = draw(st.booleans()) if indent else True
    lines: list[str] = []
    for index in range(draw(st.integers(1, 3))):
        lines += [""] * draw(blanks)
        if comment := draw(comments):
            lines.append(pad + comment)
        head = f"{pad}k{index}:" if is_map else f"{pad}-"
        beside = draw(comments)
        beside = f"   {beside}" if beside else ""
        kind = draw(st.sampled_from(["scalar", "flow", "literal", "folded", "block"] if depth else ["scalar", "flow"]))
        step = draw(st.integers(2, 4))
        if kind == "block":
            lines += [head + beside, *draw(blocks(indent=indent + step, depth=depth - 1))]
        elif kind in ("literal", "folded"):
            mark = "|" if kind == "literal" else ">"
            body = draw(
                st.lists(st.sampled_from(["text", "# no comment", "", "  deep", "a: b"]), min_size=1, max_size=4)
            )
            lines += [f"{head} {mark}{draw(st.sampled_from(['', '-']))}{beside}", " " * (indent + step) + "first"]
            lines += [" " * (indent + step) + line if line else "" for line in body]
        else:
            lines.append(f"{head} {draw(scalars if kind == 'scalar' else flows)}{beside}")
        if comment := draw(comments):
            lines.append(pad + comment)
    return lines


@given(blocks())
def test_values_and_comments_survive_and_a_second_time_changes_nothing(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    before = read_document("x", text.encode())
    once = neat(text)
    assert read_document("x", once.encode()).data == before.data
    assert sorted(comments_in(Source("", once))) == sorted(comments_in(before.source))
    assert neat(once) == once


PIECES = (
    "a§b: §: §- §\n§\n  §\n    §# c§ # d§{§}§[§]§, §'§\"§|§>§&x §*x§? §!!str §<<§---\n§...\n§%YAML 1.2\n§\t§~§1§\\"
    "§{{ x }}§\r\n§k: v\n§\n- z"
)
pieces = st.lists(st.sampled_from(PIECES.split("§")), max_size=25).map("".join)


@given(pieces)
def test_any_text_is_formatted_for_good_or_has_a_diagnostic(text: str) -> None:
    try:
        once = neat(text)
    except SpecError:
        return
    assert read_document("x", once.encode()).data == read_document("x", text.encode()).data
    assert neat(once) == once
