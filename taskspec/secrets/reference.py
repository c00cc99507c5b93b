"""Where a secret comes from, as it is written: `env:NAME`, `file:PATH`, `cmd:COMMAND`. Pure; nothing is looked up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class SecretKind(StrEnum):
    ENV = "env"
    FILE = "file"
    CMD = "cmd"


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A place that holds a secret. `is_trusted`: the person who runs taskspec named it, not a file under review."""

    kind: SecretKind
    place: str
    is_trusted: bool

    def __str__(self) -> str:
        return f"{self.kind}:{self.place}"


class UnreadableSecret(Exception):
    """A secret cannot be had: why, and what to do. Never says what was read."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


ReadSecret = Callable[[SecretReference], str]
"""Looks a secret up. Raises UnreadableSecret."""


def secret_reference(text: object, *, is_trusted: bool) -> SecretReference | None:
    """The reference a value spells, or None for any other value."""
    if not isinstance(text, str):
        return None
    kind, colon, place = text.partition(":")
    if not colon or not place.strip() or kind not in set(SecretKind):
        return None
    return SecretReference(SecretKind(kind), place, is_trusted)
