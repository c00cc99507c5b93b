"""Secret values: a marker that spreads through expressions, and the registry of the secrets of a process. Pure.

A secret travels as a `Sensitive` leaf and is revealed only when it is sent. Comparisons, records and output use its
mark `(sensitive 3f2a…)`, a salted digest that shows only whether the secret changed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NoReturn

from taskspec.json_tree import leaf_values, map_leaves
from taskspec.secrets.redaction import HIDDEN as HIDDEN  # noqa: PLC0414 - importers of this module need it too
from taskspec.secrets.redaction import HiddenTexts
from taskspec.values import Json, Opaque, canonical

_STRETCH = 50_000
_TOKENS = "(tokens)"
"""The origin of secrets that are not variables: tokens of servers and launches."""
_MARK = re.compile(r"\(sensitive [0-9a-f]{20}\)")
_WITHHELD: Final = object()


class SensitiveTouchedError(Exception):
    """An expression needs the content of a sensitive value, so its result is sensitive too."""


class Sensitive(Opaque):
    """A value that is sent and never shown.

    Turning it into text, a truth value or JSON raises SensitiveTouchedError. The expression is then evaluated again
    with the content, and its whole result is sensitive. A value that `is_withheld` has no content: the secret was not
    looked up, or the record holds only its mark.
    """

    __slots__ = ("_content", "_mark", "_origins", "_secrets")

    def __init__(self, secrets: Secrets, content: Json, origins: Iterable[str] = (), mark: str = "") -> None:
        self._secrets = secrets
        self._content = content
        self._origins = frozenset(origins)
        self._mark = mark

    @property
    def is_withheld(self) -> bool:
        return self._content is _WITHHELD

    @property
    def mark(self) -> str:
        if not self._mark and not self.is_withheld:
            self._mark = self._secrets.mark(self._content, self._origins)
        return self._mark or HIDDEN

    def mark_of(self, content: Json) -> str:
        """The mark that this secret would have with another content."""
        return HIDDEN if self.is_withheld else self._secrets.mark(content, self._origins)

    def combined(self, others: Iterable[Sensitive], content: Json) -> Sensitive:
        origins = self._origins.union(*(other._origins for other in others))
        return self._secrets.derived(content, origins)

    def withheld(self) -> Sensitive:
        """The result of an expression whose content is withheld."""
        return Sensitive(self._secrets, _WITHHELD)

    def reveal(self) -> Json:
        if self.is_withheld:
            raise WithheldError
        return self._content

    def __repr__(self) -> str:
        return HIDDEN

    def touch(self) -> NoReturn:
        raise SensitiveTouchedError

    def __getitem__(self, key: object) -> NoReturn:
        self.touch()


class WithheldError(Exception):
    """The content of a secret is needed and was not looked up."""


class Secrets:
    """The secrets of one process: their names, and every text to redact.

    `salt` is part of every mark, so marks of different servers cannot be compared.
    """

    def __init__(self) -> None:
        self.salt = ""
        self._values: dict[str, Json] = {}
        self._keys: dict[tuple[str, str], bytes] = {}
        self._texts = HiddenTexts()

    @property
    def has_variables(self) -> bool:
        """Whether a value of the spec may be sensitive: a variable is, or a result holds a token."""
        return bool(self._values)

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def keep(self, name: str, value: Json) -> Sensitive:
        """Register a secret by name. From now on, `redact` redacts its text."""
        self._values[name] = value
        return self.derived(value, (name,))

    def keep_unresolved(self, name: str) -> Sensitive:
        self._values.setdefault(name, None)
        return Sensitive(self, _WITHHELD, (name,))

    def recorded(self, value: Json) -> Json:
        """A value from the record, with each mark as a withheld secret."""

        def restored(leaf: Json) -> Json:
            return self._found(_WITHHELD, leaf) if isinstance(leaf, str) and _MARK.fullmatch(leaf) else leaf

        return map_leaves(value, restored)

    def _found(self, content: Json, mark: str = "") -> Sensitive:
        """A value that is sensitive although no expression of the spec made it."""
        if not self._values:
            self._values[_TOKENS] = None
        return Sensitive(self, content, self._values, mark)

    def derived(self, content: Json, origins: Iterable[str]) -> Sensitive:
        for text in _texts(content):
            self.know(text)
        return Sensitive(self, content, origins)

    def know(self, text: str) -> None:
        self._texts.add(text)

    def redact(self, text: str) -> str:
        return self._texts.hide(text)

    def redact_tail(self, text: str) -> str:
        """Redact the end of a longer text, including the rest of a secret at the cut."""
        return self._texts.redact_start(text)

    def redact_json(self, value: Json) -> Json:
        """A value for a record or a screen: marks replace sensitive leaves, and texts are redacted."""
        if isinstance(value, Sensitive):
            return value.mark
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {self.redact(key): self.redact_json(item) for key, item in value.items()}
        return [self.redact_json(item) for item in value] if isinstance(value, list | tuple) else value

    def mark_known_secrets(self, value: Json) -> Json:
        """A value from outside, with each text that contains a secret made sensitive: an app may echo its params."""

        def marked(leaf: Json) -> Json:
            return self._found(leaf) if isinstance(leaf, str) and self.redact(leaf) != leaf else leaf

        return map_leaves(value, marked)

    def mark(self, content: Json, origins: Iterable[str]) -> str:
        """`(sensitive 3f2a…)`: a digest keyed with the stretched secrets it was made of, so that guessing is slow."""
        keys = sorted(self._key(canonical(self._values.get(name))) for name in origins)
        digest = hmac.new(b"".join(keys), canonical(content).encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"(sensitive {digest.hexdigest()[:20]})"

    def _key(self, text: str) -> bytes:
        place = (self.salt, text)
        if place not in self._keys:
            secret, salt = text.encode("utf-8", "surrogatepass"), self.salt.encode()
            self._keys[place] = hashlib.pbkdf2_hmac("sha256", secret, salt, _STRETCH)
        return self._keys[place]


def _texts(value: Json) -> Iterator[str]:
    """Every text that would reveal a value; a number counts as its text."""
    for leaf in leaf_values(value):
        if isinstance(leaf, str | int | float) and not isinstance(leaf, bool):
            yield str(leaf)


def sensitive_in(value: Json) -> Iterator[Sensitive]:
    return (leaf for leaf in leaf_values(value) if isinstance(leaf, Sensitive))


def is_sensitive(value: Json) -> bool:
    return next(sensitive_in(value), None) is not None


def reveal(value: Json) -> Json:
    """Return the value for sending. Raises WithheldError when it contains a withheld secret."""
    return map_leaves(value, lambda leaf: leaf.reveal() if isinstance(leaf, Sensitive) else leaf)


def reveal_where_possible(value: Json) -> Json:
    """Reveal all secrets that are not withheld. The result is only for measuring, never for output."""

    def content(leaf: Json) -> Json:
        if not isinstance(leaf, Sensitive):
            return leaf
        return None if leaf.is_withheld else leaf.reveal()

    return map_leaves(value, content) if is_sensitive(value) else value


def to_marks(value: Json) -> Json:
    """Return the value for comparing and storing: a mark for each secret."""
    return map_leaves(value, lambda leaf: leaf.mark if isinstance(leaf, Sensitive) else leaf)


def mark_like(value: Json, model: Json) -> Json:
    """Return `value` with marks where `model` has secrets, so that the two can be compared."""
    if isinstance(model, Sensitive):
        return model.mark_of(value)
    if isinstance(value, Mapping) and isinstance(model, Mapping):
        return {key: mark_like(item, model.get(key)) for key, item in value.items()}
    if isinstance(value, list | tuple) and isinstance(model, list | tuple) and len(value) == len(model):
        return [mark_like(item, pattern) for item, pattern in zip(value, model, strict=True)]
    return value


def may_be_the_same(before: Json, after: Json) -> bool:
    """Whether one of two marks is that of a withheld secret, so that they cannot be distinguished."""
    sides = [side for side in (before, after) if isinstance(side, str)]  # values known after apply cannot be compared
    return len(sides) == 2 and HIDDEN in sides and all(side == HIDDEN or _MARK.fullmatch(side) for side in sides)
