"""Interpret an answer: the server's JSON, or the error class that states the fate of the request.

Pure: bytes in, value or exception out. Facts: wire protocol, sections 1.2 and 1.3.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from taskspec.api.records.wire_record import as_text
from taskspec.errors import ApiError, NotFound, OutcomeUnknown, Refused, Unauthorized

UNKNOWN_STATUSES = frozenset({408, 425, 499})
"""4xx that an intermediary or a server with a timeout sends although the work may have begun."""

MOVED_STATUSES = frozenset({301, 307, 308})
"""Redirects before the work. 302 and 303 are not among them: a server may send them after the work."""

SHOWN = 300
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One complete answer and its request. Messages about it never contain `secret`."""

    request: str
    status: int
    body: bytes
    location: str = ""
    secret: str = ""
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Decode the body of a success. Raises the error that this answer means."""
        self.check()
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            seen = self._clean(self.body[:80].decode("utf-8", "replace")) or "an empty body"
            raise OutcomeUnknown(
                f"{self.request}: the server answered {self.status} without valid JSON: {seen}",
                status=self.status,
                remedy="check that SERVER_ADDRESS is a Supervisely server and not a page in front of it",
            ) from None

    def check(self) -> None:
        """Return for a success. Raises the error that any other answer means."""
        if not self.is_success:
            raise self._error()

    def _error(self) -> ApiError:
        code, said = server_message(self.body)
        message = f"{self.request}: the server answered {self.status}"
        if said:
            message += f": {self._clean(said)}"
        if self.status in MOVED_STATUSES:
            target = self._clean(self.location) or "another address"
            remedy = "set SERVER_ADDRESS to the address it moved to"
            return Refused(f"{message}: moved to {target}", status=self.status, remedy=remedy)
        if self.status < 400 or self.status >= 500 or self.status in UNKNOWN_STATUSES:
            remedy = "the request may have been carried out; check before sending it again"
            return OutcomeUnknown(message, status=self.status, remedy=remedy)
        kind, remedy = _REFUSALS.get(self.status, _USUAL)
        wait = float(self.retry_after) if self.retry_after.isdecimal() else 0.0
        return kind(message, status=self.status, code=self._clean(code), remedy=remedy, retry_after=wait)

    def _clean(self, text: str) -> str:
        """Shorten the server's text to printable characters without the token."""
        return printable(text, self.secret)


def printable(text: str, secret: str) -> str:
    """Make one short printable line without the secret. A very short secret stays, because it may be a usual word."""
    if len(secret) >= SHORTEST_SECRET:
        text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:SHOWN]


def server_message(body: bytes) -> tuple[str, str]:
    """Return code and text of an error body in any of its forms; ("", text) when it is not JSON."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return "", body[: 4 * SHOWN].decode("utf-8", "replace")
    if not isinstance(content, dict):
        return "", ""
    code = as_text(content.get("error"))
    text = _detail(content.get("details")) or as_text(content.get("message")) or _of_fastapi(content.get("detail"))
    return code, f"{code}: {text}" if code and text and code != text else text or code


def _detail(details: Any) -> str:
    if isinstance(details, list) and details:
        details = details[0]
    if isinstance(details, dict):
        return as_text(details.get("message"))
    return as_text(details)


def _of_fastapi(detail: Any) -> str:
    """Read the errors of FastAPI apps: a text, or a list of problems and their places."""
    if not isinstance(detail, list):
        return as_text(detail)
    found = [item for item in detail if isinstance(item, dict) and isinstance(item.get("msg"), str)]
    return "; ".join(f"{'.'.join(map(str, item.get('loc') or ()))}: {item['msg']}".lstrip(": ") for item in found)


_FORBIDDEN = (Unauthorized, "check API_TOKEN, and that its user may do this")
_REFUSALS: dict[int, tuple[type[Refused], str]] = {
    401: _FORBIDDEN,
    402: (Refused, "the plan of this Supervisely account does not allow it"),
    403: _FORBIDDEN,
    404: (NotFound, "check the id or name, and that this is the right server"),
    429: (Refused, "wait a little; the server asks for fewer requests"),
}
_USUAL = (Refused, "change the request; sending it again will not help")
