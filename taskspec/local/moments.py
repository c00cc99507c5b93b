"""Moments as the wire writes them: ISO-8601, UTC, milliseconds, `Z`; so written, they sort as text."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def normalized(text: str) -> str | None:
    """Any ISO-8601 moment in the wire's own form; None when it is none. Without a zone it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
