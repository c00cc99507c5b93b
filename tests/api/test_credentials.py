from __future__ import annotations

import os
from pathlib import Path

import pytest

from taskspec.api import Api, Credentials, Transport, from_environment
from taskspec.errors import UsageError

BOTH = {"SERVER_ADDRESS": "https://h/", "API_TOKEN": "secret-token"}


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "supervisely.env"
    path.write_text('# mine\nSERVER_ADDRESS="https://file"\nAPI_TOKEN=file-${HOME}-token\n')
    return path


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    assert from_environment(BOTH, tmp_path / "missing.env") == Credentials("https://h", "secret-token")


def test_the_environment_wins_over_the_file(env_file: Path) -> None:
    assert from_environment(BOTH, env_file) == Credentials("https://h", "secret-token")


def test_the_file_fills_in_and_is_taken_literally(env_file: Path) -> None:
    before = dict(os.environ)
    assert from_environment({}, env_file) == Credentials("https://file", "file-${HOME}-token")
    assert from_environment({"API_TOKEN": "t"}, env_file) == Credentials("https://file", "t")
    assert dict(os.environ) == before


def test_nothing_configured_is_none(tmp_path: Path) -> None:
    assert from_environment({}, tmp_path / "missing.env") is None
    assert from_environment({"API_TOKEN": ""}, None) is None


@pytest.mark.parametrize("missing", BOTH)
def test_half_a_configuration_is_an_error_that_names_the_missing_half(missing: str, tmp_path: Path) -> None:
    half = {name: value for name, value in BOTH.items() if name != missing}
    with pytest.raises(UsageError, match=f"{missing} is not") as caught:
        from_environment(half, tmp_path / "missing.env")
    assert missing in caught.value.remedy
    assert "secret-token" not in f"{caught.value} {caught.value.remedy}"


def test_the_token_shows_in_no_representation() -> None:
    assert "secret-token" not in repr(from_environment(BOTH, None))


def test_an_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.env"
    path.write_bytes(b"\xff\xfe\x00API_TOKEN=\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        from_environment({}, path)


def test_a_client_can_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, env_file: Path, tmp_path: Path
) -> None:
    with Api.from_env(env_file) as api:
        assert api.server_address == "https://file"
    monkeypatch.setenv("SERVER_ADDRESS", "h")
    monkeypatch.setenv("API_TOKEN", "t")
    with Api.from_env(env_file) as api:
        assert api.server_address == "https://h"
    monkeypatch.delenv("SERVER_ADDRESS")
    monkeypatch.delenv("API_TOKEN")
    with pytest.raises(UsageError, match="no server is configured"):
        Api.from_env(tmp_path / "missing.env")


PLAIN = {"SERVER_ADDRESS": "http://app.example.com", "API_TOKEN": "secret-token"}


def test_credentials_for_http_need_leave() -> None:
    with pytest.raises(UsageError, match="without encryption") as caught:
        from_environment(PLAIN, None)
    assert "secret-token" not in f"{caught.value} {caught.value.remedy}"
    with pytest.raises(UsageError, match="without encryption"):
        Credentials("http://app.example.com", "t")
    allowed = Credentials("http://app.example.com/", "secret-token", insecure=True)
    assert allowed.address == "http://app.example.com"
    assert from_environment(PLAIN, None, insecure=True) == allowed
    assert from_environment({**PLAIN, "TASKSPEC_INSECURE": "1"}, None) == allowed
    assert Credentials("app.example.com", "t").address == "https://app.example.com"


@pytest.mark.parametrize("value", ["", "0", "no", "false"])
def test_only_1_in_the_environment_is_leave(value: str) -> None:
    with pytest.raises(UsageError, match="without encryption"):
        from_environment({**PLAIN, "TASKSPEC_INSECURE": value}, None)


def test_the_env_file_gives_no_leave(tmp_path: Path) -> None:
    path = tmp_path / "supervisely.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in {**PLAIN, "TASKSPEC_INSECURE": "1"}.items()))
    with pytest.raises(UsageError, match="without encryption"):
        from_environment({}, path)


@pytest.mark.parametrize("kind", [Api, Transport])
def test_a_client_for_http_needs_leave(kind: type[Api | Transport]) -> None:
    with pytest.raises(UsageError, match="without encryption"):
        kind("http://app.example.com", "t")
    with kind("http://app.example.com", "t", insecure=True) as client:
        assert "http://app.example.com" in repr(client)
    with kind("app.example.com", "t") as client:
        assert "https://app.example.com" in repr(client)


def test_a_client_from_the_environment_for_http_needs_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLAIN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="without encryption"):
        Api.from_env()
    with Api.from_env(insecure=True) as api:
        assert api.server_address == "http://app.example.com"
    monkeypatch.setenv("TASKSPEC_INSECURE", "1")
    with Api.from_env() as api:
        assert api.server_address == "http://app.example.com"
