"""Select the one item of a name from a list, with a helpful error for none or several.

Pure, except that an error message may need the list of all names.
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
    """Build the filter for one exact name."""
    return [clause("name", "=", name)]


def only_one(kind: str, name: str, found: Sequence[R], everything: Callable[[], Sequence[WireRecord]]) -> R:
    """Return the single hit. Raises NotFound with the existing names, or Refused when several have the name.

    The SDK returns None without a hit. `everything` is called only for the error message.
    """
    exact = [item for item in found if item.name == name]
    if len(exact) == 1:
        return exact[0]
    if exact:
        ids = ", ".join(str(item.id) for item in exact)
        raise Refused(f'{len(exact)} {kind}s are called "{name}": {ids}', status=409, remedy="use the id instead")
    raise NotFound(f'{kind} "{name}" does not exist', status=404, remedy=_suggestion(kind, name, everything()))


def _suggestion(kind: str, name: str, everything: Sequence[WireRecord]) -> str:
    names = sorted({item.name for item in everything if item.name})
    near = get_close_matches(name, names, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    shown = ", ".join(f'"{each}"' for each in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"there are: {shown}{more}" if names else f"there are no {kind}s"
