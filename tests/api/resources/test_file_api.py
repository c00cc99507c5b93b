from __future__ import annotations

import base64
import email
import email.message
import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.api import Api
from taskspec.api.transport.form_data import FormPart, MultipartBody, json_part
from taskspec.errors import NotFound, OutcomeUnknown, UsageError
from tests.api.recorder import Answer, Recorder, Seen, cut_fixed


def parts_of(seen: Seen) -> list[tuple[str, str | None, str | None, bytes]]:
    """Parse name, file name, content type and content of each part with the standard library."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + seen.body)
    found = []
    for part in message.get_payload():
        assert isinstance(part, email.message.Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(name), part.get_filename(), part.get("Content-Type"), content))
    return found


def content_hash(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


class TestTaskFiles:
    """The requests of wire protocol section 2.5."""

    @pytest.fixture(autouse=True)
    def _answers(self, server: Recorder) -> None:
        server.answer("tasks.files.bulk.add-by-hash", Answer(200, b""))
        server.answer("tasks.files.bulk.upload", Answer(200, b""))

    def test_known_content_is_linked_and_the_rest_sent(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        old, new = tmp_path / "old", tmp_path / "new"
        old.write_bytes(b"old")
        new.write_bytes(b"\x00new\r\n--x")
        server.answer("images.internal.hashes.list", [content_hash(b"old")])
        done: list[int] = []
        api.task.upload_files(5, [str(old), new], ["a/old", "a/new"], done.append)
        assert sorted(server.bodies("images.internal.hashes.list")[0]) == sorted(
            [content_hash(b"old"), content_hash(new.read_bytes())]
        )
        assert server.bodies("tasks.files.bulk.add-by-hash") == [
            {"taskId": 5, "files": [{"name": "a/old", "hash": content_hash(b"old")}]}
        ]
        (sent,) = server.sent("tasks.files.bulk.upload")
        assert sent.headers["x-task-id"] == "5"
        (info, file) = parts_of(sent)
        assert info[:3] == ("0", None, None)
        assert b'"fullpath": "a/new"' in info[3]
        assert file == ("0-file", "a/new", None, b"\x00new\r\n--x")
        assert done == [1, 1]

    def test_many_files_go_in_batches(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        paths = [tmp_path / str(n) for n in range(120)]
        for path in paths:
            path.write_text(path.name)
        server.answer("images.internal.hashes.list", [])
        done: list[int] = []
        api.task.upload_files(5, paths, [path.name for path in paths], done.append)
        assert done == [50, 50, 20]
        assert [len(parts_of(seen)) for seen in server.sent("tasks.files.bulk.upload")] == [100, 100, 40]

    def test_no_files_need_no_request(self, server: Recorder, api: Api) -> None:
        api.task.upload_files(5, [], [])
        assert server.seen == []

    def test_every_file_has_one_name_and_exists(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="1 paths, but 0 names"):
            api.task.upload_files(5, ["/x"], [])
        with pytest.raises(UsageError, match="cannot be read"):
            api.task.upload_files(5, [tmp_path / "missing"], ["x"])
        assert server.seen == []


class TestTeamFiles:
    def test_an_upload_is_three_parts_a_file(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        file = tmp_path / "m.json"
        file.write_text("{}")
        server.answer("file-storage.bulk.upload", [{"id": 9, "path": "/models/m.json", "meta": {"size": 2}}])
        sent: list[int] = []
        info = api.file.upload(3, file, "/models/m.json", sent.append)
        assert (info.id, info.path, info.size) == (9, "/models/m.json", 2)
        (seen,) = server.seen
        assert seen.query == {"teamId": "3"}
        assert parts_of(seen) == [
            ("name", None, None, b"m.json"),
            ("path", None, None, b"/models/"),
            ("file", "m.json", "application/json", b"{}"),
        ]
        assert sum(sent) == len(seen.body)

    def test_a_lost_row_is_noticed(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("a")
        server.answer("file-storage.bulk.upload", [])
        with pytest.raises(OutcomeUnknown, match="1 files sent, 0 confirmed"):
            api.file.upload(3, tmp_path / "a", "/a")

    def test_a_missing_file_is_refused_before_sending(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is not a file"):
            api.file.upload(3, tmp_path / "missing", "/a")
        assert api.file.upload_bulk(3, [], []) == []
        assert server.seen == []

    def test_a_download_appears_whole(self, server: Recorder, api: Api, tmp_path: Path) -> None:
        content = bytes(range(256)) * 1000
        server.answer("file-storage.download", Answer(200, content))
        sizes: list[int] = []
        api.file.download(3, "/a", tmp_path / "new" / "a", sizes.append)
        assert (tmp_path / "new" / "a").read_bytes() == content
        assert sum(sizes) == len(content)
        assert server.bodies("file-storage.download") == [{"teamId": 3, "path": "/a"}]

    @pytest.mark.parametrize(
        ("script", "error"), [(cut_fixed, OutcomeUnknown), (Answer(404, {"error": "no"}), NotFound)]
    )
    def test_a_broken_download_leaves_the_old_file_alone(
        self, server: Recorder, api: Api, tmp_path: Path, script: Any, error: type[Exception]
    ) -> None:
        target = tmp_path / "a"
        target.write_text("old")
        server.answer("file-storage.download", script)
        with pytest.raises(error):
            api.file.download(3, "/a", target)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]

    def test_existence_follows_from_the_folders_listing(self, server: Recorder, api: Api) -> None:
        server.answer("file-storage.list", [{"id": 1, "path": "/a/b.txt"}, {"id": 2, "path": "/a/c/", "isDir": True}])
        assert api.file.exists(3, "/a/b.txt")
        assert api.file.exists(3, "/a/c")
        assert not api.file.exists(3, "/a/b")
        assert api.file.get_info_by_path(3, "/a/c/").is_dir
        with pytest.raises(NotFound, match='no file "/a/x"'):
            api.file.get_info_by_path(3, "/a/x")
        assert server.bodies("file-storage.list")[0] == {"teamId": 3, "path": "/a", "recursive": False}
        assert len(api.file.list(3, "/a")) == 2

    def test_a_file_is_removed_by_path(self, server: Recorder, api: Api) -> None:
        server.answer("file-storage.remove", Answer(200, b""))
        api.file.remove(3, "/a")
        assert server.bodies("file-storage.remove") == [{"teamId": 3, "path": "/a"}]
        assert api.file.get_url(9) == "/files/9"


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 64))
def test_a_form_read_in_any_steps_is_as_long_as_it_says(
    tmp_path_factory: Any, contents: list[bytes], step: int
) -> None:
    folder = tmp_path_factory.mktemp("form")
    parts = [json_part('quo"te', {"a": 1})]
    for n, content in enumerate(contents):
        (folder / str(n)).write_bytes(content)
        parts.append(FormPart(str(n), file=folder / str(n), filename=f"f\r\n{n}"))
    with MultipartBody(parts) as body:
        expected = len(body)
        pieces = list(iter(lambda: body.read(step), b""))
    read = b"".join(piece for piece in pieces if piece)
    assert len(read) == expected
    assert all(content in read for content in contents)
    assert b'name="quo%22te"' in read
