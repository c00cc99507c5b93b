"""A pattern matches what it matches in Python, or is refused with a reason; never does it take for ever."""

from __future__ import annotations

import re
import warnings
from typing import Any
from zlib import crc32

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from taskspec.specfile.pattern_matcher import Matcher, PatternError, parse_pattern

ALPHABET = "abAB01_-. \n\té"
ATOMS = st.sampled_from([
    "a", "b", "A", "0", "_", "-", r"\.", ".", "[ab]", "[^ab]", "[a-c0-2]", r"[\w-]", r"[^\d]",
    r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "é", r"\x61", r"\t",
    "^", "$", r"\A", r"\Z", r"\b", r"\B", "(?:)", "",
])  # fmt: skip
TIMES = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{1,}", "{0}", "{1,2}?"])
HEADS = st.sampled_from(["", "", "", "(?i)", "(?s)", "(?is)"])


def _grown(inner: Any) -> Any:
    groups = st.tuples(st.sampled_from(["(", "(?:", "(?P<n{}>", "(?i:"]), inner, TIMES)
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        groups.map(lambda parts: f"{parts[0].replace('n{}', f'n{crc32(parts[1].encode())}')}{parts[1]}){parts[2]}"),
    )


PATTERNS = st.tuples(HEADS, st.recursive(ATOMS, _grown, max_leaves=8)).map("".join)


def expected(pattern: str, text: str) -> bool | None:
    """What Python says; None where it cannot read the pattern."""
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return None


@settings(max_examples=600, deadline=None)
@given(PATTERNS, st.lists(st.text(ALPHABET, max_size=8), min_size=1, max_size=6))
def test_a_pattern_means_what_it_means_in_python(pattern: str, texts: list[str]) -> None:
    for text in texts:
        wanted = expected(pattern, text)
        if wanted is None:
            with pytest.raises(PatternError):
                Matcher().matches(pattern, text)
        else:
            assert Matcher().matches(pattern, text) is wanted


SOUP = [
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    "[]a]",
    "[^]]",
    "\\d",
    "\\w",
    "\\b",
    "\\B",
    "^",
    "$",
    "\\Z",
    "\\A",
    "-",
    "]",
    "\\.",
    "(",
    "(?:",
    "(?P<n>",
    "(?s:",
    "(?i)",
    ")",
    "|",
    "*",
    "+",
    "?",
    "*?",
    "{2}",
    "{1,2}",
    "{,2}",
    "{1}",
    "{1}?",
    "{",
    "}",
    "{a}",
    "\\n",
    "\\x61",
    "\\101",
    "A",
    "é",
]
TEXTS = st.text(alphabet="abAé1 \n_.-]{}", max_size=6)


def readable(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern)
        except re.error:
            assume(False)
            raise


@settings(max_examples=500)
@given(st.lists(st.sampled_from(SOUP), max_size=9).map("".join), TEXTS)
@example(r"(a|ab)(c|bcd)(d*)", "abcd")
@example(r"a$", "a\n")
@example(r"a$\n", "a\n")
@example(r"(a*)*b", "aab")
@example(r"\B", "")
@example(r"a{1}{2}", "aa")
@example(r"(?i)É+", "éÉ")
def test_a_soup_of_signs_matches_what_it_matches_in_python_or_is_refused(pattern: str, text: str) -> None:
    expected = bool(readable(pattern).fullmatch(text))
    try:
        found = Matcher().matches(pattern, text)
    except PatternError:
        return
    assert found == expected


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        (r"[a-z][a-z0-9-]{0,62}", "my-project-1", "1-project"),
        (r"v\d+\.\d+\.\d+(-rc\d+)?", "v1.20.3-rc1", "v1.20"),
        (r"(train|val)_(\d{3})", "val_007", "test_007"),
        (r"https?://[^/\s]+(/.*)?", "https://app.example.com/a b", "ftp://x"),
        (r"(?i)gpu-(a|h)100", "GPU-H100", "gpu-v100"),
        (r"\w+@\w+(\.\w+)+", "someone@example.org", "someone@example"),
        (r"[^\x00-\x1f]*", "naïve ☃", "a\x07"),
        (r"[(?#]+", "(?#", ")"),
        ("((" * 25 + "a" + ")*|b)c" * 25, "c" * 25, "a"),
    ],
)
def test_patterns_people_write(pattern: str, fits: str, fails: str) -> None:
    assert Matcher().matches(pattern, fits)
    assert not Matcher().matches(pattern, fails)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)a", "looks ahead"),
        ("(?!b)a", "looks ahead"),
        ("(?!)a", "looks ahead"),
        ("(?<=a)a", "looks behind"),
        ("(?<!b)a", "looks behind"),
        (r"(a)\1", "refers to a group"),
        ("(?P<n>a)(?P=n)", "refers to a group"),
        ("(a)?(?(1)b|c)", "refers to a group"),
        ("(?>a*)", "does not give back"),
        ("a*+", "does not give back"),
        ("a{1}+", "does not give back"),
        ("(?m)^a", "flags other than i and s"),
        ("a(?#x)*", "comment"),
        (r"\\(?#x)a", "comment"),
        ("[a-z", "cannot be read: unterminated character set"),
        ("a{99999999999999}", "cannot be read: the repetition number is too large"),
        ("((a{1,1000}){1,1000}){1,1000}", "more than 10,000 parts"),
        ("(?:){4000000000}", "more than 10,000 parts"),
        ("((?:){60000}){60000}", "more than 10,000 parts"),
        ("a" * 1001, "has 1,001 characters, and may have 1,000"),
        ("(" * 400 + ")" * 400, "nested"),
        ("(?:" * 51 + "a" + ")*" * 51, "nested deeper than 50"),
        ("(?:" * 51 + "a" + "|bc)d" * 51, "nested deeper than 50"),
    ],
)
def test_what_would_need_a_search_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError, match=reason):
        parse_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a|a)*$", "a" * 5_000 + "!"),
        ("(.*)*x", "a" * 5_000),
        ("(a+)+$", "a" * 5_000 + "!"),
        ("(a?){40}a{40}b", "a" * 40),
        ("a*a*a*a*a*a*a*a*a*b", "a" * 5_000),
        (r"(\w+\s?)*:", "word " * 1_000),
    ],
)
def test_patterns_that_take_for_ever_elsewhere_take_few_steps(pattern: str, text: str) -> None:
    matcher = Matcher(steps=10 * len(text) + 10_000)
    assert not matcher.matches(pattern, text)


def test_steps_are_counted_over_all_patterns_of_a_matcher() -> None:
    matcher = Matcher(steps=2_500)
    assert matcher.matches("a*", "a" * 1_000)
    assert matcher.matches("b*", "b" * 1_000)
    with pytest.raises(PatternError, match="steps in all"):
        matcher.matches("c*", "c" * 1_000)
