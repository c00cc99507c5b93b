"""A YAML text as a tree with comments, order, styles and anchors. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar. `text` is the value if it `is_text`, otherwise the source: a number, an alias, or empty.

    `style` is `|` or `>` for a block scalar; `lines` are the source lines of a folded one.
    """

    text: str
    is_text: bool
    style: str = ""
    lines: tuple[str, ...] = ()
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a map, or one item of a list, which has no key.

    `leading` are the comment lines above it, an empty one for a blank line. `trailing` is the comment on the same line.
    """

    key: Leaf | None
    value: Node
    leading: tuple[str, ...] = ()
    trailing: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A map or a list. `in_line`: it is written in brackets. `foot` are comment lines below its last entry.

    `spaced` asks for a blank line between entries that take more than one line.
    """

    entries: tuple[Entry, ...]
    is_map: bool
    in_line: bool = False
    foot: tuple[str, ...] = ()
    anchor: str = ""
    spaced: bool = False


Node = Leaf | Branch


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole text: the comment lines at its top, and the root."""

    header: tuple[str, ...]
    root: Node


def leaf(value: Json) -> Leaf:
    """A scalar value as a leaf."""
    if isinstance(value, str):
        return Leaf(value, is_text=True)
    if isinstance(value, bool):
        return Leaf("true" if value else "false", is_text=False)
    return Leaf("null" if value is None else repr(value), is_text=False)


def node(value: Json, *, in_line: bool = False) -> Node:
    """A value as a tree without comments; lists of scalars are written on one line if they fit."""
    if isinstance(value, dict):
        pairs = tuple(Entry(Leaf(key, is_text=True), node(item, in_line=in_line)) for key, item in value.items())
        return Branch(pairs, is_map=True, in_line=in_line)
    if isinstance(value, list | tuple):
        flat = in_line or not any(isinstance(item, dict | list | tuple) for item in value)
        return Branch(tuple(Entry(None, node(item, in_line=flat)) for item in value), is_map=False, in_line=flat)
    return leaf(value)


def entry(key: str, value: Node, *leading: str, trailing: str = "") -> Entry:
    """One entry of a map, with the comment lines above it."""
    return Entry(Leaf(key, is_text=True), value, leading, trailing)


def block(entries: Iterable[Entry], *, foot: tuple[str, ...] = (), spaced: bool = False) -> Branch:
    """A map with one entry on each line."""
    return Branch(tuple(entries), is_map=True, foot=foot, spaced=spaced)
