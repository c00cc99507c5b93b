"""Parses a `pattern:` into a tree, of parts whose matching time is proportional to the length of the text.

Parts that need backtracking are refused by name: looking ahead or behind, a reference to a group, possessive repeats.
Anything else means what it means in Python, whose `re` says first whether it can be read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

LENGTH_LIMIT = 1_000
DEPTH_LIMIT = 50
SIZE_LIMIT = 10_000
"""Single characters a pattern asks for, repeats written out."""

_FOR_EVER = {
    "=": "looks ahead",
    "!": "looks ahead",
    "<=": "looks behind",
    "<!": "looks behind",
    "P=": "refers to a group",
    "(": "refers to a group",
    ">": "has a group that does not give back",
}
"""What follows `(?` where matching is a search."""

_COUNT = re.compile(r"\{(?:(\d+)|(\d*),(\d*))\}")
_FLAGS = re.compile(r"\(\?([is]+)([:)])")
_CLASS = re.compile(r"\[\^?(?:\\.|[^\\])(?:\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|0[0-7]{0,2}|[1-3][0-7]{2}|.)", re.DOTALL)


class PatternError(ValueError):
    """A pattern that cannot be read, or that we do not match."""


@dataclass(frozen=True, slots=True)
class Character:
    """One character; `fits` tells whether it is one of those that are meant."""

    fits: Callable[[str], object]
    size: int = 1


@dataclass(frozen=True, slots=True)
class PatternPosition:
    """A place between two characters: `^`, `$`, `A`, `Z`, `b` or `B`."""

    kind: str
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Tree, ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(part.size for part in self.parts))


@dataclass(frozen=True, slots=True)
class Alternatives:
    options: tuple[Tree, ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(option.size for option in self.options))


@dataclass(frozen=True, slots=True)
class Repeat:
    """`part` at least `low` and at most `high` times; None is without end."""

    part: Tree
    low: int
    high: int | None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        times = max(1, self.low if self.high is None else self.high)
        object.__setattr__(self, "size", 1 + (self.part.size + 1) * times)


Tree = Character | PatternPosition | Sequence | Alternatives | Repeat


@lru_cache(maxsize=256)
def parse_pattern(pattern: str) -> Tree:
    """The tree of a pattern. Raises PatternError, with the reason."""
    if len(pattern) > LENGTH_LIMIT:
        raise PatternError(f"it has {len(pattern):,} characters, and may have {LENGTH_LIMIT:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
            tree = _Parser(pattern).whole()
    except (re.error, OverflowError) as error:
        raise PatternError(f"it cannot be read: {error}") from None
    except RecursionError:
        raise PatternError("it is nested too deeply") from None
    if tree.size > SIZE_LIMIT:
        raise PatternError(f"its repeats, written out, have more than {SIZE_LIMIT:,} parts")
    return tree


@dataclass(slots=True)
class _Parser:
    """Reads from left to right; `re` has read the same text before and found nothing wrong."""

    text: str
    at: int = 0
    depth: int = 0
    flags: str = ""

    def whole(self) -> Tree:
        return self._choice()

    def _choice(self) -> Tree:
        options = [self._sequence()]
        while self._took("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Alternatives(tuple(options))

    def _sequence(self) -> Tree:
        parts: list[Tree] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self._part()
            if part is not None:
                parts.append(self._repeated(part))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _took(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _part(self) -> Tree | None:
        """The next part without its repeat; None for flags, which stand for nothing."""
        start = self.text[self.at]
        if start == "(":
            return self._group()
        if start in "^$":
            self.at += 1
            return PatternPosition(start)
        if start == "\\":
            return self._escape()
        found = _CLASS.match(self.text, self.at) if start == "[" else None
        return self._character(found.group() if found else start)

    def _character(self, written: str) -> Character:
        self.at += len(written)
        escaped = re.escape(written) if len(written) == 1 and written != "." else written
        return Character(re.compile(f"(?{self.flags}:{escaped})" if self.flags else escaped).fullmatch)

    def _escape(self) -> Tree:
        found = _ESCAPE.match(self.text, self.at)
        written = found.group() if found else "\\"
        if written[1:] in ("A", "Z", "b", "B"):
            self.at += 2
            return PatternPosition(written[1])
        if len(written) == 2 and written[1] in "123456789":
            raise PatternError("it refers to a group, which can take for ever")
        return self._character(written)

    def _group(self) -> Tree | None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise PatternError(f"its groups are nested deeper than {DEPTH_LIMIT}")
        before = self.flags
        inner = self._opened()
        if inner is not None:
            self.at += 1
            self.flags = before
        self.depth -= 1
        return inner

    def _opened(self) -> Tree | None:
        """The inside of a group, up to its closing bracket; None where the brackets hold no group."""
        if not self._took("(?"):
            self.at += 1
            return self._choice()
        if self._took(":"):
            return self._choice()
        if self._took("P<"):
            self.at = self.text.index(">", self.at) + 1
            return self._choice()
        return self._with_flags()

    def _with_flags(self) -> Tree | None:
        for mark, what in _FOR_EVER.items():
            if self.text.startswith(mark, self.at):
                raise PatternError(f"it {what}, which can take for ever")
        found = _FLAGS.match(self.text, self.at - 2)
        if found is None:
            raise PatternError("it has a comment, or flags other than i and s")
        self.at = found.end()
        self.flags = "".join(sorted({*self.flags, *found[1]}))
        return self._choice() if found[2] == ":" else None

    def _repeated(self, part: Tree) -> Tree:
        times = self._times()
        if times is None:
            return part
        if self._took("+"):
            raise PatternError("it has a repeat that does not give back")
        self._took("?")
        return part if times == (1, 1) else Repeat(part, *times)

    def _times(self) -> tuple[int, int | None] | None:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._took(sign):
                return times
        found = _COUNT.match(self.text, self.at)
        if found is None or found.group() == "{}":
            return None
        self.at = found.end()
        exact, low, high = found.groups()
        if exact is not None:
            return int(exact), int(exact)
        return int(low or 0), int(high) if high else None
