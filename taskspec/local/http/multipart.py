"""Read multipart forms as a stream: texts are kept in memory, files go to the store.

python-multipart parses. Everything has a limit except the length of a file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from taskspec.local.db.blobs import IncomingBlob
from taskspec.local.http.call import RouteCall
from taskspec.local.refusal import Refusal

TEXT_LIMIT = 64 * 1024
PART_LIMIT = 20_000


@dataclass(slots=True)
class Part:
    """One part of a form: a text, or a file with a content that the caller may keep."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    key: bytes = b""
    value: bytes = b""
    name: str = ""
    filename: str = ""
    data: bytearray = field(default_factory=bytearray)
    content: IncomingBlob | None = None

    @property
    def text(self) -> str:
        return _text(bytes(self.data))


class _Reader:
    """Turns the parser's callbacks into parts."""

    def __init__(self, boundary: bytes, new_content: Callable[[], IncomingBlob]) -> None:
        self._new_content = new_content
        self._part = Part()
        self._count = 0
        self.finished: list[Part] = []
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
        self._part = Part()
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
            self._part.content = self._new_content()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.content is not None:
            self._part.content.write(data[start:end])
            return
        self._part.data += data[start:end]
        if len(self._part.data) > TEXT_LIMIT:
            raise _wrong(f'has a part "{self._part.name}" of more than {TEXT_LIMIT} bytes that is not a file')

    def _end(self) -> None:
        if self._part.content is not None:
            self._part.content.finish()
        self.finished.append(self._part)

    def _complete(self) -> None:
        self.is_complete = True


async def form_parts(call: RouteCall, contents: ExitStack) -> AsyncIterator[Part]:
    """Yield the parts of a form. `contents` holds what was not kept. Raises Refusal without a complete form."""
    kind, options = parse_options_header(call.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise _wrong("is not multipart/form-data with a boundary")
    try:
        reader = _Reader(boundary, lambda: contents.enter_context(call.parts.blobs.incoming()))
    except FormParserError as error:
        raise _wrong(f"cannot be read: {error}") from None
    async for chunk in call.body:
        reader.feed(chunk)
        for part in reader.finished:
            yield part
        reader.finished.clear()
    if not reader.is_complete:
        raise _wrong("ends before its closing boundary")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _wrong("holds a text that is not UTF-8") from None


def _wrong(problem: str) -> Refusal:
    return Refusal(400, "VALIDATION_ERROR", f"the form {problem}")
