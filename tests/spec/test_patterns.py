"""A pattern matches what it matches in Python, or is refused with a reason; never does it take for ever."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from taskspec.spec.matching import Matcher
from taskspec.spec.patterns import PatternError, parse_pattern

PARTS = (
    *(
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        "[]a]",
        "[^]]",
        r"\d",
        r"\w",
        r"\b",
        r"\B",
        "^",
        "$",
        r"\Z",
        r"\A",
        "-",
        "]",
        r"\.",
    ),
    *("(", "(?:", "(?P<n>", "(?s:", "(?i)", ")", "|", "*", "+", "?", "*?", "{2}", "{1,2}", "{,2}", "{1}", "{1}?"),
    *("{", "}", "{a}", r"\n", r"\x61", r"\101", "A", "é"),
)
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
@given(st.lists(st.sampled_from(PARTS), max_size=9).map("".join), TEXTS)
@example(r"(a|ab)(c|bcd)(d*)", "abcd")
@example(r"a$", "a\n")
@example(r"a$\n", "a\n")
@example(r"(a*)*b", "aab")
@example(r"\B", "")
@example(r"a{1}{2}", "aa")
@example(r"(?i)É+", "éÉ")
def test_it_matches_what_python_matches(pattern: str, text: str) -> None:
    expected = bool(readable(pattern).fullmatch(text))
    try:
        found = Matcher().matches(pattern, text)
    except PatternError:
        return
    assert found == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)a", "looks ahead"),
        ("(?!b)a", "looks ahead"),
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
        ("[a-z", "cannot be read: unterminated character set"),
        ("a{99999999999999}", "cannot be read: the repetition number is too large"),
        ("((a{1,1000}){1,1000}){1,1000}", "more than 10,000 parts"),
        ("a" * 1001, "has 1,001 characters, and may have 1,000"),
        ("(" * 400 + ")" * 400, "nested"),
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
