"""Authorisation, and the form of requests and answers."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX
from taskspec.local.http.routes.table import TABLE
from tests.local.serving import PATIENCE

if TYPE_CHECKING:
    from tests.local.serving import RunningServer


@pytest.mark.parametrize("path", sorted(path for path in TABLE if not path.startswith("/v3/")))
def test_every_route_asks_for_the_token(local_server: RunningServer, path: str) -> None:
    for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": local_server.token + "0"}):
        answer = requests.post(local_server.address + path, json={}, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 401
        assert answer.json()["error"] == "UNAUTHORIZED"


def test_an_unknown_path_is_not_revealed_without_a_token(local_server: RunningServer) -> None:
    assert requests.get(local_server.address + "/nowhere", timeout=PATIENCE).status_code == 401
    assert local_server.refusal("no.such.method")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""])
def test_a_foreign_host_header_is_refused(local_server: RunningServer, host: str) -> None:
    port = urlsplit(local_server.address).port
    answer = local_server.send("instance.version", headers={"Host": host.format(port=port)})
    assert answer.status_code in {400, 403}


def test_localhost_with_our_port_is_a_name_for_us(local_server: RunningServer) -> None:
    port = urlsplit(local_server.address).port
    assert local_server.send("instance.version", headers={"Host": f"localhost:{port}"}).status_code == 200


def test_requests_of_other_web_pages_are_refused(local_server: RunningServer) -> None:
    assert local_server.send("instance.version", headers={"Origin": "http://evil.example"}).status_code == 403
    assert local_server.send("instance.version", headers={"Origin": local_server.address}).status_code == 200


def test_an_empty_body_is_an_empty_object(local_server: RunningServer) -> None:
    answer = local_server.send("instance.version", data=b"", headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["version"] == "6.18.3"


def test_reads_work_as_get_with_a_query(local_server: RunningServer) -> None:
    answer = local_server.send("teams.info", verb="GET", params={"id": 1})
    assert answer.json()["name"] == "local"
    query = {"workspaceId": "1", "filter": '[{"field": "id", "operator": "=", "value": 123456}]'}
    assert local_server.send("tasks.list", verb="GET", params=query).json()["total"] == 0


def test_every_answer_names_its_length(local_server: RunningServer) -> None:
    for method in ("instance.version", "tasks.info", "no.such.method"):
        assert int(local_server.send(method, json={}).headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"7",
        b'"text"',
        b"\xff\xfe",
        b'{"id": NaN}',
        b'{"id": Infinity}',
        b'{"id": "\\ud800"}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b"id=1",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_is_no_json_object_is_a_validation_error(local_server: RunningServer, body: bytes) -> None:
    answer = local_server.send("tasks.info", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("value", ["x", 0, -1, 1.5, True, [], {}, 2**63, 10**400, "1" * 30])
def test_a_wrong_id_is_a_validation_error_that_names_the_field(local_server: RunningServer, value: object) -> None:
    status, message = local_server.refusal("tasks.info", id=value)
    assert status == 400
    assert 'field "id"' in message or "not valid JSON" in message


def test_other_verbs_are_refused(local_server: RunningServer) -> None:
    assert local_server.send("tasks.info", verb="PUT", json={"id": 1}).status_code == 405


def test_the_second_spelling_of_the_root_works(local_server: RunningServer) -> None:
    assert local_server.send("instance.version", prefix="/v3/").status_code == 200


def test_a_tls_greeting_ends_the_connection(local_server: RunningServer) -> None:
    where = urlsplit(local_server.address)
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64))
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert not received.startswith(b"HTTP/1.1 200")


def test_the_server_listens_on_loopback_only(local_server: RunningServer) -> None:
    assert urlsplit(local_server.address).hostname == "127.0.0.1"
    address = socket.gethostbyname(socket.gethostname())
    if not address.startswith("127."):
        with socket.socket() as connection:
            assert connection.connect_ex((address, urlsplit(local_server.address).port)) != 0


def test_the_home_is_closed_to_others(local_server: RunningServer) -> None:
    home = local_server.home
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.token.stat().st_mode) == 0o600
    assert len(local_server.token) == 64


def test_status_tells_who_answers(local_server: RunningServer) -> None:
    status = local_server.send("status", verb="GET", prefix=LOCAL_PREFIX).json()
    assert status["pid"] == local_server.pid
    assert status["home"] == str(local_server.home.path)
    assert status["address"] == local_server.address


def test_prefixes_do_not_mix(local_server: RunningServer) -> None:
    assert local_server.send("status", prefix=API_PREFIX).status_code == 404
    assert local_server.send("tasks.info", prefix=LOCAL_PREFIX).status_code == 404
