"""Compares a request with the last attempt: what differs, and which start key the next attempt has. Pure."""

from __future__ import annotations

from taskspec.plan.model import Change
from taskspec.plan.request import Request, start_key
from taskspec.secrets.sensitive import may_be_the_same
from taskspec.state.model import Record
from taskspec.values import ABSENT, differences, is_known


def changes_of(record: Record, request: Request) -> tuple[Change, ...]:
    found = tuple(Change(*difference) for difference in differences(record.inputs, request.inputs))
    if request.has_secrets:
        found = tuple(change for change in found if not may_be_the_same(change.before, change.after))
    if not request.is_checked:  # what the spec does not say may be a default of the app
        found = tuple(change for change in found if change.after is not ABSENT)
    return found


def is_certain(change: Change) -> bool:
    return is_known(change.after)


def last_key(
    record: Record | None, lineage: str, address: str, fingerprint: str, *, highest: int = 0
) -> tuple[str, int]:
    """Key and number of the attempt to make now: the one that was cut off or never sent again, else the next.

    `highest` is the last attempt the address ever had, so that a forgotten launch never lends its key to a new one.
    """
    if record is not None and record.fingerprint == fingerprint and record.may_be_sent_again:
        return record.key, record.attempt
    attempt = max(record.attempt if record is not None else 0, highest) + 1
    return start_key(lineage, address, fingerprint, attempt), attempt
