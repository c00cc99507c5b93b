"""Read multipart forms as a stream: texts are kept in memory, file contents go to a receiver.

python-multipart parses. Everything has a limit except the length of a file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol, Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from taskspec.local.db.blobs import Blobs, IncomingBlob
from taskspec.local.refusal import Refusal

TEXT_LIMIT = 64 * 1024
PART_LIMIT = 20_000


class Receiver(Protocol):
    """Receives the parts of a form in order."""

    def text(self, name: str, value: str) -> None: ...
    def file_begins(self, name: str, filename: str) -> None: ...
    def file_data(self, data: bytes) -> None: ...
    def file_ends(self) -> None: ...


class FileReceiver:
    """Receives the files of a form. Contents that were not kept are dropped at the end of its `with`."""

    def __init__(self, blobs: Blobs) -> None:
        self.contents: list[IncomingBlob] = []
        self._blobs = blobs
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self) -> None:
        self.contents.append(self._open.enter_context(self._blobs.incoming()))

    def file_data(self, data: bytes) -> None:
        self.contents[-1].write(data)

    def file_ends(self) -> None:
        self.contents[-1].finish()


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    key: bytes = b""
    value: bytes = b""
    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


class _Reader:
    """Turns the parser's callbacks into calls of a receiver."""

    def __init__(self, boundary: bytes, receiver: Receiver) -> None:
        self._receiver = receiver
        self._part = _Part()
        self._count = 0
        self.is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._complete,
            },
        )

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _wrong(f"cannot be read: {error}") from None

    def _begin(self) -> None:
        self._part = _Part()
        self._count += 1
        if self._count > PART_LIMIT:
            raise _wrong(f"has more than {PART_LIMIT} parts")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.key += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _header_end(self) -> None:
        self._part.headers[self._part.key.lower()] = self._part.value
        self._part.key = self._part.value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition"))
        self._part.name = _text(options.get(b"name", b""))
        if b"filename" in options:
            self._part.filename = _text(options[b"filename"])
            self._receiver.file_begins(self._part.name, self._part.filename)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.filename is not None:
            self._receiver.file_data(data[start:end])
            return
        self._part.content += data[start:end]
        if len(self._part.content) > TEXT_LIMIT:
            raise _wrong(f'has a part "{self._part.name}" of more than {TEXT_LIMIT} bytes that is not a file')

    def _end(self) -> None:
        if self._part.filename is not None:
            self._receiver.file_ends()
        else:
            self._receiver.text(self._part.name, _text(bytes(self._part.content)))

    def _complete(self) -> None:
        self.is_complete = True


async def receive_form(headers: Mapping[str, str], body: AsyncIterator[bytes], receiver: Receiver) -> None:
    """Read a whole form. Raises Refusal for a body that is not a complete form."""
    kind, options = parse_options_header(headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise _wrong("is not multipart/form-data with a boundary")
    try:
        reader = _Reader(boundary, receiver)
    except FormParserError as error:
        raise _wrong(f"cannot be read: {error}") from None
    async for chunk in body:
        reader.feed(chunk)
    if not reader.is_complete:
        raise _wrong("ends before its closing boundary")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _wrong("holds a text that is not UTF-8") from None


def _wrong(problem: str) -> Refusal:
    return Refusal(400, "VALIDATION_ERROR", f"the form {problem}")
