from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.api.address import is_loopback, normalise
from taskspec.errors import UsageError


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("app.supervisely.com", "http://app.supervisely.com"),
        ("https://app.supervisely.com/", "https://app.supervisely.com"),
        ("http://h/sub/", "http://h/sub"),
        ("/host:8000//", "http://host:8000"),
        (" https://h ", "https://h"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_address_has_one_spelling(given_: str, expected: str) -> None:
    assert normalise(given_) == expected


@pytest.mark.parametrize(
    "wrong",
    ["", "  ", "///", "http://", "http://:80", "http://h:port", "http://h:99999", "http://me:secret@h", "http://[::1"],
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        normalise(wrong)
    assert "secret" not in str(caught.value)


@given(st.from_regex(r"(https?://)?[a-z]{1,9}(\.[a-z]{2,5})?(:[1-9][0-9]{1,3})?(/[a-z]+){0,2}/?", fullmatch=True))
def test_normalising_twice_changes_nothing(address: str) -> None:
    assert normalise(normalise(address)) == normalise(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1", False),
        ("https://localhost.example.com", False),
        ("https://app.supervisely.com", False),
    ],
)
def test_loopback_is_read_from_the_text(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
