"""Picking the one thing of a name out of a list, and a good error when there is none or more than one.

Pure but for the list of names it asks for once something has gone wrong.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from taskspec.api.paging import clause
from taskspec.api.record import WireRecord
from taskspec.errors import NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

R = TypeVar("R", bound=WireRecord)
SHOWN = 8


def by_name(name: str) -> list[dict[str, Any]]:
    """The filter for one exact name."""
    return [clause("name", "=", name)]


def only_one(kind: str, name: str, found: Sequence[R], everything: Callable[[], Sequence[WireRecord]]) -> R:
    """The single hit. Raises NotFound with the names there are, Refused when several share the name.

    The SDK returns None for no hit. `everything` is only asked for the error message.
    """
    exact = [item for item in found if item.name == name]
    if len(exact) == 1:
        return exact[0]
    if exact:
        ids = ", ".join(str(item.id) for item in exact)
        raise Refused(f'{len(exact)} {kind}s are called "{name}": {ids}', status=409, remedy="use the id instead")
    raise NotFound(f'there is no {kind} "{name}"', status=404, remedy=_suggestion(kind, name, everything()))


def _suggestion(kind: str, name: str, everything: Sequence[WireRecord]) -> str:
    names = sorted({item.name for item in everything if item.name})
    near = get_close_matches(name, names, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    shown = ", ".join(f'"{each}"' for each in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"there are: {shown}{more}" if names else f"there is no {kind} at all"
