"""Escaped texts keep their value, and keys distinguish ids and secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.fmt.tree import Tree, block, entry, node
from taskspec.fmt.writing import write_tree
from taskspec.json_tree import merge
from taskspec.scaffold.from_launches import _non_default_state, _without
from taskspec.scaffold.naming import identifier, literal, looks_like_a_secret, names_a_secret, names_an_id, unique
from taskspec.specfile.yaml.yaml_reader import read_document
from taskspec.template.expressions.render import Renderer
from taskspec.values import canonical

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=10) | st.lists(
    st.sampled_from(["{{", "}}", "{%", "{#", "'", '"', "\\", "\n", "x", " ", "#}", "\\n"]), max_size=6
).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts.filter(lambda key: key != "<<"), inner, max_size=3)
    ),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(values)
def test_a_value_that_is_written_and_evaluated_is_the_same_value(value: object) -> None:
    text = write_tree(Tree((), block([entry("value", node(literal(value)))])))
    read = read_document("x", text.encode()).data["value"]
    assert canonical(Renderer().render(read, {})) == canonical(value)


@given(maps, maps)
def test_what_is_left_of_a_state_gives_the_state_again_over_the_defaults(defaults: dict, own: dict) -> None:
    state = merge(defaults, own)
    assert canonical(merge(defaults, _non_default_state(state, defaults))) == canonical(state)
    assert not list(_without(state, defaults, ()))


@pytest.mark.parametrize(
    ("text", "name"),
    [("Train YOLO v8 - 26", "train_yolo_v8_26"), ("import-images", "import_images"), ("3d", "task_3d"), ("ü!", "task")],
)
def test_any_text_becomes_a_name(text: str, name: str) -> None:
    assert identifier(text) == name


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert unique("a", ["a", "a_2"]) == "a_3"


@pytest.mark.parametrize("key", ["id", "slyProjectId", "project_id", "eval_ids", "taskID", "session", "projectIds"])
def test_a_key_may_name_an_id(key: str) -> None:
    assert names_an_id(key)


@pytest.mark.parametrize("key", ["width", "valid", "neighbours", "epochs", "grid", "void", "lr"])
def test_most_keys_name_none(key: str) -> None:
    assert not names_an_id(key)


@pytest.mark.parametrize("key", ["sessionToken", "api_token", "API_KEY", "password", "awsSecretKey", "private_key"])
def test_a_key_may_name_a_secret(key: str) -> None:
    assert names_a_secret(key)


@pytest.mark.parametrize("key", ["key", "keypoints", "passes", "monkey", "author"])
def test_most_keys_name_no_secret(key: str) -> None:
    assert not names_a_secret(key)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "PRIVATE KEY-----\nMIIE",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "Bearer eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0In0.abc",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "hf_" + "aB3d" * 8,
        "postgres://me:pass" + "word@db.example.com/lemons",
    ],
)
def test_a_text_may_look_like_a_secret(text: str) -> None:
    assert looks_like_a_secret(text)


@pytest.mark.parametrize(
    "text",
    ["lemons", "sk-learn", "hf_hub", "https://example.com:8080/a@b", "BEGIN PRIVATE", "AKIA", "yolo8-m-seg", "a:b@c"],
)
def test_most_texts_do_not(text: str) -> None:
    assert not looks_like_a_secret(text)
