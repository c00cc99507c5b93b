"""Walks over JSON values: every leaf with its path, a copy with other leaves, and two maps merged.

A leaf is a value that is neither a mapping nor a list, or an empty one. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
"""Keys and indexes from the root of a value to a place in it."""
_SCALARS = frozenset({str, int, float, bool, type(None)})
"""Most values of a large spec are of these types, and `isinstance` takes longer to tell."""


def leaves(value: Any, path: Path = (), *, depth: int | None = None, lists: bool = True) -> Iterator[tuple[Path, Any]]:
    """Yield every leaf with its path, in the order of the value.

    At `depth` keys a container counts as a leaf. Without `lists`, so does every list.
    """
    children = [] if depth == 0 else _children(value, lists=lists)
    if not children:
        yield path, value
        return
    below = None if depth is None else depth - 1
    for key, item in children:
        yield from leaves(item, (*path, key), depth=below, lists=lists)


def leaf_values(value: Any) -> Iterator[Any]:
    """Yield every value that is not a container, in the order of the value."""
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        value = (value,)
    for item in value:
        if type(item) in _SCALARS or not isinstance(item, Mapping | list | tuple):
            yield item
        else:
            yield from leaf_values(item)


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """Copy a value, with `change` applied to each value that is not a container. Tuples become lists."""
    if isinstance(value, Mapping):
        return {key: map_leaves(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [map_leaves(item, change) for item in value]
    return change(value)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge `over` over `base`, maps key by key to any depth.

    Any other value, also a list, replaces the one in `base`. Neither map is changed.
    """
    if not base:
        return over
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _children(value: Any, *, lists: bool) -> list[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if lists and isinstance(value, list | tuple) else []
