"""taskspec explain: the action, and for every value who gave it and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

Write = Callable[[str], Path]
SPEC = """
    variables:
      rate: {type: number, default: 0.5}
      token: {type: string, sensitive: true, default: "env:PLANTED"}
    locals:
      half: "{{ var.rate / 2 }}"
      path: "x/{{ var.token }}"
    defaults:
      log_level: debug
      params: {shared: {deep: 1}}
    tasks:
      first: {module: ./good, results: {id: "{{ launch.id }}"}}
      second:
        module: ./good
        target: {images_project: "{{ tasks.first.results.id }}"}
        for_each: [a, b]
        params: {rate: "{{ local.half }}", key: "{{ local.path }}", name: "x-{{ each.key }}", fixed: 3}
        retry: {attempts: 2}
      third: {module: ./good, depends_on: second}
"""


@pytest.fixture(autouse=True)
def a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "hidden-7f3a")


def explained(taskspec: Command, *arguments: str) -> dict[str, Any]:
    result = taskspec("explain", "spec.yaml", *arguments, "--json")
    assert result.code == 0, result.err
    document: dict[str, Any] = json.loads(result.out)
    return document


def value(document: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in document["values"] if item["path"] == path)
    return found


def test_every_value_tells_which_layer_gave_it(taskspec: Command, spec: Write) -> None:
    spec(SPEC)
    document = explained(taskspec, "second[a]")
    kinds = {item["path"]: (item["origin"]["kind"], item["origin"]["note"]) for item in document["values"]}
    assert kinds["params.fixed"] == ("literal", "")
    assert kinds["params.lr"] == ("app_default", 'default of app "Good"')
    assert kinds["params.shared.deep"] == ("literal", "defaults")
    assert kinds["params.slyProjectId"] == ("expression", "target images_project")
    assert kinds["log_level"] == ("literal", "defaults")
    assert kinds["agent"] == ("built_in", "the server chooses")
    assert kinds["version"] == ("content", "the content of the folder")
    assert value(document, "params.fixed")["origin"]["place"]["line"] == 19
    assert value(document, "params.shared.deep")["origin"]["place"]["line"] == 12
    assert value(document, "params.name")["origin"]["parts"][0]["value"] == "a"


@pytest.mark.parametrize(
    ("arguments", "environment", "note", "line"),
    [
        ((), {}, "default of the variable", 5),
        (("--var", "rate=1"), {"TASKSPEC_VAR_rate": "2"}, "--var", None),
        ((), {"TASKSPEC_VAR_rate": "2"}, "environment TASKSPEC_VAR_rate", None),
        (("--var-file", "values.yaml"), {}, "--var-file values.yaml", 2),
    ],
)
def test_a_variable_tells_who_gave_it_a_value(
    taskspec: Command,
    spec: Write,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    note: str,
    line: int | None,
) -> None:
    spec(SPEC)
    (folder / "values.yaml").write_text("# values\nrate: 4\n")
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    document = explained(taskspec, "second[a]", "--path", "params.rate", *arguments)
    assert [item["path"] for item in document["values"]] == ["params.rate"]
    local = document["values"][0]["origin"]["parts"][0]
    variable = local["parts"][0]
    assert (local["kind"], local["text"], variable["text"]) == ("local", "local.half", "var.rate")
    assert variable["note"] == note
    assert (variable["place"] or {}).get("line") == line
    assert local["value"] == variable["value"] / 2


def test_what_is_made_from_a_secret_is_never_shown(taskspec: Command, spec: Write) -> None:
    spec(SPEC)
    for flags in (["--json"], []):
        result = taskspec("explain", "spec.yaml", "second[a]", *flags)
        assert result.code == 0
        assert "hidden" not in result.out
    assert value(explained(taskspec, "second[a]"), "params.key")["sensitive"] is True


def test_a_change_of_a_secret_is_reported_without_it(taskspec: Command, spec: Write) -> None:
    text = """
        variables: {token: {type: string, sensitive: true}}
        tasks: {only: {module: ./good, params: {key: "{{ var.token }}", n: 1}}}
    """
    spec(text)
    assert taskspec("apply", "spec.yaml", "--var", "token=hidden-1").code == 0
    spec(text.replace("n: 1", "n: 2"))
    for flags in ([], ["--json"], ["--path", "params.n"], ["--path", "params.n", "--json"]):
        result = taskspec("explain", "spec.yaml", "only", "--var", "token=hidden-2", *flags)
        assert result.code == 0
        assert "hidden" not in result.out
    document = explained(taskspec, "only", "--var", "token=hidden-2")
    changes = {change["path"]: change for change in document["changes"]}
    assert changes["params.n"]["before"]["value"] == 1
    assert changes["params.key"] == {"path": "params.key", "sensitive": True}


def test_the_neighbours_come_with_their_actions(taskspec: Command, spec: Write) -> None:
    spec(SPEC)
    document = explained(taskspec, "second[a]")
    assert [(task["address"], task["action"]) for task in document["waits_for"]] == [("first", "start")]
    assert [task["address"] for task in document["needed_by"]] == ["third"]
    assert [task["address"] for task in explained(taskspec, "third")["waits_for"]] == ["second[a]", "second[b]"]
    result = taskspec("explain", "spec.yaml", "second[a]").out
    assert "Retry: 2 attempts in all" in result
    assert "Deadlines: queued 1d" in result


def test_a_result_is_known_after_its_launch_has_ended(taskspec: Command, spec: Write) -> None:
    spec(SPEC)
    path = ("second[a]", "--path", "params.slyProjectId")
    assert explained(taskspec, *path)["values"][0]["value"] == {"unknown": ["tasks.first.results.id"]}
    assert taskspec("apply", "spec.yaml", "--target", "first").code == 0
    part = explained(taskspec, *path)["values"][0]["origin"]["parts"][0]
    assert (part["kind"], part["note"]) == ("upstream", "known from its last launch")
    assert isinstance(part["value"], int)
    assert "= first" in taskspec("explain", "spec.yaml", "second[a]").out


def test_a_wrong_address_or_path_names_the_nearest(taskspec: Command, spec: Write) -> None:
    spec(SPEC)
    result = taskspec("explain", "spec.yaml", "frist")
    assert (result.code, 'Did you mean "first"?' in result.err) == (3, True)
    result = taskspec("explain", "spec.yaml", "first", "--path", "params.lrr")
    assert (result.code, 'Did you mean "params.lr"?' in result.err) == (3, True)
    assert taskspec("explain").code == 3


def test_an_expression_that_gives_a_whole_map_explains_every_part_of_it(taskspec: Command, spec: Write) -> None:
    spec("""
        locals: {settings: {a: 1, b: {c: 2}}}
        tasks: {only: {module: ./good, params: {model: "{{ local.settings }}"}}}
    """)
    document = explained(taskspec, "only")
    for path in ("params.model.a", "params.model.b.c"):
        assert value(document, path)["origin"]["text"] == "{{ local.settings }}"


PART = """
taskspec: 1
variables:
  size: {type: integer}
  kind: {type: string, default: small}
