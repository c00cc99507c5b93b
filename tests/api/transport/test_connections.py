from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taskspec.api import Api, Transport
from taskspec.api.transport.connections import RETRY_AFTER_LIMIT, retry_policy
from taskspec.errors import UsageError
from tests.api.conftest import TOKEN
from tests.api.recorder import Answer, Handler, Recorder


def test_making_a_client_sends_nothing(server: Recorder, api: Api) -> None:
    assert server.seen == []
    assert repr(api) == f"Api('{server.address}')"
    assert TOKEN not in repr(api.transport)


def test_a_call_is_a_post_of_json_with_the_token(server: Recorder, api: Api) -> None:
    server.answer("x.y", {"ok": True})
    assert api.transport.post("x.y", {"a": [1, None, "ü"]}) == {"ok": True}
    (seen,) = server.seen
    assert (seen.verb, seen.path, seen.json) == ("POST", "/public/api/v3/x.y", {"a": [1, None, "ü"]})
    assert seen.headers["x-api-key"] == TOKEN
    assert seen.headers["content-type"] == "application/json"
    assert "authorization" not in seen.headers


def test_a_get_leaves_out_what_is_none(server: Recorder, api: Api) -> None:
    server.answer("log", [])
    api.transport.get("log", {"id": 5, "since": None, "text": "a b&c"})
    (seen,) = server.seen
    assert (seen.verb, seen.query) == ("GET", {"id": "5", "text": "a b&c"})


def test_local_calls_have_their_own_root(server: Recorder, api: Api) -> None:
    server.answer("hello", {})
    api.transport.post_local("hello", {})
    api.transport.get_local("hello")
    assert [(seen.verb, seen.path) for seen in server.seen] == [("POST", "/local/v1/hello"), ("GET", "/local/v1/hello")]


def test_a_sub_path_of_the_address_is_kept(server: Recorder) -> None:
    server.answer("x", 1)
    with Transport(f"{server.address}/sub/", TOKEN) as transport:
        assert transport.post("x", {}) == 1
    assert server.seen[0].path == "/sub/public/api/v3/x"


def test_no_token_means_no_header(server: Recorder) -> None:
    server.answer("x", 1)
    with Transport(server.address, "") as transport:
        transport.post("x", {})
    assert "x-api-key" not in server.seen[0].headers


def test_cookies_are_never_sent_back(server: Recorder, api: Api) -> None:
    server.answer("x", Answer(200, 1, {"Set-Cookie": "session=1; Path=/"}))
    api.transport.post("x", {})
    api.transport.post("x", {})
    assert all("cookie" not in seen.headers for seen in server.seen)


def test_a_netrc_is_never_read(server: Recorder, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.answer("x", 1)
    api.transport.post("x", {})
    assert "authorization" not in server.seen[0].headers


def test_a_loopback_address_ignores_proxies(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answer("x", 1)
    with Transport(server.address, TOKEN, retries=0) as transport:
        assert transport.post("x", {}) == 1


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}, {"a": {1, 2}}])
def test_what_json_cannot_hold_is_refused_before_sending(server: Recorder, api: Api, body: object) -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        api.transport.post("x", body, safe=False)
    assert server.seen == []


def test_reads_keep_their_connection_and_starts_never_do(server: Recorder, api: Api) -> None:
    clients: list[tuple[str, int]] = []

    def remember(handler: Handler) -> None:
        clients.append(handler.client_address)
        Answer(200, 1)(handler)

    server.answer("x", remember)
    for safe in (True, True, False, False):
        api.transport.post("x", {}, safe=safe)
    assert clients[0] == clients[1]
    assert len(set(clients)) == 3


def test_threads_share_one_transport(server: Recorder, api: Api) -> None:
    meeting = threading.Barrier(8, timeout=20)

    def together(handler: Handler) -> None:
        meeting.wait()
        Answer(200, 1)(handler)

    server.answer("x", together)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: api.transport.post("x", {"n": n}, safe=n % 2 == 0), range(8)))
    assert answers == [1] * 8
    assert sorted(seen.json["n"] for seen in server.seen) == list(range(8))


def test_a_server_cannot_make_us_wait_for_an_hour() -> None:
    class Response:
        headers = {"Retry-After": "3600"}  # noqa: RUF012 - read once

    assert retry_policy(3).get_retry_after(Response()) == RETRY_AFTER_LIMIT  # type: ignore[arg-type] # a double
