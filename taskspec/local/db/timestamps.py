"""Timestamps of the wire: ISO-8601, UTC, milliseconds, `Z`. In this form they sort as text."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def normalized(text: str) -> str | None:
    """Convert any ISO-8601 time to the form of the wire, or return None. A time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
