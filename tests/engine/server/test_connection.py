"""The name of a server, and the server that a command works with."""

from __future__ import annotations

import pytest

from taskspec.api import Credentials
from taskspec.engine.server.connection import Server, choose_server, server_label


def server_at(address: str) -> Server:
    return choose_server(Credentials(address, "t", insecure=True), {}, lambda: Credentials("localhost", "t"))


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("app.example.com", "app.example.com"),
        ("app.example.com:8080/sub/", "app.example.com_8080_sub"),
        ("10.0.0.1", "10.0.0.1"),
        ("localhost:8000", "localhost_8000"),
        ("[::1]:8000", "1_8000"),
    ],
)
def test_a_host_has_one_label_whatever_its_scheme(address: str, label: str) -> None:
    """The label names the file of the state, so that it stays when the scheme changes."""
    spellings = (address, f"http://{address}", f"https://{address}")
    assert {server_at(spelling).label for spelling in spellings} == {label}
    assert server_label(address) == server_label(f"HTTPS://{address}") == label


def test_the_client_of_a_server_has_the_leave_of_its_credentials() -> None:
    server = server_at("http://10.0.0.1")
    assert server.api.server_address == "http://10.0.0.1"
    server.close()
