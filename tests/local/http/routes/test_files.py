"""Team Files and files of launches: uploads and downloads."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local.agent.test_agent import WAIT_FOR_GO
from tests.local.serving import PATIENCE, RunningServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_KEYS = {
    *("id", "teamId", "userId", "name", "hash", "path", "storagePath", "meta", "createdAt", "updatedAt"),
    *("fullStorageUrl", "isDir", "type"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("files"))
    try:
        server.start()
        yield server
    finally:
        server.close()


def digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def triples(files: list[tuple[str, bytes]]) -> list[tuple[str, Any]]:
    """Build the SDK's form: name, folder and content per file (wire protocol 3.5)."""
    parts: list[tuple[str, Any]] = []
    for path, content in files:
        folder, _, name = path.rpartition("/")
        parts += [("name", (None, name)), ("path", (None, folder + "/")), ("file", (name, content, "text/plain"))]
    return parts


def send_files(server: RunningServer, *files: tuple[str, bytes]) -> requests.Response:
    return server.send("file-storage.bulk.upload?teamId=1", files=triples(list(files)))


def put(server: RunningServer, path: str, content: bytes) -> dict[str, Any]:
    answer = send_files(server, (path, content))
    assert answer.status_code == 200, answer.text
    [row] = answer.json()
    assert isinstance(row, dict)
    return row


def paths(server: RunningServer, folder: str, *, recursive: bool = True) -> list[str]:
    return [row["path"] for row in server.call("file-storage.list", teamId=1, path=folder, recursive=recursive)]


def fetch(server: RunningServer, path: str, **headers: str) -> requests.Response:
    return server.send("file-storage.download", json={"teamId": 1, "path": path}, headers=headers)


def blobs(server: RunningServer) -> set[str]:
    return {path.name for path in server.home.storage.iterdir()}


def test_an_uploaded_file_is_described_and_comes_back(server: RunningServer) -> None:
    row = put(server, "/one/report.json", b'{"a": 1}')
    assert set(row) == FILE_KEYS
    assert (row["name"], row["path"], row["hash"]) == ("report.json", "/one/report.json", digest(b'{"a": 1}'))
    assert row["meta"] == {"mime": "application/json", "ext": "json", "size": 8}
    assert (row["isDir"], row["type"]) == (False, "file")
    assert server.call("file-storage.info", id=row["id"]) == row
    answer = fetch(server, "/one/report.json")
    assert (answer.content, answer.headers["Content-Length"]) == (b'{"a": 1}', "8")
    assert answer.headers["x-content-checksum-sha256"] == row["hash"]


def test_the_storage_path_serves_the_content_with_the_token(server: RunningServer) -> None:
    row = put(server, "/one/ä b.html", b"<script>")
    assert row["fullStorageUrl"] == server.address + row["storagePath"]
    answer = server.send("", verb="GET", prefix=row["storagePath"])
    assert answer.content == b"<script>"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert requests.get(row["fullStorageUrl"], timeout=PATIENCE).status_code == 401
    for path in ("0/x", "999999/x", "x/x", "../../token", "%2e%2e/token"):
        assert server.send("", verb="GET", prefix="/storage/" + path).status_code == 404


def test_many_files_come_back_in_the_order_they_were_sent(server: RunningServer) -> None:
    files = [(f"/many/{number}.txt", str(number).encode()) for number in (3, 1, 2)]
    answer = send_files(server, *files)
    assert [row["path"] for row in answer.json()] == [path for path, _ in files]


def test_a_raw_body_of_unknown_length_is_a_file(server: RunningServer) -> None:
    query = {"teamId": "1", "path": "/raw/big.bin"}
    answer = server.send("file-storage.upload", params=query, data=iter([b"a" * 70_000, b"b" * 70_000]))
    assert (answer.status_code, answer.json()["meta"]["size"]) == (200, 140_000)
    assert answer.json()["hash"] == digest(b"a" * 70_000 + b"b" * 70_000)
    part = fetch(server, "/raw/big.bin", Range="bytes=69999-70000")
    assert (part.status_code, part.content) == (206, b"ab")


def test_a_form_may_come_one_file_at_a_time(server: RunningServer) -> None:
    answer = server.send("file-storage.upload?teamId=1", files=triples([("/raw/form.txt", b"x")]))
    assert answer.json()["path"] == "/raw/form.txt"


def test_the_same_content_is_kept_once_and_deleted_with_its_last_name(server: RunningServer) -> None:
    name = hashlib.sha256(b"shared content").hexdigest()
    send_files(server, ("/shared/a", b"shared content"), ("/shared/b", b"shared content"))
    assert name in blobs(server)
    server.call("file-storage.remove", teamId=1, path="/shared/a")
    assert name in blobs(server)
    server.call("file-storage.bulk.remove", teamId=1, paths=["/shared/b", "/never/there"])
    assert name not in blobs(server)


