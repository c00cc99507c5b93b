from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.api.address import is_loopback, normalise
from taskspec.errors import UsageError


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("app.supervisely.com", "https://app.supervisely.com"),
        ("app.supervisely.com:8443/sub", "https://app.supervisely.com:8443/sub"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("https://app.supervisely.com/", "https://app.supervisely.com"),
        ("HTTPS://App.example.com", "https://App.example.com"),
        ("/host:8000//", "https://host:8000"),
        (" https://h ", "https://h"),
        ("https://127.0.0.1:1", "https://127.0.0.1:1"),
        ("localhost:8000", "http://localhost:8000"),
        ("localhost", "http://localhost"),
        ("LocalHost:8000/sub/", "http://LocalHost:8000/sub"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("127.9.9.9", "http://127.9.9.9"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://localhost:1/sub/", "http://localhost:1/sub"),
    ],
)
def test_an_address_has_one_spelling(given_: str, expected: str) -> None:
    assert normalise(given_) == expected
    assert normalise(given_, insecure=True) == expected


PLAIN = [
    "http://app.example.com",
    "HTTP://app.example.com:8080/sub",
    "ht\ntp://app.example.com",
    "\x01http://app.example.com",
    "http://10.0.0.1",
    "http://0.0.0.0:1",
    "http://[fe80::1]",
    "http://localhost.example.com",
    "http://127.0.0.1.example.com",
    "http://app.example.com/localhost",
    "http://app.example.com?localhost",
    # urllib3 ends the host at the backslash.
    "http://app.example.com\\.localhost",
    # A resolver may ask the network for it.
    "http://app.localhost",
]


@pytest.mark.parametrize("address", PLAIN)
def test_http_to_another_machine_is_refused_and_the_way_out_is_named(address: str) -> None:
    with pytest.raises(UsageError, match="without encryption") as caught:
        normalise(address)
    assert all(way in caught.value.remedy for way in ("https://", "--insecure", "TASKSPEC_INSECURE=1", "insecure=True"))


def test_http_to_another_machine_can_be_allowed() -> None:
    assert normalise("http://app.example.com/sub/", insecure=True) == "http://app.example.com/sub"
    assert normalise("HTTP://10.0.0.1:80", insecure=True) == "http://10.0.0.1:80"


@pytest.mark.parametrize(
    "wrong",
    [
        "", "  ", "///", "http://", "HTTP://", "http://:80", "http://h:port", "http://h:99999", "http://me:secret@h",
        "http://me:secret@localhost", "http://[::1", "[::1", "ftp://h", "://h", "https://https://h", "https:/h",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(wrong: str) -> None:
    for insecure in (False, True):
        with pytest.raises(UsageError) as caught:
            normalise(wrong, insecure=insecure)
        assert "secret" not in str(caught.value)
        assert "encryption" not in str(caught.value)


@given(st.from_regex(r"(https?://)?[a-z]{1,9}(\.[a-z]{2,5})?(:[1-9][0-9]{1,3})?(/[a-z]+){0,2}/?", fullmatch=True))
def test_normalising_twice_changes_nothing(address: str) -> None:
    once = normalise(address, insecure=True)
    assert normalise(once, insecure=True) == once


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://10.0.0.1", False),
        ("http://app.localhost", False),
        ("https://localhost.example.com", False),
        ("https://app.supervisely.com", False),
    ],
)
def test_loopback_is_read_from_the_text(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
