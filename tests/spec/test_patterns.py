"""Patterns match what Python's own engine matches, and never take longer than their size allows."""

from __future__ import annotations

import re
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskspec.spec.matching import Matcher
from taskspec.spec.patterns import PatternError

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
    ],
)
def test_patterns_people_write(pattern: str, fits: str, fails: str) -> None:
    assert Matcher().matches(pattern, fits)
    assert not Matcher().matches(pattern, fails)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=a)a", "looks ahead"),
        ("(?!b)a", "looks ahead"),
        ("(?<=a)b", "looks behind"),
        (r"(a)\1", "refers to a group"),
        ("(?P<x>a)(?P=x)", "refers to a group"),
        ("(?>a+)b", "give back"),
        ("[a-z", "cannot be read"),
        ("a" * 1001, "1,000"),
        ("((a{100}){100}){100}", "10,000"),
    ],
)
def test_what_would_need_a_search_is_refused_by_name(pattern: str, why: str) -> None:
    with pytest.raises(PatternError, match=re.escape(why)):
        Matcher().matches(pattern, "aaa")


@pytest.mark.parametrize("pattern", ["(a+)+", "(a|a)*", "(a*)*b", "(a|aa)+$", "(.*)*x", "(a?){50}a{50}"])
def test_patterns_that_explode_elsewhere_take_few_steps(pattern: str) -> None:
    matcher = Matcher()
    assert not matcher.matches(pattern, "a" * 5000 + "!")
    assert matcher.steps > 0


def test_all_patterns_of_a_spec_share_their_steps() -> None:
    matcher = Matcher(steps=1_000)
    assert matcher.matches("(a|b)*", "ab" * 20)
    matcher.spend(matcher.steps)
    with pytest.raises(PatternError, match="steps in all"):
        matcher.matches("(a|b)*", "ab" * 20)
