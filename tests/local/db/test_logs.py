"""Parsing of output: every line once, complete and in order, for any sequence of writes and reads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.local.db.logs import LINE_LIMIT, Tail, parse_line

NOW = "2026-01-01T00:00:00.000Z"
CHUNK = 64


@given(
    lines=st.lists(st.binary(max_size=CHUNK - 1).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    cuts=st.lists(st.integers(0, 1500), max_size=6),
    last_newline=st.booleans(),
)
def test_every_line_is_read_once_wherever_the_writer_pauses(
    lines: list[bytes], cuts: list[int], last_newline: bool
) -> None:
    content = b"\n".join(lines) + (b"\n" if last_newline else b"")
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        tail = Tail(path, 0, chunk=CHUNK)
        for end in [*sorted(cuts), len(content)]:
            path.write_bytes(content[:end])
            seen += read_all(tail, final=False)
            # A new reader knows only the offset.
            tail = Tail(path, tail.offset, chunk=CHUNK)
        seen += read_all(tail, final=True)
    expected = [line.decode(errors="replace").rstrip("\r") for line in content.split(b"\n") if line]
    assert [message for message, level in seen if level == "info"] == expected


def read_all(tail: Tail, *, final: bool) -> list[tuple[str, str]]:
    found = []
    more = True
    while more:
        lines, more = tail.read(final=final)
        found += [(line.message, line.level) for line in lines]
    return found


@pytest.mark.parametrize("length", [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
@pytest.mark.parametrize("ending", [b"\nnext\n", b"\nnext", b"\n", b""])
def test_a_line_longer_than_a_chunk_is_one_line(tmp_path: Path, length: int, ending: bytes) -> None:
    (tmp_path / "log").write_bytes(b"x" * length + ending)
    seen = [message for message, _ in read_all(Tail(tmp_path / "log", 0, chunk=CHUNK), final=True)]
    assert seen[0] == "x" * min(length, CHUNK)
    assert seen[1:] == (["next"] if b"next" in ending else [])


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert Tail(tmp_path / "none", 0).read(final=True) == ([], False)


def test_a_line_over_the_limit_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (LINE_LIMIT + 1) + b"\n")
    [line], _ = Tail(tmp_path / "log", 0).read(final=False)
    assert line.message.endswith(f"x [cut after {LINE_LIMIT} bytes]")


@pytest.mark.parametrize(
    ("raw", "level", "message"),
    [
        (b"plain", "info", "plain"),
        (b"plain\r", "info", "plain"),
        (b'{"message": "m", "level": "info"}', "info", "m"),
        (b'{"message": "m", "level": "WARNING"}', "warn", "m"),
        (b'{"message": "m", "level": "critical"}', "fatal", "m"),
        (b'{"message": "m", "level": "odd"}', "info", "m"),
        (b'{"message": 7, "level": "error"}', "error", "7"),
        (b'{"message": "m"}', "info", '{"message": "m"}'),
        (b'{"message": "m", "level": "info", "x": NaN}', "info", '{"message": "m", "level": "info", "x": NaN}'),
        (b'{"message": "\\ud800", "level": "info"}', "info", '{"message": "\\ud800", "level": "info"}'),
        (b"{" * 5000, "info", "{" * 5000),
        (b"Requirement already satisfied: numpy", "debug", "Requirement already satisfied: numpy"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_lines(raw: bytes, level: str, message: str) -> None:
    line = parse_line(raw, NOW)
    assert (line.level, line.message) == (level, message)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"2026-01-02T03:04:05.678Z"', "2026-01-02T03:04:05.678Z"),
        ('"2026-01-02T05:04:05+02:00"', "2026-01-02T03:04:05.000Z"),
        ('"soon"', NOW),
        ("7", NOW),
        ('"0001-01-01T00:00:00+23:00"', NOW),
    ],
)
def test_a_line_keeps_its_own_moment_if_it_is_one(written: str, kept: str) -> None:
    raw = f'{{"message": "m", "level": "info", "timestamp": {written}, "extra": 1}}'
    line = parse_line(raw.encode(), NOW)
    assert line.timestamp == kept
    assert line.extras == {"extra": 1}
