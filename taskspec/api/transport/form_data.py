"""A multipart form whose files are read while they are sent, so that memory use does not depend on size.

Knows files, not the network.
"""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part of a form: a text, or a file that is sent under a name."""

    name: str
    text: str = ""
    file: Path | None = None
    filename: str = ""
    content_type: str = ""

    def header(self, boundary: str) -> bytes:
        disposition = f'form-data; name="{_quoted(self.name)}"'
        if self.file is not None:
            disposition += f'; filename="{_quoted(self.filename)}"'
        lines = [f"--{boundary}", f"Content-Disposition: {disposition}"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class MultipartBody:
    """A form as a readable stream of known length. Close it to close its files.

    Not a file object: `requests` asks a file object for its position and takes an error for the end.
    """

    def __init__(self, parts: Iterable[FormPart], progress: Callable[[int], object] | None = None) -> None:
        self._boundary = secrets.token_hex(16)
        self._files = ExitStack()
        self._progress = progress
        try:
            self._pieces = self._open(parts)
        except BaseException:
            self._files.close()
            raise
        self._size = sum(_size(piece) for piece in self._pieces)
        self._index = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._size

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __iter__(self) -> Iterator[bytes]:
        """Yield the rest of the form in pieces."""
        return iter(lambda: self.read(CHUNK), b"")

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; b"" at the end."""
        while self._index < len(self._pieces):
            content = self._pieces[self._index].read(size)
            if content:
                if self._progress is not None:
                    self._progress(len(content))
                return content
            self._index += 1
        return b""

    def close(self) -> None:
        self._files.close()

    def _open(self, parts: Iterable[FormPart]) -> list[IO[bytes]]:
        pieces: list[IO[bytes]] = []
        for part in parts:
            pieces.append(io.BytesIO(part.header(self._boundary)))
            if part.file is None:
                pieces.append(io.BytesIO(part.text.encode()))
            else:
                pieces.append(self._files.enter_context(part.file.open("rb")))
            pieces.append(io.BytesIO(b"\r\n"))
        return [*pieces, io.BytesIO(f"--{self._boundary}--\r\n".encode())]


def json_part(name: str, content: object) -> FormPart:
    """Build a text part that contains JSON."""
    return FormPart(name, text=json.dumps(content))


def _size(piece: IO[bytes]) -> int:
    if isinstance(piece, io.BytesIO):
        return len(piece.getvalue())
    return os.fstat(piece.fileno()).st_size


def _quoted(text: str) -> str:
    """Escape a name in a form as the HTML standard demands."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