def test_a_second_upload_replaces_the_content_and_keeps_the_id(server: RunningServer) -> None:
    first = put(server, "/again/a", b"first version")
    second = put(server, "/again/a", b"second version")
    assert second["id"] == first["id"]
    assert fetch(server, "/again/a").content == b"second version"
    assert hashlib.sha256(b"first version").hexdigest() not in blobs(server)


def test_a_list_has_files_below_and_folders_when_asked_for_one_level(server: RunningServer) -> None:
    send_files(server, ("/list/a.txt", b"1"), ("/list/sub/deep/b.txt", b"2"), ("/listing/c.txt", b"3"))
    assert paths(server, "/list") == paths(server, "/list/") == ["/list/a.txt", "/list/sub/deep/b.txt"]
    assert paths(server, "/list/", recursive=False) == ["/list/a.txt", "/list/sub"]
    assert paths(server, "/list/a.txt") == ["/list/a.txt"]
    assert paths(server, "/list/none") == []
    assert {"/list", "/listing"} <= set(paths(server, "/", recursive=False))
    [_, folder] = server.call("file-storage.list", teamId=1, path="/list", recursive=False)
    assert (folder["isDir"], folder["type"], folder["hash"]) == (True, "directory", None)
    assert server.call("file-storage.info", id=folder["id"])["path"] == "/list/sub"


def test_a_folder_goes_with_its_files_and_when_it_is_empty(server: RunningServer) -> None:
    send_files(server, ("/gone/a", b"1"), ("/gone/sub/b", b"2"), ("/gone0", b"3"), ("/gone.txt", b"4"))
    server.call("file-storage.remove", teamId=1, path="/gone/sub/b")
    assert paths(server, "/gone", recursive=False) == ["/gone/a"]
    server.call("file-storage.remove", teamId=1, path="/gone/")
    assert "/gone" not in paths(server, "/", recursive=False)
    assert {"/gone0", "/gone.txt"} <= set(paths(server, "/", recursive=False))


def test_a_folder_comes_as_a_tar_with_itself_on_top(server: RunningServer) -> None:
    long = "n" * 120
    send_files(server, (f"/tar/{long}/ü.bin", b"x" * 1000), ("/tar/empty", b""), ("/tar/a", b"y" * 512))
    answer = fetch(server, "/tar/")
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}  # type: ignore[union-attr]
    assert found == {f"tar/{long}/ü.bin": b"x" * 1000, "tar/empty": b"", "tar/a": b"y" * 512}
    assert fetch(server, "/no/such").status_code == 404


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/up/../../etc/passwd", "may not hold"),
        ("/./a", "may not hold"),
        ("agent://1/a", "agent's own disk"),
        ("/" + "a" * 5000, "4096"),
        ("/is-file/below", "is a file"),
        ("/is-folder", "is a folder"),
        ("/", "is a folder"),
    ],
)
def test_a_path_that_cannot_be_is_refused_and_nothing_of_its_form_is_kept(
    server: RunningServer, path: str, words: str
) -> None:
    send_files(server, ("/is-file", b"1"), ("/is-folder/a", b"2"))
    before = blobs(server)
    answer = server.send("file-storage.upload", params={"teamId": 1, "path": path}, data=b"content of a wrong path")
    assert answer.status_code == 400
    assert words in answer.json()["details"]["message"]
    both = send_files(server, ("/good/of-the-pair", b"content of a good path"), (path, b"content of a wrong path"))
    assert both.status_code == 400
    assert paths(server, "/good") == []
    assert blobs(server) == before


