"""A token leaves this machine over http only when the user allows it: --insecure, TASKSPEC_INSECURE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.recorder import Recorder

from .conftest import Command

TOKEN = "5e1d-hidden-of-a-server-9b07"
REMOTE = "tasks: {a: {module: acme/far, version: v1.0.0, workspace: 1}}"
SENDING = ["plan", "apply -y"]
COMMANDS = [
    *SENDING, "validate", "plan --offline", "status", "results", "runs", "stop", "logs {} a", "explain {} a",
    "state list", "state show {} a", "state verify", "state export", "state import {} {}", "state adopt {} a 1",
    "state forget {} a", "state mv {} a b", "lock show", "lock break -y", "init --from acme/far", "init --from-task 1",
]  # fmt: skip


def arguments(line: str) -> list[str]:
    """The words of a command line; the spec stands where {} does, or else at the end."""
    name = line if "{}" in line or line.startswith("init") else f"{line} {{}}"
    return name.replace("{}", "spec.yaml").split()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, spec: Callable[[str], Path]) -> Iterator[Recorder]:
    """What reaches the network. It is a proxy, so that it sees requests to any host."""
    spec(REMOTE)
    with Recorder() as recorder:
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("http_proxy", recorder.address)
        monkeypatch.setenv("SERVER_ADDRESS", "http://app.example.com")
        monkeypatch.setenv("API_TOKEN", TOKEN)
        yield recorder


@pytest.mark.parametrize("line", COMMANDS)
def test_http_to_another_machine_is_refused_before_anything_is_sent(
    taskspec: Command, network: Recorder, line: str
) -> None:
    result = taskspec(*arguments(line))
    assert (result.code, result.out) == (3, "")
    assert 'http://app.example.com" would get the token without encryption' in result.err
    assert "--insecure" in result.err
    assert TOKEN not in result.err
    assert network.seen == []


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_with_a_server_has_the_option(taskspec: Command, network: Recorder, line: str) -> None:
    result = taskspec(*arguments(line), "--insecure")
    assert "without encryption" not in result.err
    assert "No such option" not in result.err
    assert all(seen.headers["x-api-key"] == TOKEN for seen in network.seen)


@pytest.mark.parametrize("line", SENDING)
@pytest.mark.parametrize("leave", ["option", "environment"])
def test_the_user_may_allow_it(
    taskspec: Command, network: Recorder, monkeypatch: pytest.MonkeyPatch, line: str, leave: str
) -> None:
    monkeypatch.setenv("TASKSPEC_INSECURE", "1" if leave == "environment" else "0")
    taskspec(*arguments(line), *(["--insecure"] if leave == "option" else []))
    assert network.seen
    assert {seen.headers["x-api-key"] for seen in network.seen} == {TOKEN}


def test_a_choice_does_not_outlive_its_command(taskspec: Command, network: Recorder) -> None:
    taskspec("status", "spec.yaml", "--insecure")
    assert taskspec("status", "spec.yaml").code == 3


def test_a_bare_host_name_gets_nothing_in_clear(
    taskspec: Command, network: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskspec.api.transport.sending.retry_policy", lambda _: 0)
    monkeypatch.setenv("https_proxy", network.address)
    monkeypatch.setenv("SERVER_ADDRESS", "app.example.com")
    result = taskspec("plan", "spec.yaml")
    assert result.code == 4
    assert "https://app.example.com" in result.err
    assert network.seen == []


def test_a_bare_loopback_address_stays_http(
    taskspec: Command, network: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_ADDRESS", f"127.0.0.1:{network.port}")
    taskspec("plan", "spec.yaml")
    assert network.seen


def test_a_scheme_in_a_profile_is_no_leave_and_no_other_server(
    taskspec: Command, network: Recorder, spec: Callable[[str], Path]
) -> None:
    spec(f"profiles: {{plain: {{server: 'http://app.example.com'}}, tls: {{server: app.example.com}}}}\n{REMOTE}")
    for profile in ("plain", "tls"):
        refused = taskspec("status", "spec.yaml", "--profile", profile)
        assert (refused.code, "without encryption" in refused.err) == (3, True)
        assert taskspec("status", "spec.yaml", "--profile", profile, "--insecure").code == 0
    assert network.seen == []
