"""Refusals: answers with an error status, a code and a message (wire protocol 1.3)."""

from __future__ import annotations


class Refusal(Exception):
    """Answer the request with a 4xx and `{"error": code, "details": {"message": …}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    @property
    def body(self) -> dict[str, object]:
        return {"error": self.code, "details": {"message": self.message}}


def invalid(field: str, problem: str) -> Refusal:
    """A field of the request is missing or wrong."""
    return Refusal(400, "VALIDATION_ERROR", f'field "{field}" {problem}')


def unknown(noun: str, name: object) -> Refusal:
    """The request names a thing that this server does not have."""
    return Refusal(404, "NOT_FOUND", f"no {noun} {name!r} on this server")
