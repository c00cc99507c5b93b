"""What this command must not say: its secrets, known to whoever prints.

A command line is one process and prints in many places; a reader of an error message has no other way to the secrets
that were looked up on the way to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskspec.sensitive import Secrets

_known: list[Secrets] = []


def secrets() -> Secrets:
    """The secrets of this command."""
    # `--version` and `--help` know none, and do not pay for it.
    from taskspec.sensitive import Secrets  # noqa: PLC0415 - see above

    if not _known:
        _known.append(Secrets())
    return _known[0]


def scrub(text: str) -> str:
    """The text with every secret of this command hidden."""
    return _known[0].scrub(text) if _known else text


def forget() -> None:
    """A new command begins."""
    _known.clear()
