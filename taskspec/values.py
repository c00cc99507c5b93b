"""JSON values with unknown leaves, their one canonical form, and their digest. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from taskspec import json_tree
from taskspec.json_tree import leaf_values, map_leaves

Json = Any
"""null, bool, int, float, str, lists, and maps with text keys. In plans, leaves may also be Unknown."""

Path = json_tree.Path

INTEGER_LIMIT = 2**63
"""The limit of integers: a database column and most readers of JSON hold 64 bits."""


WORK_LIMIT = 2**27
"""The limit of what a spec evaluates to: a character counts 1, a value VALUE_WORK. It takes some seconds."""
VALUE_WORK = 16


class UnknownTouchedError(Exception):
    """A template needs the content of a value that is known only after apply."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.describe())
        self.unknown = unknown


class Opaque:
    """A leaf that is not JSON: an unknown or a secret value. Computing with it, or turning it into text, touches it.

    As a key, or compared for uniqueness, it would count as different from every other value.
    """

    __slots__ = ()

    def touch(self) -> NoReturn:
        """Raise the error that its content is needed."""
        raise NotImplementedError

    def _touch(self, *_: object) -> NoReturn:
        self.touch()

    __str__ = __bool__ = __int__ = __float__ = __len__ = __iter__ = __index__ = __format__ = _touch
    __contains__ = __abs__ = __neg__ = __pos__ = __round__ = _touch
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _touch
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _touch
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = _touch


class Unknown(Opaque):
    """A value that is known only after apply, with the names of its producers.

    Attribute and index access return the same unknown. Turning it into text, a number, a truth value or a sequence
    raises UnknownTouchedError, which makes the whole scalar unknown.
    """

    __slots__ = ("producers",)

    def __init__(self, *producers: str) -> None:
        object.__setattr__(self, "producers", tuple(dict.fromkeys(producers)))

    producers: tuple[str, ...]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an unknown value cannot be changed")

    def describe(self) -> str:
        return f"(known after apply: {', '.join(self.producers)})"

    def __repr__(self) -> str:
        return f"Unknown{self.producers!r}"

    def __getitem__(self, key: object) -> Unknown:
        return self

    def touch(self) -> NoReturn:
        raise UnknownTouchedError(self)


def unknowns(value: Json) -> Iterator[Unknown]:
    return (leaf for leaf in leaf_values(value) if isinstance(leaf, Unknown))


class ServiceId(int):
    """The launch id of a service. The number is sent; `symbol` counts as the input and stays equal over launches.

    It is pending until the service is launched. A pending id may be passed on as a whole, but reading its number
    raises UnknownTouchedError.
    """

    address: str
    fingerprint: str
    is_pending: bool

    def __new__(cls, task_id: int | None, address: str, fingerprint: str) -> ServiceId:
        made = super().__new__(cls, task_id or 0)
        made.address, made.fingerprint, made.is_pending = address, fingerprint, task_id is None
        return made

    @property
    def symbol(self) -> str:
        return f"tasks.{self.address}.id@{self.fingerprint[:12]}"

    @property
    def unknown(self) -> Unknown:
        return Unknown(f"tasks.{self.address}.id")

    def __bool__(self) -> bool:
        return True

    __hash__ = int.__hash__


def _guarded(name: str) -> Callable[..., Any]:
    """The method of int, which raises for a pending id."""
    method: Callable[..., Any] = getattr(int, name)

    def guarded(self: ServiceId, *arguments: Any) -> Any:
        if self.is_pending:
            raise UnknownTouchedError(self.unknown)
        return method(self, *arguments)

    return guarded


for _name in (
    *("__str__", "__format__", "__int__", "__float__", "__index__", "__abs__", "__neg__", "__pos__", "__round__"),
    *("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"),
    *("__floordiv__", "__rfloordiv__", "__mod__", "__rmod__"),
    *("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"),
):
    setattr(ServiceId, _name, _guarded(_name))


def to_symbols(value: Json) -> Json:
    """Return the value for a fingerprint: symbols replace the ids of services."""
    return map_leaves(value, lambda leaf: leaf.symbol if isinstance(leaf, ServiceId) else leaf)


def pending_ids(value: Json) -> Iterator[ServiceId]:
    return (leaf for leaf in leaf_values(value) if isinstance(leaf, ServiceId) and leaf.is_pending)


def weight_of(value: Json, limit: int, each: int = 4) -> int:
    """The weight of a value: a character counts 1, a value `each`. Stops when the weight exceeds `limit`."""
    weight = 0
    stack = [value]
    while stack and weight <= limit:
        item = stack.pop()
        weight += each + (len(item) if isinstance(item, str) else 0)
        if isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return weight


def weighs_more_than(value: Json, limit: int) -> bool:
    return weight_of(value, limit) > limit


def is_known(value: Json) -> bool:
    return next(unknowns(value), None) is None


def canonical(value: Json) -> str:
    """The canonical JSON text of a known value: sorted keys, no blanks, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Json) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def is_encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def not_json(value: Json) -> tuple[Path, str] | None:
    """Where and why a value is not JSON (a set, an infinity, a key that is not text); None when it is."""
    if isinstance(value, str):
        return None if value.isascii() or is_encodable(value) else ((), "half of a surrogate pair is not valid text")
    if value is None or isinstance(value, bool | Opaque | ServiceId):
        return None
    if isinstance(value, int):
        return None if -INTEGER_LIMIT <= value < INTEGER_LIMIT else ((), "an integer of more than 64 bits")
    if isinstance(value, float):
        return None if math.isfinite(value) else ((), f"{value} is not a JSON number")
    if isinstance(value, Mapping):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            return (), f"key {odd[0]!r} is not text"
    elif not isinstance(value, list | tuple):
        return (), f"a {type(value).__name__} is not a JSON value"
    for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
        problem = None if type(item) is int and -INTEGER_LIMIT <= item < INTEGER_LIMIT else not_json(item)
        if problem is not None:
            return (key, *problem[0]), problem[1]
    return None


def differences(before: Json, after: Json, path: Path = ()) -> Iterator[tuple[Path, Json, Json]]:
    """Leaves that differ, as (path, old, new). A leaf that one side does not have is ABSENT there."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), (*path, key))
    elif _same_length_lists(before, after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, (*path, index))
    elif isinstance(before, Unknown) or isinstance(after, Unknown) or not _same(before, after):
        yield path, before, after


def _same_length_lists(before: Json, after: Json) -> bool:
    return (
        isinstance(before, Sequence)
        and isinstance(after, Sequence)
        and (not isinstance(before, str) and not isinstance(after, str) and len(before) == len(after))
    )


def _same(before: Json, after: Json) -> bool:
    """Equality of JSON texts: true differs from 1, and 1 from 1.0."""
    if before is ABSENT or after is ABSENT:
        return before is after
    if not is_known(before) or not is_known(after):
        return False
    return canonical(before) == canonical(after)


class Absent:
    """The absence of a value; None is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


def show_path(path: Path) -> str:
    """The text of a path: `params.model.layers[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