locals: {twice: "{{ var.size * 2 }}"}
defaults: {log_level: debug}
tasks:
  use: {module: ./good, params: {size: "{{ local.twice }}", kind: "{{ var.kind }}"}}
"""
WHOLE = """
    variables: {base: {type: integer, default: 4}}
    include: {part: {spec: part.yaml, inputs: {size: "{{ var.base + 1 }}"}}}
    profiles: {prod: {variables: {base: 10}, defaults: {params: {extra: 1}}}}
    tasks: {own: {module: ./good}}
"""


def test_a_value_inside_an_included_spec_leads_to_the_input_and_on_to_what_that_is_made_of(
    taskspec: Command, spec: Write, folder: Path
) -> None:
    (folder / "part.yaml").write_text(PART)
    spec(WHOLE)
    result = json.loads(taskspec("explain", "spec.yaml", "part.use", "--json").out)
    values = {entry["path"]: entry for entry in result["values"]}
    assert values["params.size"]["value"] == 10
    local = values["params.size"]["origin"]["parts"][0]
    given = local["parts"][0]
    assert given["note"] == 'input of include "part"'
    assert given["place"]["file"] == "spec.yaml"
    assert given["parts"][0]["text"] == "var.base"
    assert values["params.kind"]["origin"]["parts"][0]["note"] == "default of the variable"
    assert values["log_level"]["origin"]["place"]["file"].endswith("part.yaml")


def test_a_value_that_a_profile_gives_names_it(taskspec: Command, spec: Write, folder: Path) -> None:
    (folder / "part.yaml").write_text(PART)
    spec(WHOLE)
    result = taskspec("explain", "spec.yaml", "own", "--profile", "prod").out
    assert 'defaults of profile "prod"' in result
    assert 'profile "prod"' in taskspec("explain", "spec.yaml", "part.use", "--profile", "prod").out


CALLS = """
    variables: {n: {type: integer, default: 3}, token: {type: string, sensitive: true, default: "env:PLANTED"}}
    tasks:
      serve: {kind: service, module: ./good}
      ask:
        kind: request
        service: "{{ tasks.serve }}"
        method: predict
        data: {deep: {n: "{{ var.n }}"}, ids: [1, "{{ var.n }}"], token: "{{ var.token }}", none: {}}
      command: {kind: local, command: [echo, "{{ var.n }}"], env: {TOKEN: "{{ var.token }}"}}
      people: {kind: wait, wait: {team_file: "/x/{{ var.n }}"}, team: 2}
      copy: {kind: api, call: clone_project, with: {project: "{{ var.n }}", name: copy}}
