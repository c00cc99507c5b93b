"""Values that nobody may see: a marker that spreads through expressions, and the secrets a process knows.

A secret travels as a `Sensitive` leaf. It is revealed at one moment, when it is sent; wherever something is compared,
stored or shown, its mark stands instead: `(sensitive 3f2a…)`, a salted digest that says whether it changed and no more.
Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NoReturn

from taskspec.hiding import HIDDEN as HIDDEN  # noqa: PLC0414 - whoever knows secrets names what stands for them
from taskspec.hiding import HiddenTexts
from taskspec.json_tree import leaf_values, map_leaves
from taskspec.values import Json, Opaque, canonical

_STRETCH = 50_000
_TOKENS = "(tokens)"
"""Stands in marks for what is no variable: tokens of servers and launches."""
_MARK = re.compile(r"\(sensitive [0-9a-f]{20}\)")
_WITHHELD: Final = object()


class SensitiveTouchedError(Exception):
    """An expression needed the content of a sensitive value; what it gives is sensitive too."""


class Sensitive(Opaque):
    """A value that is sent and never shown.

    It has no text, no truth and no JSON: whoever touches it finds SensitiveTouchedError, and the expression is
    evaluated again with the content, its result being sensitive as a whole. Where it `is_withheld` there is no content:
    a secret that was not looked up, or one that only its mark is on record of.
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
        """What stands for it wherever it is compared or stored."""
        if not self._mark and not self.is_withheld:
            self._mark = self._secrets.mark(self._content, self._origins)
        return self._mark or HIDDEN

    def mark_of(self, content: Json) -> str:
        """The mark this secret would have if it were `content`."""
        return HIDDEN if self.is_withheld else self._secrets.mark(content, self._origins)

    def combined(self, others: Iterable[Sensitive], content: Json) -> Sensitive:
        """What an expression over this and others gives."""
        origins = self._origins.union(*(other._origins for other in others))
        return self._secrets.derived(content, origins)

    def withheld(self) -> Sensitive:
        """What an expression gives when the content is not there."""
        return Sensitive(self._secrets, _WITHHELD)

    def reveal(self) -> Json:
        """The content. Raises WithheldError when it is not there."""
        if self.is_withheld:
            raise WithheldError
        return self._content

    def __repr__(self) -> str:
        return HIDDEN

    def _touch(self, *_: object) -> NoReturn:
        raise SensitiveTouchedError

    __str__ = __bool__ = __int__ = __float__ = __len__ = __iter__ = __index__ = __format__ = __getitem__ = _touch
    __contains__ = __abs__ = __neg__ = __pos__ = __round__ = __hash__ = _touch
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _touch
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _touch
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _touch


class WithheldError(Exception):
    """The content of a secret is needed and is not there."""


class Secrets:
    """The secrets of one process: what they are called, and every text that must not be said.

    `salt` goes into every mark, so that marks of different servers say nothing about each other.
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
        """Whether the secret called `name` was looked up."""
        return self._values.get(name) is not None

    def keep(self, name: str, value: Json) -> Sensitive:
        """The secret called `name`; from now on its text is hidden in whatever passes `scrub`."""
        self._values[name] = value
        return self.derived(value, (name,))

    def unread(self, name: str) -> Sensitive:
        """The secret called `name`, which is not looked up."""
        self._values.setdefault(name, None)
        return Sensitive(self, _WITHHELD, (name,))

    def recorded(self, value: Json) -> Json:
        """A value from the record, with its marks as secrets that only the mark is known of."""

        def restored(leaf: Json) -> Json:
            return self._found(_WITHHELD, leaf) if isinstance(leaf, str) and _MARK.fullmatch(leaf) else leaf

        return map_leaves(value, restored)

    def _found(self, content: Json, mark: str = "") -> Sensitive:
        """A value that is sensitive without an expression of ours having made it so."""
        if not self._values:
            self._values[_TOKENS] = None
        return Sensitive(self, content, self._values, mark)

    def derived(self, content: Json, origins: Iterable[str]) -> Sensitive:
        for text in _texts(content):
            self.know(text)
        return Sensitive(self, content, origins)

    def know(self, text: str) -> None:
        """Hide this text from now on, however it is spelt."""
        self._texts.add(text)

    def scrub(self, text: str) -> str:
        """The text with every known secret hidden."""
        return self._texts.hide(text)

    def scrub_tail(self, text: str) -> str:
        """The end of a longer text, without the rest of a secret that the cut went through."""
        return self._texts.hide_start(text)

    def scrubbed(self, value: Json) -> Json:
        """A value for a record or a screen: marks instead of sensitive leaves, known secrets hidden in every text."""
        if isinstance(value, Sensitive):
            return value.mark
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, Mapping):
            return {self.scrub(key): self.scrubbed(item) for key, item in value.items()}
        return [self.scrubbed(item) for item in value] if isinstance(value, list | tuple) else value

    def noticed(self, value: Json) -> Json:
        """A value from outside, with every text that gives a secret away made sensitive: an app may echo its params."""

        def marked(leaf: Json) -> Json:
            return self._found(leaf) if isinstance(leaf, str) and self.scrub(leaf) != leaf else leaf

        return map_leaves(value, marked)

    def mark(self, content: Json, origins: Iterable[str]) -> str:
        """`(sensitive 3f2a…)`: keyed with the stretched secrets it was made of, so that guessing one stays slow."""
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
    """Every text that would give a value away; a number counts as the text it is written as."""
    for leaf in leaf_values(value):
        if isinstance(leaf, str | int | float) and not isinstance(leaf, bool):
            yield str(leaf)


def sensitive_in(value: Json) -> Iterator[Sensitive]:
    """Every sensitive leaf of a value."""
    return (leaf for leaf in leaf_values(value) if isinstance(leaf, Sensitive))


def is_sensitive(value: Json) -> bool:
    """Whether a part of the value must not be shown."""
    return next(sensitive_in(value), None) is not None


def reveal(value: Json) -> Json:
    """The value as it is sent. Raises WithheldError when a secret in it is not there."""
    return map_leaves(value, lambda leaf: leaf.reveal() if isinstance(leaf, Sensitive) else leaf)


def contents(value: Json) -> Json:
    """The value with its secrets laid open as far as they are there; for measuring, not for showing."""

    def content(leaf: Json) -> Json:
        if not isinstance(leaf, Sensitive):
            return leaf
        return None if leaf.is_withheld else leaf.reveal()

    return map_leaves(value, content) if is_sensitive(value) else value


def redacted(value: Json) -> Json:
    """The value as it is compared and stored: a mark for each secret."""
    return map_leaves(value, lambda leaf: leaf.mark if isinstance(leaf, Sensitive) else leaf)


def marked_like(value: Json, model: Json) -> Json:
    """`value` with marks where `model` has secrets, so that the two can be compared without either being seen."""
    if isinstance(model, Sensitive):
        return model.mark_of(value)
    if isinstance(value, Mapping) and isinstance(model, Mapping):
        return {key: marked_like(item, model.get(key)) for key, item in value.items()}
    if isinstance(value, list | tuple) and isinstance(model, list | tuple) and len(value) == len(model):
        return [marked_like(item, pattern) for item, pattern in zip(value, model, strict=True)]
    return value


def may_be_the_same(before: Json, after: Json) -> bool:
    """Whether one of two marks stands for a secret that was not looked up, so that nobody can tell them apart."""
    sides = [side for side in (before, after) if isinstance(side, str)]  # what is known after apply cannot be compared
    return len(sides) == 2 and HIDDEN in sides and all(side == HIDDEN or _MARK.fullmatch(side) for side in sides)
