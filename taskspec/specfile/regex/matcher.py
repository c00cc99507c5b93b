"""Whether a text matches a pattern, in time that grows with both: all ways at once, and none tried twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from taskspec.specfile.regex.pattern_parser import (
    Alternatives,
    Character,
    PatternError,
    PatternPosition,
    Repeat,
    Tree,
    parse_pattern,
)

STEP_LIMIT = 5_000_000
"""Steps for all patterns of a spec together: a second or two."""

_States = tuple[int, ...]


@dataclass(slots=True)
class Matcher:
    steps: int = STEP_LIMIT

    def matches(self, pattern: str, text: str) -> bool:
        """Whether the whole text matches, as in `re.fullmatch`. Raises PatternError."""
        tree = parse_pattern(pattern)
        self.spend(tree.size + len(text))
        return _MatchWalk(_Machine(tree), text, self.spend).ends_well()

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise PatternError(f"matching takes more than {STEP_LIMIT:,} steps in all")


class _Machine:
    """A pattern as numbered states: a character to read, a place to be at, a fork, or the end."""

    def __init__(self, tree: Tree) -> None:
        self.fits: dict[int, Callable[[str], object]] = {}
        self.places: dict[int, str] = {}
        self.next: list[tuple[int, ...]] = [()]
        self.start = self._add(tree, 0)

    def _state(self, *following: int) -> int:
        self.next.append(following)
        return len(self.next) - 1

    def _add(self, tree: Tree, after: int) -> int:
        """The state where a part begins whose end is the state `after`."""
        if isinstance(tree, Character):
            state = self._state(after)
            self.fits[state] = tree.fits
            return state
        if isinstance(tree, PatternPosition):
            state = self._state(after)
            self.places[state] = tree.kind
            return state
        if isinstance(tree, Alternatives):
            return self._state(*(self._add(option, after) for option in tree.options))
        if isinstance(tree, Repeat):
            return self._repeat(tree, after)
        for part in reversed(tree.parts):
            after = self._add(part, after)
        return after

    def _repeat(self, tree: Repeat, after: int) -> int:
        if tree.high is None:
            loop = self._state()
            self.next[loop] = (self._add(tree.part, loop), after)
            first = loop
        else:
            first = after
            for _ in range(tree.high - tree.low):
                first = self._state(self._add(tree.part, first), after)
        for _ in range(tree.low):
            first = self._add(tree.part, first)
        return first


@dataclass(slots=True)
class _MatchWalk:
    """One text through one machine, in all states that are possible at once."""

    machine: _Machine
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
            yield from ("^", "A")
        if position == len(text):
            yield "Z"
        if position >= len(text) - 1 and text[position:] in ("", "\n"):
            yield "$"
        before, after = (bool(side) and (side.isalnum() or side == "_") for side in _sides(text, position))
        if before != after:
            yield "b"
        elif text:
            yield "B"


def _sides(text: str, position: int) -> tuple[str, str]:
    return text[position - 1 : position] if position else "", text[position : position + 1]
