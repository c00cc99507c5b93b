"""Secrets in values: they spread through expressions, show as marks, and are revealed only where that is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskspec.secrets.sensitive import (  # fmt: skip
    HIDDEN,
    Secrets,
    Sensitive,
    SensitiveTouchedError,
    WithheldError,
    is_sensitive,
    mark_like,
    may_be_the_same,
    reveal,
    to_marks,
)
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.values import Unknown, canonical

PLANTED = "canary7f3a"
PARTS = (
    *("var.token", "var.creds", "var.creds.user", "var.plain", "local.list", "var.number", "var", "local"),
    *(" ~ ", " == ", " != ", " in ", " and ", " or ", " + ", " * ", " < ", " if ", " else ", " is none", " is string"),
    *(" | upper", " | length", " | list", " | first", " | join(',')", " | tojson", " | fromjson", " | int", " | float"),
    *(" | default('x')", " | default('x', true)", " | replace('c', 'd')", " | sort", " | unique | list", " | string"),
    *(" | map('upper') | list", " | select('eq', 'x') | list", " | round", " | abs", " | max", " | sum", " | trim"),
    *("[0]", "[1:4]", "['user']", "[var.token]", ".missing", "{'a': ", "}", "[", "]", "(", ")", "'x'", ", ", "not "),
)  # fmt: skip


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


def scope(secrets: Secrets) -> dict[str, Any]:
    token = secrets.keep("token", PLANTED)
    creds = secrets.keep("creds", {"user": PLANTED, "ports": [1, 2]})
    number = secrets.keep("number", 31337421)
    variables = {"token": token, "creds": creds, "number": number, "plain": "plain"}
    return {"var": variables, "local": {"list": [token, "b"]}}


def shows(value: object) -> bool:
    """Whether any text made of a value gives the secret away, in any case."""
    text = f"{value!r}{json.dumps(to_marks(value), default=repr) if not isinstance(value, Unknown) else ''}".lower()
    return PLANTED in text or "31337421" in text or PLANTED[:6] in text


def outcome(text: str) -> object:
    try:
        return Renderer().render(text, scope(Secrets()))
    except RenderError as error:
        return error.error.message


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=7).map("".join), st.booleans())
def test_whatever_an_expression_does_with_a_secret_nothing_of_it_shows(inner: str, exact: bool) -> None:
    text = "{{ " + inner + " }}" if exact else "a {{ " + inner + " }} b"
    assert not shows(outcome(text))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{{ var.token }}", PLANTED),
        ("Bearer {{ var.token }}", f"Bearer {PLANTED}"),
        ("{{ var.token | upper }}", PLANTED.upper()),
        ("{{ var.creds.user }}", PLANTED),
        ("{{ var.creds['ports'][1] }}", 2),
        ("{{ var.number + 1 }}", 31337422),
        ("{{ var.token is string }}", True),
        ("{{ var.token in 'a text' }}", False),
        ("{{ var.token in [var.plain, var.token] }}", True),
        ("{{ 'y7' not in var.token }}", False),
        ("{{ 'yes' if var.token == 'x' else 'no' }}", "no"),
        ("{{ local.list | join('-') }}", f"{PLANTED}-b"),
        ("{{ var | tojson }}", canonical(reveal({**scope(Secrets())["var"]}))),
        ("{{ {var.token: 1} }}", {PLANTED: 1}),
        ("{{ var.token[1:3] }}", "an"),
    ],
)
def test_what_is_made_of_a_secret_is_sensitive_and_right(text: str, plain: object) -> None:
    value = Renderer().render(text, scope(Secrets()))
    assert isinstance(value, Sensitive)
    assert reveal(value) == plain


def test_a_list_keeps_its_shape_around_a_secret(secrets: Secrets) -> None:
    value = Renderer().render(["{{ [var.token, 1] }}", {"k": "{{ local.list }}"}], scope(secrets))
    assert [type(value[0][0]), value[0][1], value[1]["k"][1]] == [Sensitive, 1, "b"]
    assert reveal(value) == [[PLANTED, 1], {"k": [PLANTED, "b"]}]


def test_what_touches_no_secret_is_not_sensitive(secrets: Secrets) -> None:
    assert Renderer().render("{{ var.plain ~ '!' }} {{ var.plain }}", scope(secrets)) == "plain! plain"


def test_a_mark_changes_with_the_secret_with_the_salt_and_with_nothing_else(secrets: Secrets) -> None:
    def mark(secret: str, salt: str, text: str = "{{ var.t }}") -> str:
        keeper = Secrets()
        keeper.salt = salt
        value = Renderer().render(text, {"var": {"t": keeper.keep("t", secret)}})
        assert isinstance(value, Sensitive)
        return value.mark

    assert mark("one", "a") == mark("one", "a")
    assert len({mark("one", "a"), mark("two", "a"), mark("one", "b"), mark("one", "a", "x{{ var.t }}")}) == 4
    assert "one" not in mark("one", "a")


def test_a_secret_has_no_text_no_json_and_no_truth(secrets: Secrets) -> None:
    token = secrets.keep("token", PLANTED)
    assert repr([token]) == f"[{HIDDEN}]"
    for touch in (str, bool, len, hash, list, lambda value: f"{value}", lambda value: value == PLANTED):
        with pytest.raises(SensitiveTouchedError):
            touch(token)
    with pytest.raises(TypeError):
        json.dumps(token)


@pytest.mark.parametrize(
    "written", [PLANTED, json.dumps('a"b\\c7f3a'), "a%22b%5Cc7f3a", 'a"b\\c7f3a', "Y2FuYXJ5N2YzYQ=="]
)
def test_a_known_secret_is_found_however_it_is_spelt(secrets: Secrets, written: str) -> None:
    secrets.know(PLANTED)
    secrets.know('a"b\\c7f3a')
    assert "7f3a" not in secrets.redact(f"x {written} y")
    assert HIDDEN in secrets.redact(written)


def test_each_line_of_a_long_secret_is_hidden(secrets: Secrets) -> None:
    secrets.know("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----\n")
    assert secrets.redact("log: MIIEvQIBADANBgkq") == f"log: {HIDDEN}"


def test_a_text_too_short_to_be_distinguished_from_others_is_left(secrets: Secrets) -> None:
    secrets.know("1")
    assert secrets.redact("launch 1 of 11") == "launch 1 of 11"


def test_a_value_from_outside_that_gives_a_secret_away_becomes_sensitive(secrets: Secrets) -> None:
    secrets.keep("token", PLANTED)
    noticed = secrets.mark_known_secrets({"echo": f"<{PLANTED}>", "n": [1, "fine"]})
    assert noticed["n"] == [1, "fine"]
    assert reveal(noticed["echo"]) == f"<{PLANTED}>"


def test_a_mark_from_the_record_is_a_secret_without_its_content(secrets: Secrets) -> None:
    mark = secrets.keep("token", PLANTED).mark
    known = secrets.recorded({"a": mark, "b": ["plain"]})
    assert to_marks(known) == {"a": mark, "b": ["plain"]}
    with pytest.raises(WithheldError):
        reveal(known)
    made = Renderer().render("x {{ var.a }}", {"var": known})
    assert to_marks(made) == HIDDEN
    assert may_be_the_same(mark, to_marks(made))
    assert not may_be_the_same(mark, "x")
    assert not may_be_the_same(HIDDEN, Unknown("tasks.a.results.id"))
    assert not may_be_the_same(mark, secrets.keep("other", "another").mark)


def test_a_launch_made_by_hand_compares_without_being_seen(secrets: Secrets) -> None:
    model = {"a": secrets.keep("token", PLANTED), "b": 1, "c": [secrets.keep_unresolved("x")]}
    assert mark_like({"a": PLANTED, "b": 1}, model)["a"] == to_marks(model)["a"]
    other = mark_like({"a": "another7f", "b": 2, "c": [5]}, model)
    assert other["a"] != to_marks(model)["a"]
    assert not is_sensitive(other)
    assert "another7f" not in json.dumps(other)