def test_a_refused_form_leaves_the_old_content_in_its_place(server: RunningServer) -> None:
    put(server, "/stays/a", b"old content")
    assert send_files(server, ("/stays/a", b"new content"), ("/stays/a/b", b"x")).status_code == 400
    assert fetch(server, "/stays/a").content == b"old content"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "multipart/form-data; boundary=x", "ends before"),
        (b"--x\r\n", "multipart/form-data; boundary=x", "ends before"),
        (b"hello", "multipart/form-data; boundary=x", "cannot be read"),
        (b"hello", "multipart/form-data", "not multipart/form-data with"),
        (b"{}", "application/json", "not multipart/form-data with"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", "is required"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n--x--\r\n',
            "",
            "before its file",
        ),
        (b'--x\r\nContent-Disposition: form-data; name="path"\r\n\r\n\xff\r\n--x--\r\n', "", "UTF-8"),
        (b'--x\r\nContent-Disposition: form-data; name="path"\r\n\r\n' + b"a" * 70_000, "", "more than 65536"),
        (b"--x\r\n" + b"A: b\r\n" * 5000, "", "cannot be read"),
        (b"--x\r\nA: " + b"b" * 100_000, "", "cannot be read"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_a_form_that_is_none_is_refused(server: RunningServer, body: bytes, kind: str, words: str) -> None:
    headers = {"Content-Type": kind or "multipart/form-data; boundary=x"}
    answer = server.send("file-storage.bulk.upload?teamId=1", data=body, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["details"]["message"]
    assert not [name for name in blobs(server) if name.startswith(".incoming")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(
        st.sampled_from(
            [
                b"--x",
                b"--",
                b"\r\n",
                b"\n",
                b'Content-Disposition: form-data; name="path"',
                b'; filename="a"',
                b"",
                b"/a",
            ]
        )
        | st.binary(max_size=8),
        max_size=20,
    ).map(b"".join)
)
def test_no_form_makes_the_server_fail(server: RunningServer, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for method in ("file-storage.bulk.upload?teamId=1", "tasks.files.bulk.upload"):
        assert 400 <= server.send(method, data=body, headers=headers).status_code < 500


def test_the_same_content_from_many_senders_at_once(server: RunningServer) -> None:
    """One upload fails. The contents of the others stay."""
    barrier = threading.Barrier(8)

    def send(number: int) -> int:
        path = "/../wrong" if number == 0 else f"/at-once/{number}"
        barrier.wait(PATIENCE)
        url = f"{server.address}/public/api/v3/file-storage.bulk.upload?teamId=1"
        files = triples([(path, b"z" * 200_000)])
        return requests.post(url, files=files, headers={"x-api-key": server.token}, timeout=PATIENCE).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(8))) == [200] * 7 + [400]
    assert all(len(fetch(server, path).content) == 200_000 for path in paths(server, "/at-once"))


@pytest.mark.parametrize("method", ["file-storage.upload", "file-storage.bulk.upload", "tasks.files.bulk.upload"])
def test_uploads_are_posted(server: RunningServer, method: str) -> None:
    assert server.send(method, verb="GET").status_code == 405


def test_files_of_another_team_are_refused(server: RunningServer) -> None:
    assert server.refusal("file-storage.list", teamId=2, path="/")[0] == 404
    assert server.refusal("file-storage.list", path="/")[0] == 400
    assert server.refusal("file-storage.remove", teamId=2, path="/")[0] == 404
    assert server.send("file-storage.upload", params={"teamId": 2, "path": "/a"}, data=b"").status_code == 404
    assert server.refusal("file-storage.bulk.remove", teamId=1, paths=[1])[0] == 400


def pairs(*files: tuple[str, bytes], wrong: bool = False) -> list[tuple[str, Any]]:
    """Build the SDK's form for files of a launch (wire protocol 2.5)."""
    parts: list[tuple[str, Any]] = []
    for index, (name, content) in enumerate(files):
        described = json.dumps({"fullpath": name, "hash": digest(b"other" if wrong else content)})
        parts += [(str(index), (None, described)), (f"{index}-file", (name, content))]
    return parts


def test_files_of_a_launch_are_sent_once_and_named_by_hash_afterwards(server: RunningServer) -> None:
    task_id = server.run("with-files", "true")
    server.end_of(task_id)
    hashes = [digest(b"weights"), digest(b"unknown"), "no hash", "AAAA"]
    assert server.send("images.internal.hashes.list", json=hashes).json() == []
    sent = server.send(
        "tasks.files.bulk.upload", files=pairs(("a/w.pt", b"weights")), headers={"x-task-id": str(task_id)}
    )
    assert sent.status_code == 200, sent.text
    assert server.send("images.internal.hashes.list", json=hashes).json() == [digest(b"weights")]
    server.call("tasks.files.bulk.add-by-hash", taskId=task_id, files=[{"name": "b", "hash": digest(b"weights")}])
    unknown = [{"name": "c", "hash": digest(b"weights")}, {"name": "d", "hash": digest(b"unknown")}]
    assert server.refusal("tasks.files.bulk.add-by-hash", taskId=task_id, files=unknown)[0] == 404
    assert server.send("images.internal.hashes.list", json={}).status_code == 400


def test_an_upload_that_names_no_launch_belongs_to_the_one_that_runs(server: RunningServer) -> None:
    def send() -> requests.Response:
        return server.send("tasks.files.bulk.upload", files=pairs(("log.txt", b"text")))

    assert "0 tasks run" in send().json()["details"]["message"]
    task_id = server.run("only-one", WAIT_FOR_GO)
    server.wait_for_status(task_id, "started")
    assert send().status_code == 200
    (server.data_dir(task_id) / "go").touch()
    server.end_of(task_id)


def test_a_content_that_is_not_what_was_announced_is_refused(server: RunningServer) -> None:
    task_id = server.run("announced", "true")
    headers = {"x-task-id": str(task_id)}
    server.end_of(task_id)
    answer = server.send("tasks.files.bulk.upload", files=pairs(("f", b"a damaged file"), wrong=True), headers=headers)
    assert answer.status_code == 400
    assert hashlib.sha256(b"a damaged file").hexdigest() not in blobs(server)
    for parts in ([("0-file", ("a", b"x"))], [("0", (None, "no json"))]):
        assert server.send("tasks.files.bulk.upload", files=parts, headers=headers).status_code == 400
    for sender in ("999999", "x"):
        answer = server.send("tasks.files.bulk.upload", files=pairs(("f", b"x")), headers={"x-task-id": sender})
        assert answer.status_code in {400, 404}
