"""Whether a text matches a `pattern:`, in time that grows with both: all ways at once, and none tried twice.

Python's own parser reads the pattern, so that it means what it means in `re`. Parts that need backtracking are refused
by name: looking ahead or behind, a reference to a group, possessive repeats.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

# `re` has no public name for its parse tree. These three modules are the same in Python 3.11 to 3.14.
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

LENGTH_LIMIT = 1_000
DEPTH_LIMIT = 50
SIZE_LIMIT = 10_000
"""States of a pattern, repeats written out."""
STEP_LIMIT = 5_000_000
"""Steps for all patterns of a spec together: a second or two."""

_SIGN = re.compile(r"\\.|\[\^?(?:\\.|[^\\])(?:\\.|[^\]\\])*\]|\(\?#|.", re.DOTALL)
"""A sign, an escape, a class or the start of a comment: inside a class `(?#` is three characters."""
_FLAGS = int(re.IGNORECASE | re.DOTALL)
_REFERS = "refers to a group, which can take for ever"
_REFUSED = {
    _constants.ASSERT: "looks {way}, which can take for ever",
    _constants.ASSERT_NOT: "looks {way}, which can take for ever",
    _constants.FAILURE: "looks {way}, which can take for ever",  # what Python 3.13 reads `(?!)` as
    _constants.GROUPREF: _REFERS,
    _constants.GROUPREF_EXISTS: _REFERS,
    _constants.ATOMIC_GROUP: "has a group that does not give back, which can take for ever",
    _constants.POSSESSIVE_REPEAT: "has a repeat that does not give back",
}
_States = tuple[int, ...]


class PatternError(ValueError):
    """A pattern that cannot be read, or that we do not match."""


@dataclass(slots=True)
class Matcher:
    steps: int = STEP_LIMIT

    def matches(self, pattern: str, text: str) -> bool:
        """Whether the whole text matches, as in `re.fullmatch`. Raises PatternError."""
        machine = parse_pattern(pattern)
        self.spend(len(machine.next) + len(text))
        return _MatchWalk(machine, text, self.spend).ends_well()

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise PatternError(f"matching takes more than {STEP_LIMIT:,} steps in all")


@lru_cache(maxsize=256)
def parse_pattern(pattern: str) -> PatternMachine:
    """The machine of a pattern. Raises PatternError, with the reason."""
    if len(pattern) > LENGTH_LIMIT:
        raise PatternError(f"it has {len(pattern):,} characters, and may have {LENGTH_LIMIT:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
    except (re.error, OverflowError) as error:
        raise PatternError(f"it cannot be read: {error}") from None
    except RecursionError:
        raise PatternError("it is nested too deeply") from None
    signs = _SIGN.findall(pattern)
    if "(?#" in signs or tree.state.flags & ~(_FLAGS | int(re.UNICODE)):
        raise PatternError("it has a comment, or flags other than i and s")
    if max(accumulate((sign == "(") - (sign == ")") for sign in signs), default=0) > DEPTH_LIMIT:
        raise PatternError(f"its groups are nested deeper than {DEPTH_LIMIT}")
    machine = PatternMachine()
    machine.start = machine.add(tree, 0, tree.state.flags & _FLAGS)
    return machine


class PatternMachine:
    """A pattern as numbered states: a character to read, a place to be at, a fork, or the end, which is 0."""

    def __init__(self) -> None:
        self.fits: dict[int, Callable[[str], object]] = {}
        self.places: dict[int, str] = {}
        self.next: list[tuple[int, ...]] = [()]
        self.start = 0
        self._tests: dict[tuple[str, int], Callable[[str], object]] = {}

    def _state(self, *following: int) -> int:
        if len(self.next) > SIZE_LIMIT:
            raise PatternError(f"its repeats, written out, have more than {SIZE_LIMIT:,} parts")
        self.next.append(following)
        return len(self.next) - 1

    def add(self, parts: Sequence[tuple[Any, Any]], after: int, flags: int) -> int:
        """The state where these parts begin, whose end is the state `after`."""
        for kind, what in reversed(parts):
            after = self._add_part(kind, what, after, flags)
        return after

    def _add_part(self, kind: Any, what: Any, after: int, flags: int) -> int:
        if kind in _REFUSED:
            way = "behind" if isinstance(what, tuple) and what[:1] == (-1,) else "ahead"
            raise PatternError(f"it {_REFUSED[kind].format(way=way)}")
        if kind is _constants.SUBPATTERN:
            _, more, fewer, inner = what
            if fewer or more & ~_FLAGS:
                raise PatternError("it has a comment, or flags other than i and s")
            return self.add(inner, after, flags | more)
        if kind is _constants.BRANCH:
            return self._state(*(self.add(option, after, flags) for option in what[1]))
        if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            low, high, inner = what
            return self._repeat(lambda end: self.add(inner, end, flags), low, high, after)
        state = self._state(after)
        if kind is _constants.AT:
            self.places[state] = str(what)
        else:
            self.fits[state] = self._test(kind, what, flags)
        return state

    def _test(self, kind: Any, what: Any, flags: int) -> Callable[[str], object]:
        """Whether one character fits, as `re` compiles it."""
        name = (f"{kind} {what}", flags)
        if name not in self._tests:
            single = _parser.SubPattern(_parser.State(), [(kind, what)])
            self._tests[name] = _compiler.compile(single, flags | int(re.UNICODE)).fullmatch
        return self._tests[name]

    def _repeat(self, add: Callable[[int], int], low: int, high: int, after: int) -> int:
        if high == _constants.MAXREPEAT:
            loop = self._state()
            self.next[loop] = (add(loop), after)
            first = loop
        else:
            first = after
            for _ in range(high - low):
                first = self._state(add(first), after)
        for _ in range(low):  # a state for each, or a repeat of nothing would have no size
            first = self._state(add(first))
        return first


@dataclass(slots=True)
class _MatchWalk:
    """One text through one machine, in all states that are possible at once."""

    machine: PatternMachine
    text: str
    spend: Callable[[int], None]
    known: dict[tuple[_States, str, frozenset[str]], _States] = field(default_factory=dict)

    def ends_well(self) -> bool:
        states = self._reached([self.machine.start], self._here(0))
        for position, character in enumerate(self.text, start=1):
            here = self._here(position)
            found = self.known.get((states, character, here))
            if found is None:
                found = self._after(states, character, here)
                self.known[states, character, here] = found
            states = found
            if not states:
                return False
        return 0 in states

    def _after(self, states: _States, character: str, here: frozenset[str]) -> _States:
        self.spend(len(states))
        fits, following = self.machine.fits, self.machine.next
        return self._reached([following[s][0] for s in states if s in fits and fits[s](character)], here)

    def _reached(self, states: list[int], here: frozenset[str]) -> _States:
        """The states one can be in without reading on: those that read a character, and the end, which is 0."""
        machine, seen, found = self.machine, set(states), []
        while states:
            state = states.pop()
            if state == 0 or state in machine.fits:
                found.append(state)
            elif machine.places.get(state) in (None, *here):
                fresh = [following for following in machine.next[state] if following not in seen]
                seen.update(fresh)
                states.extend(fresh)
        self.spend(len(seen))
        return tuple(sorted(found))

    def _here(self, position: int) -> frozenset[str]:
        """Which places this one is, as far as the pattern asks."""
        return frozenset(self._kinds(position)) if self.machine.places else frozenset()

    def _kinds(self, position: int) -> Iterator[str]:
        text = self.text
        if position == 0:
            yield from ("AT_BEGINNING", "AT_BEGINNING_STRING")
        if position == len(text):
            yield "AT_END_STRING"
        if position >= len(text) - 1 and text[position:] in ("", "\n"):
            yield "AT_END"
        sides = text[max(0, position - 1) : position], text[position : position + 1]
        before, after = (side.isalnum() or side == "_" for side in sides)
        if before != after:
            yield "AT_BOUNDARY"
        elif text:
            yield "AT_NON_BOUNDARY"
