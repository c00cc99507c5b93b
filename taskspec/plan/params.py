"""Params an author may have misspelt: keys the app does not declare, close to one that it does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from taskspec.diagnostics import nearest
from taskspec.values import Json, Path


def slips(params: Mapping[str, Json], declared: Mapping[str, Json], path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Keys at any depth that look like a slip, each with its path and the nearest declared name.

    Real apps read keys they do not declare, so a key that is unlike all of them is not a slip. Neither is a key below
    one whose default is an empty map or not a map.
    """
    for name, value in params.items():
        if name in declared:
            below = declared[name]
            if isinstance(value, Mapping) and isinstance(below, Mapping) and below:
                yield from slips(value, below, (*path, name))
        elif declared and (close := nearest(name, declared)):
            yield (*path, name), close
