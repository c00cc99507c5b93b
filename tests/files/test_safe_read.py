"""A file is read only where it is plain and small; nothing that waits or never ends is opened for long."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from taskspec.files.safe_read import NotARegularFile, path_problem, read_plain


def test_a_plain_file_gives_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00lemons\xff")
    assert read_plain(tmp_path / "file") == b"\x00lemons\xff"


def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1234")
    assert read_plain(tmp_path / "file", 4) == b"1234"
    with pytest.raises(NotARegularFile, match="it has 4 bytes, and the limit is 3"):
        read_plain(tmp_path / "file", 3)


def test_a_file_without_end_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(NotARegularFile, match="it has 10,737,418,240 bytes"):
        read_plain(tmp_path / "sparse")


def test_a_file_that_does_not_tell_its_size_is_read_no_further_than_the_limit() -> None:
    with pytest.raises(NotARegularFile, match="more than 5 bytes"):
        read_plain(Path("/proc/self/status"), 5)


@pytest.mark.parametrize("through_a_link", [False, True])
def test_what_is_no_plain_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through_a_link: bool) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    os.mkfifo("pipe")
    Path("folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        kinds = {"pipe": "a pipe", "folder": "a folder", "socket": "a socket", "/dev/zero": "a device"}
        for number, (name, kind) in enumerate(kinds.items()):
            path = Path(name)
            if through_a_link:
                path = Path(f"link{number}")
                path.symlink_to(name)
            with pytest.raises(NotARegularFile, match=f"it is {kind}"):
                read_plain(path)


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "nowhere")


def test_a_path_that_leads_nowhere_is_distinguished_from_one_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert path_problem(tmp_path / "loop") == "its links lead in a circle"
    assert path_problem(tmp_path / ("x" * 300)) == "File name too long"
    assert path_problem(Path("a\0b")) == "it holds a zero character"
    for name in ("nothing", "file", "file/x", "."):
        assert path_problem(tmp_path / name) == ""