"""


@pytest.mark.parametrize(
    ("address", "path", "known", "text", "line"),
    [
        ("ask", "method", "predict", "", 10),
        ("ask", "data.deep.n", 3, "{{ var.n }}", 11),
        ("ask", "data.ids", [1, 3], "", 11),
        ("ask", "data.none", {}, "", 11),
        ("command", "command", ["echo", 3], "", 12),
        ("people", "wait.team_file", "/x/3", "/x/{{ var.n }}", 13),
        ("people", "team", 2, "", 13),
        ("copy", "call", "clone_project", "", 14),
        ("copy", "with.project", 3, "{{ var.n }}", 14),
    ],
)
def test_every_value_of_a_call_tells_where_it_is_written(
    taskspec: Command, spec: Write, address: str, path: str, known: object, text: str, line: int
) -> None:
    spec(CALLS)
    found = value(explained(taskspec, address), path)
    assert (found["value"], found["origin"]["text"], found["origin"]["place"]["line"]) == (known, text, line)
    reads = [part["text"] for part in found["origin"]["parts"]]
    assert reads == (["var.n"] if "3" in str(known) else [])


def test_a_call_hides_its_secrets_and_names_its_service(taskspec: Command, spec: Write) -> None:
    spec(CALLS)
    document = explained(taskspec, "ask")
    assert value(document, "data.token")["sensitive"] is True
    service = value(document, "service")
    assert service["value"] == {"unknown": ["tasks.serve.id"]}
    assert service["origin"]["parts"][0]["note"] == "the id of a service: known once it is up"
    for address in ("ask", "command"):
        assert "hidden" not in taskspec("explain", "spec.yaml", address).out
    assert value(explained(taskspec, "command"), "env.TOKEN")["sensitive"] is True


@pytest.mark.parametrize(
    ("task", "known"),
    [
        ("{module: ./good, when: '{{ var.n > 2 }}'}", True),
        ("{module: ./good, when: '{{ var.n > 3 }}'}", False),
        ("{kind: local, command: [echo], when: '{{ var.n > 3 }}'}", False),
        ("{module: ./good, when: '{{ tasks.first.id > var.n }}'}", {"unknown": ["tasks.first.id"]}),
    ],
)
def test_a_condition_is_explained_whether_it_holds_or_not(
    taskspec: Command, spec: Write, task: str, known: object
) -> None:
    spec(f"""
        variables: {{n: {{type: integer, default: 3}}}}
        tasks:
          first: {{module: ./good}}
          only: {task}
    """)
    found = value(explained(taskspec, "only"), "when")
    assert found["value"] == known
    assert found["origin"]["place"]["line"] == 7
    assert ("var.n", 3) in [(part["text"], part["value"]) for part in found["origin"]["parts"]]


def test_a_task_without_a_condition_has_none_to_explain(taskspec: Command, spec: Write) -> None:
    spec("tasks: {only: {module: ./good}}")
    assert "when" not in [item["path"] for item in explained(taskspec, "only")["values"]]
