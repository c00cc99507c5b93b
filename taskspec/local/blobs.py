"""File contents by their SHA-256: each is kept once, however many names it has.

Knows the disk, not the names. A content is named on the wire by the base64 of its hash (wire protocol 2.5) and on disk
by the hexadecimal form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Self

HASH_BYTES = 32


class Incoming:
    """A content on its way in: hashed while it is written, and nowhere to be found before it is kept."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(prefix=".incoming-", dir=folder)
        self._file = os.fdopen(descriptor, "wb")
        self._path = Path(name)
        self._folder = folder
        self._digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    @property
    def hash(self) -> str:
        return base64.b64encode(self._digest.digest()).decode()

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
        self.size += len(data)

    def finish(self) -> None:
        """All has been written. Raises OSError when the disk could not take it."""
        self._file.close()

    def keep(self) -> None:
        """Put the whole content into the store. Belongs beside the row that names it, with no wait in between."""
        self.finish()
        self._path.replace(self._folder / self._digest.hexdigest())


class Blobs:
    """The contents of one server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def incoming(self) -> Incoming:
        return Incoming(self._folder)

    def path(self, hash: str) -> Path:
        return self._folder / _hexadecimal(hash)

    def has(self, hash: str) -> bool:
        try:
            return self.path(hash).is_file()
        except ValueError:
            return False

    def size(self, hash: str) -> int:
        return self.path(hash).stat().st_size

    def remove(self, hash: str) -> None:
        self.path(hash).unlink(missing_ok=True)


def wire_hash(name: str) -> str | None:
    """The wire's form of a hexadecimal name; None when it is none."""
    try:
        raw = bytes.fromhex(name)
    except ValueError:
        return None
    return base64.b64encode(raw).decode() if len(raw) == HASH_BYTES else None


def _hexadecimal(hash: str) -> str:
    """Raises ValueError for what is no hash, so that no other path can be asked for."""
    try:
        raw = base64.b64decode(hash, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if len(raw) != HASH_BYTES:
        raise ValueError(f"{len(raw)} bytes are no SHA-256")
    return raw.hex()
