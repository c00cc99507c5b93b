"""Walks over JSON values."""

from __future__ import annotations

from taskspec.json_tree import leaf_values, leaves, map_leaves

VALUE = {"a": 1, "b": {"c": [2, {"d": 3}], "e": {}}, "f": []}


def test_leaves_come_with_their_paths_in_order() -> None:
    assert list(leaves(VALUE)) == [
        (("a",), 1),
        (("b", "c", 0), 2),
        (("b", "c", 1, "d"), 3),
        (("b", "e"), {}),
        (("f",), []),
    ]


def test_a_bounded_walk_takes_what_is_deeper_as_a_leaf() -> None:
    assert list(leaves(VALUE, ("root",), depth=1)) == [
        (("root", "a"), 1),
        (("root", "b"), VALUE["b"]),
        (("root", "f"), []),
    ]
    assert list(leaves(3, depth=0)) == [((), 3)]


def test_a_list_can_be_a_leaf() -> None:
    assert (("b", "c"), [2, {"d": 3}]) in list(leaves(VALUE, lists=False))


def test_a_copy_has_other_leaves_and_the_same_containers() -> None:
    assert map_leaves({"a": (1, [2])}, str) == {"a": ["1", ["2"]]}
    assert map_leaves(VALUE, lambda leaf: leaf) == VALUE


def test_values_come_without_their_paths_and_without_containers() -> None:
    assert list(leaf_values(VALUE)) == [1, 2, 3]
    assert list(leaf_values((4, [5]))) == [4, 5]
