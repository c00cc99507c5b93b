"""The three calls: what they give, what they refuse, and what the analysis sees of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.errors import UsageError
from taskspec.template.expressions.expression import FunctionCall, Reference
from taskspec.template.expressions.functions import Functions
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.values import Json, Unknown, canonical

FILES = {"note.txt": "hello\n", "table.yaml": "lr: 0.1\nlayers: [1, {a: null}]\n", "table.json": '{"lr": 1.0}'}


def read(path: str) -> str:
    if path not in FILES:
        raise UsageError(f'there is no file "{path}"', remedy="Look again.")
    return FILES[path]


def value(text: str, **scope: Any) -> Json:
    return Renderer(Functions(read)).render(text, scope)


def refusal(text: str, **scope: Any) -> str:
    with pytest.raises(RenderError) as error:
        value(text, **scope)
    return error.value.error.message


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("{{ file('note.txt') }}", "hello\n"),
        ("{{ file('note.txt') | trim }}!", "hello!"),
        ("{{ file(var.path) }}", "hello\n"),
        ("{{ yaml(file('table.yaml')) }}", {"lr": 0.1, "layers": [1, {"a": None}]}),
        ("{{ yaml(file('table.yaml')).layers[1].a }}", None),
        ("{{ json(file('table.json')).lr }}", 1.0),
        ("{{ json('null') }}", None),
        ("{{ [json('1'), yaml('a: [b]')] }}", [1, {"a": ["b"]}]),
        ("lr={{ json(file('table.json'))['lr'] }}", "lr=1.0"),
        ("{{ json(yaml('\"[1, 2]\"')) | sum }}", 3),
    ],
)
def test_a_call_gives_a_value_of_its_type(text: str, gives: Json) -> None:
    found = value(text, var={"path": "note.txt"})
    assert found == gives
    assert type(found) is type(gives)


@given(st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text(), lambda s: st.lists(s, max_size=3)))
def test_json_reads_back_what_tojson_wrote(written: Json) -> None:
    assert canonical(value("{{ json(var.x | tojson) }}", var={"x": written})) == canonical(written)


@pytest.mark.parametrize("call", ["file(tasks.a)", "json(tasks.a)", "yaml(tasks.a)", "file('x' ~ tasks.a)"])
def test_what_a_launch_decides_is_unknown_until_then(call: str) -> None:
    found = value(f"{{{{ {call} }}}}", tasks={"a": Unknown("tasks.a.results.path")})
    assert isinstance(found, Unknown)
    assert found.producers == ("tasks.a.results.path",)


def test_the_result_of_a_call_is_never_evaluated_again() -> None:
    assert value("{{ json(var.text) }}", var={"text": '"{{ var.secret }}"', "secret": 1}) == "{{ var.secret }}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ file('gone') }}", 'file: there is no file "gone"'),
        ("{{ file(7) }}", "file takes a path, and was given 7"),
        ("{{ json(none) }}", "json takes text, and was given null"),
        ('{{ json(\'{"a": 1, "a": 2}\') }}', 'json: the text: key "a" is there twice'),
        ("{{ json('[1, NaN]') }}", "json: the text: nan is not a JSON number"),
        ("{{ json('1e999') }}", "json: the text: inf is not a JSON number"),
        ("{{ yaml('a: !!python/name:os.system x') }}", "yaml: line 1, column 4 of the text"),
        ("{{ yaml('a: 1\nb: 2\na: 3') }}", "yaml: line 3, column 1 of the text"),
        ("{{ yaml(file('note.txt') ~ '---') }}", "yaml: "),
        ("{{ json(var.long) }}", "json: more than 1,048,576 characters"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, said: str) -> None:
    assert refusal(text, var={"long": "1" * (2**20 + 1)}).startswith(said)


def test_text_that_is_nested_too_deeply_is_refused() -> None:
    for name in ("json", "yaml"):
        refusal(f"{{{{ {name}(var.x) }}}}", var={"x": "[" * 100_000 + "]" * 100_000})


@pytest.mark.parametrize(
    "text",
    [
        "{{ open('x') }}",
        "{{ file() }}",
        "{{ file('a', 'b') }}",
        "{{ file(path='a') }}",
        "{{ file(*var.x) }}",
        "{{ var.file('a') }}",
        "{{ file('note.txt').upper() }}",
        "{{ file.__call__('a') }}",
        "{{ (file)('a').x() }}",
    ],
)
def test_nothing_else_can_be_called(text: str) -> None:
    with pytest.raises(ExpressionError) as error:
        Renderer(Functions(read)).parse(text)
    assert error.value.forbidden


@pytest.mark.parametrize("text", ["{{ file }}", "{{ [file, json('1')] }}", "{{ json ~ json('1') }}"])
def test_a_function_is_no_value(text: str) -> None:
    with pytest.raises(RenderError):
        value(text)


def test_what_a_call_is_given_counts_as_a_reference_and_its_name_does_not() -> None:
    found = Renderer().parse("{{ yaml(file(var.path ~ tasks.a.id)).x[local.i] }}")
    assert set(found.references) == {
        Reference("var", ("path",)),
        Reference("tasks", ("a", "id")),
        Reference("local", ("i",)),
    }
    assert set(found.calls) == {FunctionCall("yaml", None), FunctionCall("file", None)}
    assert Renderer().parse("{{ file('a.txt') }}").calls == (FunctionCall("file", "a.txt"),)


def test_without_files_a_call_says_so() -> None:
    with pytest.raises(RenderError, match="no files can be read here"):
        Renderer().render("{{ file('note.txt') }}", {})
