"""Store file contents by their SHA-256. Each content is stored once, also with several names.

Knows the disk, not the names. The wire names a content by the base64 of its hash (wire protocol 2.5), the disk by the
hexadecimal form.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Self

HASH_BYTES = 32


class IncomingBlob:
    """A content that is being received: hashed while it is written, and invisible until `keep`."""

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
        """Close the file. Raises OSError when the disk is full."""
        self._file.close()

    def keep(self) -> None:
        """Move the content into the store. Call it right before writing the row that names it, without awaiting."""
        self.finish()
        self._path.replace(self._folder / self._digest.hexdigest())


class Blobs:
    """The contents of one server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def incoming(self) -> IncomingBlob:
        return IncomingBlob(self._folder)

    def path(self, hash: str) -> Path:
        return self._folder / _hexadecimal(hash)

    def has(self, hash: str) -> bool:
        try:
            return self.path(hash).is_file()
        except ValueError:
            return False

    def remove(self, hash: str) -> None:
        self.path(hash).unlink(missing_ok=True)


def _hexadecimal(hash: str) -> str:
    """Convert the wire's form. Raises ValueError for anything but a hash, so that no other path can be read."""
    raw = base64.b64decode(hash, validate=True)
    if len(raw) != HASH_BYTES:
        raise ValueError(f"{len(raw)} bytes are not a SHA-256")
    return raw.hex()
