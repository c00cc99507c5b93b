"""JSON Patch: the examples of RFC 6902 (appendix A) and RFC 6901, and refused operations."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from taskspec.local.db.documents import PatchError, apply


def patched(document: Any, operation: dict[str, Any]) -> Any:
    return apply(deepcopy(document), operation["op"], operation["path"], operation.get("value"), operation.get("from"))


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux"]}),
        ({"baz": 1, "foo": 2}, {"op": "remove", "path": "/baz"}, {"foo": 2}),
        ({"foo": [1, 2, 3]}, {"op": "remove", "path": "/foo/1"}, {"foo": [1, 3]}),
        ({"baz": 1}, {"op": "replace", "path": "/baz", "value": 2}, {"baz": 2}),
        ({"foo": [1, 2]}, {"op": "replace", "path": "/foo/1", "value": 3}, {"foo": [1, 3]}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"foo": [1, 2, 3]}, {"op": "move", "from": "/foo/0", "path": "/foo/2"}, {"foo": [2, 3, 1]}),
        ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
        ({"baz": [1, {"a": 2}]}, {"op": "test", "path": "/baz/1/a", "value": 2}, {"baz": [1, {"a": 2}]}),
        ({"a": True, "b": 1}, {"op": "test", "path": "/a", "value": True}, {"a": True, "b": 1}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc"]}, {"foo": ["bar", ["abc"]]}),
        ({}, {"op": "add", "path": "", "value": {"whole": 1}}, {"whole": 1}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {}}, {}),
        ({"a/b": 1, "m~n": 2, "": 3}, {"op": "remove", "path": "/a~1b"}, {"m~n": 2, "": 3}),
        ({"m~n": 2}, {"op": "remove", "path": "/m~0n"}, {}),
        ({"~1": 2}, {"op": "remove", "path": "/~01"}, {}),
        ({"": 3}, {"op": "remove", "path": "/"}, {}),
        ({"a": None}, {"op": "remove", "path": "/a"}, {}),
        ({"1": 0}, {"op": "replace", "path": "/1", "value": 5}, {"1": 5}),
    ],
    ids=str,
)
def test_an_operation_changes_the_document(document: Any, operation: dict[str, Any], expected: Any) -> None:
    assert patched(document, operation) == expected


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        ({}, {"op": "remove", "path": "/a"}),
        ({}, {"op": "replace", "path": "/a", "value": 1}),
        ({}, {"op": "add", "path": "/a/b", "value": 1}),
        ({"a": 1}, {"op": "add", "path": "/a/b", "value": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}),
        ({"a": [1]}, {"op": "replace", "path": "/a/1", "value": 1}),
        ({"a": [1]}, {"op": "remove", "path": "/a/-"}),
        ({"a": [1]}, {"op": "remove", "path": "/a/00"}),
        ({"a": [1]}, {"op": "remove", "path": "/a/-1"}),
        ({"a": [1]}, {"op": "remove", "path": "/a/1e0"}),
        ({"a": [1]}, {"op": "remove", "path": "/a/" + "9" * 5000}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 2}),
        ({"a": True}, {"op": "test", "path": "/a", "value": 1}),
        ({"a": 0}, {"op": "test", "path": "/a", "value": False}),
        ({"a": [{"b": True}]}, {"op": "test", "path": "/a", "value": [{"b": 1}]}),
        ({"a": [1]}, {"op": "test", "path": "/a/-", "value": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/-/b", "value": 1}),
        ({"a": [1]}, {"op": "copy", "from": "/a/-", "path": "/b"}),
        ({"a": [1]}, {"op": "add", "path": "/a/" + "9" * 5000, "value": 1}),
        ({"a": "text"}, {"op": "replace", "path": "/a/0", "value": 1}),
        ({"a": None}, {"op": "remove", "path": "/a/b"}),
        ({"a": 1}, {"op": "remove", "path": "/~2"}),
        ({"a": 1}, {"op": "remove", "path": ""}),
        ({"a": {"b": 1}}, {"op": "move", "from": "/a", "path": "/a/b/c"}),
        ({"a": 1}, {"op": "move", "path": "/b"}),
        ({"a": 1}, {"op": "copy", "from": "/b", "path": "/c"}),
        ({"a": 1}, {"op": "add", "path": "a", "value": 1}),
        ({"a": 1}, {"op": "invent", "path": "/a"}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_done_is_refused(document: Any, operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        patched(document, operation)


def test_a_copy_shares_nothing_with_its_source() -> None:
    document = patched({"a": {"b": [1]}}, {"op": "copy", "from": "/a", "path": "/c"})
    document["c"]["b"].append(2)
    assert document["a"] == {"b": [1]}
