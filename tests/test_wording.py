"""Texts and lists in messages are bounded."""

from __future__ import annotations

import pytest

from taskspec.wording import listing, shorten


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("abcde", "abcde"), ("abcdef", "abcd…")])
def test_a_text_is_cut_to_the_limit(text: str, shown: str) -> None:
    assert shorten(text, 5) == shown


@pytest.mark.parametrize(("items", "shown"), [((), ""), (("a", "b"), "a, b"), (("a", "b", 3), "a, b, … (1 more)")])
def test_a_listing_names_the_first_items_and_counts_the_others(items: tuple[object, ...], shown: str) -> None:
    assert listing(items, 2) == shown
