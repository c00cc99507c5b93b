"""Compare the requests of two clients field by field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.api.recorder import Seen

PROBES = frozenset({"instance.version"})
"""Requests that the SDK itself sends after the first answer that is not 200 (wire protocol 1.5)."""

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between the SDK and taskspec: the method, and the path into the request."""

    place: str
    sdk: Any
    ours: Any


def compare(sdk: Sequence[Seen], ours: Sequence[Seen]) -> list[Difference]:
    """Return every difference between the requests of the SDK and of taskspec for the same call."""
    left = [request for request in map(as_data, sdk) if request["method"] not in PROBES]
    right = [as_data(request) for request in ours]
    if [request["method"] for request in left] != [request["method"] for request in right]:
        return [Difference("methods", [each["method"] for each in left], [each["method"] for each in right])]
    pairs = zip(left, right, strict=True)
    return [found for one, other in pairs for found in _differences(one["method"], one, other)]


def as_data(seen: Seen) -> dict[str, Any]:
    """Normalise a request: remove boundaries, usual headers and the order of sets."""
    content_type = seen.headers.get("content-type", "").partition(";")[0]
    body: Any = seen.body.decode() if not content_type else None
    if content_type == "application/json":
        body = _without_chance(seen.method, json.loads(seen.body))
    elif content_type == "multipart/form-data":
        body = _form(seen)
    headers = {name: value for name, value in seen.headers.items() if name.startswith("x-")}
    return {
        "method": seen.method,
        "verb": seen.verb,
        "path": seen.path,
        "query": seen.query,
        "headers": {**headers, "content-type": content_type},
        "body": body,
    }


def _without_chance(method: str, body: Any) -> Any:
    """Sort the lists whose order the SDK takes from a set."""
    if method == "images.internal.hashes.list":
        return sorted(body)
    if method == "projects.list":
        return {**body, **({"fields": sorted(body["fields"])} if "fields" in body else {})}
    return body


def _form(seen: Seen) -> list[dict[str, Any]]:
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + seen.body)
    return [
        {
            "name": part.get_param("name", header="content-disposition"),
            "filename": part.get_filename(),
            "type": part.get("content-type") or "",
            "content": part.get_payload(decode=True).decode(),
        }
        for part in message.get_payload()
    ]


def _differences(place: str, one: Any, other: Any) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _differences(f"{place}.{key}", one.get(key, ABSENT), other.get(key, ABSENT))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{place}[{index}]", left, right)
    elif json.dumps(one) != json.dumps(other):  # as text, because in Python 1 == 1.0 == True
        yield Difference(place, one, other)
