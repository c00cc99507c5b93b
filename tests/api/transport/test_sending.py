"""The fate of a start, for every failure of the network."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from taskspec.api import StartRequest, Timeouts, Transport
from taskspec.api.client import Api
from taskspec.errors import ApiError, NotFound, NotSent, OutcomeUnknown, Refused, Unauthorized
from tests.api import recorder as faults
from tests.api.conftest import TOKEN
from tests.api.recorder import Answer, Recorder

QUICK = Timeouts(connect=0.5, read=0.5, start=0.4, total=0.4)
STARTED = [{"taskId": 501, "userId": 3, "moduleId": 83, "appId": 578}]
REQUEST = StartRequest(agent_id=1, module_id=83, workspace_id=7)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """A finalizer of an earlier test's garbage cannot run where deep JSON has used up the stack."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def start(address: str) -> Any:
    with Api(address, TOKEN, timeouts=QUICK) as api:
        return api.task.start_request(REQUEST)


def error_of(address: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        start(address)
    return caught.value


ANSWERS = {
    "hang": (faults.hang, OutcomeUnknown),
    "closed before the reply": (faults.close, OutcomeUnknown),
    "reset after the request": (faults.reset, OutcomeUnknown),
    "cut body of fixed length": (faults.cut_fixed, OutcomeUnknown),
    "cut chunked body": (faults.cut_chunked, OutcomeUnknown),
    "slow body": (faults.slow_body, OutcomeUnknown),
    "slow headers": (faults.slow_headers, OutcomeUnknown),
    "slow body that ends with the connection": (faults.slow_body_without_end, OutcomeUnknown),
    "broken JSON": (Answer(200, b'[{"taskId": 50'), OutcomeUnknown),
    "empty body": (Answer(200, b""), OutcomeUnknown),
    "a page instead of JSON": (Answer(200, b"<html>welcome</html>"), OutcomeUnknown),
    "no launch in the answer": (Answer(200, []), OutcomeUnknown),
    "no id in the answer": (Answer(200, [{"userId": 3}]), OutcomeUnknown),
    "an odd id in the answer": (Answer(200, [{"taskId": "501"}]), OutcomeUnknown),
    "an object instead of a list": (Answer(200, {"taskId": 501}), OutcomeUnknown),
    "an answer without end": (Answer(200, b" " * (2**20 + 1)), OutcomeUnknown),
    "deep JSON": (Answer(200, b"[" * 200_000), OutcomeUnknown),
    **{f"status {code}": (Answer(code, {"error": "FAIL"}), OutcomeUnknown) for code in (408, 425, 499, 500, 502, 503)},
    **{f"status {code}": (Answer(code, b"bad gateway"), OutcomeUnknown) for code in (504, 509, 520, 598, 599)},
    **{f"status {code}": (Answer(code, {"error": "NO"}), Refused) for code in (400, 402, 405, 409, 413, 422, 429, 451)},
    **{f"status {code}": (Answer(code, {"error": "NO"}), Unauthorized) for code in (401, 403)},
    "status 404": (Answer(404, {"error": "NO"}), NotFound),
    **{f"redirect {code}": (Answer(code, b"", {"Location": "/other"}), Refused) for code in (301, 307, 308)},
    **{f"redirect {code}": (Answer(code, b"", {"Location": "/other"}), OutcomeUnknown) for code in (302, 303)},
}


@pytest.mark.parametrize(("script", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.usefixtures("no_collection")
def test_a_start_is_sent_once_and_its_fate_is_named(server: Recorder, script: Any, expected: type[ApiError]) -> None:
    server.answer("tasks.run.app", script)
    error = error_of(server.address)
    assert type(error) is expected
    assert [seen.path for seen in server.seen] == ["/public/api/v3/tasks.run.app"]
    assert f"tasks.run.app at {server.address}: " in error.message
    assert error.remedy
    assert TOKEN not in f"{error!r} {error} {error.remedy}"


def test_a_refused_connection_is_not_sent() -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        error = error_of(f"http://127.0.0.1:{port}")
    assert type(error) is NotSent
    assert "refused" in error.message
    assert "SERVER_ADDRESS" in error.remedy


def test_an_unknown_host_is_not_sent() -> None:
    assert type(error_of("https://no-such-host.invalid")) is NotSent


def test_a_failed_tls_handshake_is_not_sent(server: Recorder) -> None:
    assert type(error_of(server.address.replace("http:", "https:"))) is NotSent
    assert server.seen == []


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port with a full queue, which never accepts a connection."""
    with closing(socket.socket()) as listener, closing(socket.socket()) as first, closing(socket.socket()) as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_connect_timeout_is_not_sent(deaf_port: int) -> None:
    assert type(error_of(f"http://127.0.0.1:{deaf_port}")) is NotSent


def test_a_start_after_a_stale_connection_uses_a_fresh_one(server: Recorder) -> None:
    server.answer("tasks.run.app", STARTED)
    with Api(server.address, TOKEN) as api:
        first, second = api.task.start_request(REQUEST), api.task.start_request(REQUEST)
    assert (first.id, second.id) == (501, 501)


def test_a_message_names_method_address_status_and_the_servers_words(server: Recorder) -> None:
    body = {"error": "VALIDATION_ERROR", "details": {"message": "module 83 is unknown"}}
    server.answer("tasks.run.app", Answer(400, body))
    error = error_of(server.address)
    assert error.message == (
        f"tasks.run.app at {server.address}: the server answered 400: VALIDATION_ERROR: module 83 is unknown"
    )
    assert isinstance(error, Refused)
    assert (error.status, error.code) == (400, "VALIDATION_ERROR")


def test_a_token_in_the_servers_words_is_cut_out(server: Recorder) -> None:
    server.answer("tasks.run.app", Answer(403, {"error": f"token {TOKEN} is\x1b[2J wrong"}))
    error = error_of(server.address)
    assert error.message.endswith("403: token *** is [2J wrong")
    assert isinstance(error, Unauthorized)
    assert error.code == "token *** is [2J wrong"


def test_a_redirect_gets_no_token_and_says_where_to(server: Recorder) -> None:
    with Recorder() as other:
        server.answer("tasks.run.app", Answer(308, b"", {"Location": f"{other.address}/x"}))
        error = error_of(server.address)
        assert other.seen == []
        assert f"moved to {other.address}/x" in error.message


class TestReads:
    """Reads are repeated."""

    @pytest.mark.parametrize(
        "script",
        [
            faults.close,
            faults.reset,
            faults.cut_fixed,
            faults.cut_chunked,
            Answer(200, b'{"id": 5'),
            Answer(502, b"bad gateway"),
            Answer(429, {"error": "slow down"}, {"Retry-After": "0"}),
        ],
    )
    def test_a_read_survives_one_failure(self, server: Recorder, script: Any) -> None:
        server.answer("tasks.info", script, {"id": 5, "status": "started"})
        with Api(server.address, TOKEN) as api:
            assert api.task.get_info_by_id(5).id == 5
        assert len(server.seen) == 2

    def test_a_refusal_is_not_repeated(self, server: Recorder) -> None:
        server.answer("tasks.info", Answer(403, {"error": "no"}))
        with Api(server.address, TOKEN) as api, pytest.raises(Unauthorized):
            api.task.get_info_by_id(5)
        assert len(server.seen) == 1

    def test_a_server_that_keeps_failing_is_named_with_its_last_status(self, server: Recorder) -> None:
        server.answer("tasks.info", Answer(503, {"error": "down"}, {"Retry-After": "0"}))
        with Api(server.address, TOKEN, retries=2) as api, pytest.raises(OutcomeUnknown, match="503: down") as caught:
            api.task.get_info_by_id(5)
        assert caught.value.status == 503
        assert len(server.seen) == 3

    @pytest.mark.parametrize("script", [faults.slow_body, faults.slow_headers])
    def test_a_read_has_a_total_deadline_too(self, server: Recorder, script: Any) -> None:
        server.answer("tasks.info", script)
        with Api(server.address, TOKEN, timeouts=QUICK, retries=0) as api, pytest.raises(OutcomeUnknown):
            api.task.get_info_by_id(5)

    def test_an_answer_larger_than_the_cap_is_refused(self, server: Recorder) -> None:
        server.answer("tasks.info", Answer(200, b" " * (64 * 2**20 + 1)))
        with Transport(server.address, TOKEN) as transport, pytest.raises(OutcomeUnknown, match="larger than 64 MiB"):
            transport.post("tasks.info", {"id": 1})
        assert len(server.seen) == 1
