"""A state as a document: an import gives the same state, and a changed document is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from taskspec.errors import StateError
from taskspec.specfile.schema import load_schema
from taskspec.state.model import Event, EventKind
from taskspec.state.store import open_store
from taskspec.state.transfer import export_document, read_export, restore

from .journals import event, stored

STATE = Draft7Validator(load_schema("state"))
LINEAGE = "a" * 32
JOURNAL = stored(*(event(kind) for kind in EventKind))
IMPORTED = event(EventKind.IMPORTED, events=len(JOURNAL))
NOW = "2026-01-01T00:00:00.000Z"
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def clock() -> float:
    return 1_767_225_600.0


def document() -> dict[str, Any]:
    return json.loads(json.dumps(export_document(LINEAGE, "local", JOURNAL)))


def test_an_export_fits_its_schema_and_comes_back_as_it_was() -> None:
    exported = document()
    STATE.validate(exported)
    back = read_export("state.json", json.dumps(exported).encode())
    assert (back.lineage, back.server, list(back.events)) == (LINEAGE, "local", JOURNAL)


@given(VALUES)
def test_whatever_a_body_holds_comes_back(value: Any) -> None:
    events = stored(event(EventKind.ENDED, results={"x": value}))
    content = json.dumps(export_document(LINEAGE, "local", events)).encode()
    assert list(read_export("state.json", content).events) == events


def test_a_state_made_from_an_export_goes_on_as_the_same_state(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    restore(path, read_export("x", json.dumps(document()).encode()), NOW, "state import", IMPORTED)
    with open_store(path, clock=clock) as store:
        rows = list(store.events())
        assert store.lineage == LINEAGE
        assert rows[:-1] == JOURNAL
        assert rows[-1].event == IMPORTED
    assert sorted(each.name for each in tmp_path.iterdir()) == ["state.db", "state.lineage"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every leaf of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict | list):
        for key, item in items:
            yield from leaves(item, (*path, key))
    else:
        yield path


NOT_CHAINED = {("server",)}
"""Where the ids mean something: checked against the server at the import."""


@pytest.mark.parametrize("path", sorted(set(leaves(document())) - NOT_CHAINED, key=str), ids=str)
def test_no_value_of_an_export_can_be_changed_unseen(path: tuple[Any, ...]) -> None:
    changed = document()
    *parents, last = path
    inner: Any = changed
    for key in parents:
        inner = inner[key]
    inner[last] = not inner[last] if isinstance(inner[last], bool) else "other" if isinstance(inner[last], str) else 999
    with pytest.raises(StateError) as refused:
        read_export("state.json", json.dumps(changed).encode())
    assert "state.json" in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize("taken", range(1, len(JOURNAL) - 1))
def test_no_event_can_be_taken_out_of_the_middle_or_swapped(taken: int) -> None:
    for events in (_without(taken), _swapped(taken)):
        with pytest.raises(StateError):
            read_export("state.json", json.dumps({**document(), "events": events}).encode())


def _without(index: int) -> list[Any]:
    events = document()["events"]
    return events[:index] + events[index + 1 :]


def _swapped(index: int) -> list[Any]:
    events = copy.deepcopy(document()["events"])
    events[index], events[index + 1] = events[index + 1], events[index]
    return events


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"taskspec_state": 1}', b'{"taskspec_state": 2, "format": 1}',
     b'{"taskspec_state": 1, "format": 1, "lineage": "", "server": "local", "events": []}',
     b'{"taskspec_state": 1, "format": 1, "lineage": "a", "server": "local", "events": [null]}',
     b'{"taskspec_state": 1, "format": 1, "lineage": "a", "server": "local", "events": {}}'],
)  # fmt: skip
def test_what_is_no_export_is_refused(content: bytes) -> None:
    with pytest.raises(StateError):
        read_export("state.json", content)


def test_events_that_add_up_to_no_state_are_refused_although_they_are_chained() -> None:
    nonsense = export_document(LINEAGE, "local", stored_unchecked(Event(EventKind.INTENT, "a", "k", {})))
    with pytest.raises(StateError, match="cannot be read"):
        read_export("state.json", json.dumps(nonsense).encode())


def stored_unchecked(*events: Event) -> list[Any]:
    return [type(JOURNAL[0])(number, NOW, "r1", each) for number, each in enumerate(events, start=1)]


def test_nothing_is_restored_over_a_state_nor_in_the_place_of_another_lineage(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    exported = read_export("x", json.dumps(document()).encode())
    restore(path, exported, NOW, "state import", IMPORTED)
    with pytest.raises(StateError, match="already"):
        restore(path, exported, NOW, "state import", IMPORTED)
    path.unlink()
    other = read_export("x", json.dumps(export_document("b" * 32, "local", [])).encode())
    with pytest.raises(StateError, match="lineage"):
        restore(path, other, NOW, "state import", IMPORTED)
    assert not path.exists()
