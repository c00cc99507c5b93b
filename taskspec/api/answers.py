"""What an answer means: the server's JSON, or the one error class that says what became of the request.

Pure: bytes in, value or exception out. Facts: wire protocol, sections 1.2 and 1.3.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from taskspec.errors import ApiError, NotFound, OutcomeUnknown, Refused, Unauthorized

UNKNOWN_STATUSES = frozenset({408, 425, 499})
"""4xx that an intermediary or an impatient server sends although the work may have begun."""

MOVED_STATUSES = frozenset({301, 307, 308})
"""Redirects that promise the request was not carried out here; 302 and 303 may follow after the work is done."""

SHOWN = 300
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete answer and the request it belongs to. `secret` is cut out of every message built from it."""

    request: str
    status: int
    body: bytes
    location: str = ""
    secret: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body of a success. Raises the error this answer stands for."""
        self.check()
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            seen = self._clean(self.body[:80].decode("utf-8", "replace")) or "an empty body"
            raise OutcomeUnknown(
                f"{self.request}: the server answered {self.status} with no readable JSON: {seen}",
                status=self.status,
                remedy="check that SERVER_ADDRESS is a Supervisely server and not a page in front of it",
            ) from None

    def check(self) -> None:
        """Return when the answer is a success, raise what it means otherwise."""
        if not self.is_success:
            raise self._error()

    def _error(self) -> ApiError:
        code, said = server_message(self.body)
        message = f"{self.request}: the server answered {self.status}"
        if said:
            message += f": {self._clean(said)}"
        if self.status in MOVED_STATUSES:
            return self._moved(message)
        if self.status < 400 or self.status >= 500 or self.status in UNKNOWN_STATUSES:
            remedy = "the request may have been carried out; look before sending it again"
            return OutcomeUnknown(message, status=self.status, remedy=remedy)
        return _refused(message, self.status, self._clean(code))

    def _moved(self, message: str) -> Refused:
        target = self._clean(self.location) or "another address"
        return Refused(
            f"{message}: moved to {target}", status=self.status, remedy="set SERVER_ADDRESS to the address it moved to"
        )

    def _clean(self, text: str) -> str:
        """Printable, short, and without the token, whatever the server sent back."""
        return printable(text, self.secret)


def printable(text: str, secret: str) -> str:
    """One short line of printable text, without the secret. One of a few letters hides nothing and would hide words."""
    if len(secret) >= SHORTEST_SECRET:
        text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:SHOWN]


def server_message(body: bytes) -> tuple[str, str]:
    """Code and text of an error body in any of its shapes; ("", text) when it is no JSON object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return "", body[: 4 * SHOWN].decode("utf-8", "replace")
    if not isinstance(content, dict):
        return "", ""
    code = content.get("error")
    code = code if isinstance(code, str) else ""
    text = _detail(content.get("details")) or _text(content.get("message")) or _of_fastapi(content.get("detail"))
    return code, f"{code}: {text}" if code and text and code != text else text or code


def _detail(details: Any) -> str:
    if isinstance(details, list) and details:
        details = details[0]
    if isinstance(details, dict):
        return _text(details.get("message"))
    return _text(details)


def _of_fastapi(detail: Any) -> str:
    """What apps say that are built on FastAPI: a text, or a list of what is wrong where."""
    if not isinstance(detail, list):
        return _text(detail)
    found = [item for item in detail if isinstance(item, dict) and isinstance(item.get("msg"), str)]
    return "; ".join(f"{'.'.join(map(str, item.get('loc') or ()))}: {item['msg']}".lstrip(": ") for item in found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _refused(message: str, status: int, code: str) -> Refused:
    if status in {401, 403}:
        remedy = "check API_TOKEN, and that its user may do this"
        return Unauthorized(message, status=status, code=code, remedy=remedy)
    if status == 404:
        return NotFound(
            message, status=status, code=code, remedy="check the id or name, and that this is the right server"
        )
    if status == 429:
        return Refused(message, status=status, code=code, remedy="wait a little; the server asks for fewer requests")
    if status == 402:
        return Refused(
            message, status=status, code=code, remedy="the plan of this Supervisely account does not allow it"
        )
    return Refused(message, status=status, code=code, remedy="change what is asked for; sending it again will not help")
