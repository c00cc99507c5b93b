"""Plain scalars: the YAML 1.2 core reading, or a refusal; never what only YAML 1.1 would have read."""

from __future__ import annotations

import math
import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskspec.specfile.yaml.yaml_scalars import AmbiguousScalarError, resolve

READ = [
    ("", None), ("~", None), ("null", None), ("NULL", None),
    ("true", True), ("True", True), ("FALSE", False),
    ("0", 0), ("-1", -1), ("+7", 7), ("9223372036854775807", 2**63 - 1),
    ("0.5", 0.5), (".5", 0.5), ("-.5", -0.5), ("5.", 5.0), ("1.0", 1.0), ("1e-3", 0.001), ("1E5", 100000.0),
    ("2.5e+3", 2500.0),
    ("v1.10", "v1.10"), ("1.2.3", "1.2.3"), ("nUll", "nUll"), ("tRUE", "tRUE"), ("none", "none"), ("y", "y"),
    ("n", "n"),
    ("1-2", "1-2"), ("-", "-"), ("+", "+"), (".", "."), ("e5", "e5"), ("12px", "12px"), ("2024-01", "2024-01"),
    ("a:1", "a:1"),
    ("192.168.0.1", "192.168.0.1"), ("=", "="), ("١", "١"),
]  # fmt: skip
REFUSED = [
    *["yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"],
    *["3.10", "1.00", "-0.50", ".10", "10.0200"],
    *["010", "0777", "08", "09", "-017", "00", "0x1F", "0XFF", "0o14", "0b101", "0b1_0", "-0x1"],
    *["1_000", "1__0", "1_", "1_000.5", "1_0.0e+3", ".5_0", "0_1"],
    *["12:30", "1:00", "190:20:30", "190:20:30.15", "-1:30"],
    *["2024-01-01", "2024-1-1", "2001-12-14t21:59:43.10-05:00"],
    "2001-12-14 21:59:43",
    *[".inf", "-.inf", "+.Inf", ".nan", ".NaN", ".NAN"],
    "9223372036854775808",
    "-9223372036854775808",
    "1" * 400,
    "1e999",
    "-1e400",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), READ)
def test_what_every_yaml_reads_alike_has_that_value(text: str, value: object) -> None:
    found = resolve(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", REFUSED)
def test_what_yaml_versions_read_differently_is_refused_with_advice(text: str) -> None:
    with pytest.raises(AmbiguousScalarError) as refused:
        resolve(text)
    assert refused.value.reading
    assert refused.value.advice.startswith("write ")


CORE = [
    (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
]
"""The tag resolution of the YAML 1.2.2 core schema, section 10.3.2; infinities and NaN are left to the refusals."""


def core(text: str) -> object:
    return next((build(text) for pattern, build in CORE if pattern.fullmatch(text)), text)


def yaml_1_1(text: str) -> object:
    loader = yaml.SafeLoader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))
        return loader.construct_object(yaml.ScalarNode(tag, text)) if tag.endswith((":int", ":float", ":bool")) else tag
    finally:
        loader.dispose()


NUMBER_LIKE = st.text("0123456789+-._:eExXobTZ ", max_size=12)
WORDS = st.sampled_from(["yes", "no", "on", "off", "true", "false", "null", "inf", "nan", "y", "n"]).flatmap(
    lambda word: st.sampled_from([word, word.capitalize(), word.upper(), "." + word, "-." + word, word + "1"])
)


@settings(max_examples=2000)
@given(NUMBER_LIKE | WORDS | st.text(max_size=6))
@example("08")
def test_a_scalar_is_read_by_the_core_rules_or_refused(text: str) -> None:
    try:
        value = resolve(text)
    except AmbiguousScalarError:
        return
    assert (type(value), value) == (type(core(text)), core(text))
    assert value is None or isinstance(value, str | int | float | bool)
    assert not isinstance(value, float) or math.isfinite(value)


@settings(max_examples=2000)
@given(NUMBER_LIKE.map(str.strip) | WORDS)
@example("1_0.0e+3")
@example("08")
def test_nothing_that_yaml_1_1_takes_for_a_value_becomes_text_in_silence(text: str) -> None:
    try:
        value = resolve(text)
    except AmbiguousScalarError:
        return
    older = yaml_1_1(text)
    if isinstance(value, str):
        assert older == "tag:yaml.org,2002:str" or text in ("<<", "=")
    elif isinstance(older, int | float):
        assert older == value


@given(st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_by_python_is_that_number(number: float) -> None:
    text = repr(number)
    try:
        assert resolve(text) == number
    except AmbiguousScalarError:
        assert text.endswith("0"), "only the rule of the last zero may refuse what Python writes"
