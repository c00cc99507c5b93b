"""Texts that are hidden in other texts: in every spelling, at a cut, one of a few or of thousands."""

from __future__ import annotations

import base64
import html
import json
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.secrets.redaction import HIDDEN, SHORTEST_FOUND, HiddenTexts

SECRET = "7f3a-canary'\"\\é <b>&/+?"
SPELLINGS: dict[str, Callable[[str], str]] = {
    "text": str,
    "JSON": json.dumps,
    "JSON with every letter": lambda text: json.dumps(text, ensure_ascii=False),
    "Python": repr,
    "HTML": html.escape,
    "an address": lambda text: quote(text, safe=""),
    "an address in small letters": lambda text: quote(text, safe="").replace("%C3%A9", "%c3%a9").lower(),
    "a path": quote,
    "a form": quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of user and password": lambda text: base64.b64encode(f"user:{text}@".encode()).decode(),
}
WORD = st.text(string.ascii_letters + string.digits + "-_/+= ", min_size=SHORTEST_FOUND, max_size=30)


def hiding(*texts: str) -> HiddenTexts:
    hidden = HiddenTexts()
    for text in texts:
        hidden.add(text)
    return hidden


def crowded(*texts: str) -> HiddenTexts:
    """Among so many others that no pattern is made of them."""
    return hiding(*texts, *(f"another-secret-{number}-{number:x}" for number in range(100)))


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=list(SPELLINGS))
@pytest.mark.parametrize("hide", [hiding, crowded])
def test_a_secret_is_found_however_it_is_spelt(spell: Callable[[str], str], hide: Callable[[str], HiddenTexts]) -> None:
    secret = SECRET.lower()
    shown = hide(secret).hide(f"before {spell(secret)} after")
    assert HIDDEN in shown
    assert spell(secret) not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@given(st.lists(WORD, min_size=1, max_size=5), st.text(max_size=20), st.text(max_size=20))
def test_few_and_many_hide_alike(secrets: list[str], before: str, after: str) -> None:
    text = before + after.join(secrets)
    for hide in (hiding, crowded):
        shown = hide(*secrets).hide(text)
        assert not [secret for secret in secrets if secret in shown.replace(HIDDEN, "")]


@given(WORD, st.integers(SHORTEST_FOUND, 40))
def test_what_is_left_of_a_secret_before_a_cut_is_hidden(secret: str, kept: int) -> None:
    assert hiding(secret).hide(f"<{secret[:kept]}… (see the log)") == f"<{HIDDEN}… (see the log)"


@given(WORD, st.integers(SHORTEST_FOUND, 40))
def test_what_is_left_of_a_secret_at_the_start_of_a_tail_is_hidden(secret: str, kept: int) -> None:
    assert hiding(secret).redact_start(f"{secret[-kept:]}\nnext") == f"{HIDDEN}\nnext"


def test_a_tail_that_begins_with_something_else_is_left_alone() -> None:
    assert hiding(SECRET).redact_start("done\n") == "done\n"


def test_a_short_text_hides_nothing() -> None:
    assert hiding("abcde").hide("abcde…") == "abcde…"
