"""The secrets of one command line, to redact from everything that it prints."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskspec.secrets.sensitive import Secrets


class RedactionSession:
    """Travels with the click context, so that a command and the report of its errors redact the same secrets."""

    @cached_property
    def secrets(self) -> Secrets:
        # `--version` and `--help` have no secrets and skip the import.
        from taskspec.secrets.sensitive import Secrets  # noqa: PLC0415 - see above

        return Secrets()
