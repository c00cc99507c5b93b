"""Results read from anywhere an app leaves them, on the real local server."""

from __future__ import annotations

import pytest

from .spec_project import SpecProject

CALL = """
import json, os, urllib.request

def call(method, **body):
    headers = {"x-api-key": os.environ["API_TOKEN"], "Content-Type": "application/json"}
    address = os.environ["SERVER_ADDRESS"] + "/public/api/v3/" + method
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    return json.loads(urllib.request.urlopen(request).read() or b"null")

def upload(path, content):
    folder, _, name = path.rpartition("/")
    parts = "".join(
        f'--b\\r\\nContent-Disposition: form-data; name="{key}"{extra}\\r\\n\\r\\n{value}\\r\\n'
        for key, extra, value in [
            ("name", "", name), ("path", "", folder + "/"), ("file", f'; filename="{name}"', content),
        ]
    ) + "--b--\\r\\n"
    headers = {"x-api-key": os.environ["API_TOKEN"], "Content-Type": "multipart/form-data; boundary=b"}
    address = os.environ["SERVER_ADDRESS"] + "/public/api/v3/file-storage.bulk.upload?teamId=1"
    urllib.request.urlopen(urllib.request.Request(address, parts.encode(), headers)).read()

TASK = int(os.environ["TASK_ID"])
"""


def app(project: SpecProject, name: str, program: str) -> None:
    project.app(name, CALL + program)


def summary(project: SpecProject) -> str:
    applied = project.apply()
    assert applied.outcomes["only"] == "failed", applied.ended("only")
    return applied.ended("only").summary


def spec_of(project: SpecProject, results: str, rest: str = "") -> None:
    project.spec(f"tasks: {{only: {{module: ./app, results: {{{results}}}{rest}}}}}")


def results(project: SpecProject) -> object:
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}, applied.ended("only").summary
    return project.record("only").results


def test_a_field_of_the_launch_is_a_result(project: SpecProject) -> None:
    app(project, "app", "call('tasks.data.set', taskId=TASK, fields=[{'field': 'data.best', 'payload': {'map': 0.5}}])")
    spec_of(project, "map: '{{ launch.fields.data.best.map }}'")
    assert results(project) == {"map": 0.5}


def test_a_field_that_is_not_there_is_reported_with_what_is(project: SpecProject) -> None:
    app(project, "app", "call('tasks.data.set', taskId=TASK, fields=[{'field': 'data.best', 'payload': {'iou': 1}}])")
    spec_of(project, "map: '{{ launch.fields.data.best.map }}'")
    assert 'launch.fields.data.best has no "map"; it has: iou' in summary(project)


def test_a_field_that_was_never_set_is_reported_with_the_fields_there_are(project: SpecProject) -> None:
    app(project, "app", "call('tasks.data.set', taskId=TASK, fields=[{'field': 'data.best', 'payload': 1}])")
    spec_of(project, "map: '{{ launch.fields.best }}'")
    assert 'the launch has no field "best"; there is: data' in summary(project)
    spec_of(project, "map: '{{ launch.fields.data.worst.map }}'")
    assert 'launch.fields.data has no "worst"; it has: best' in summary(project)


@pytest.mark.parametrize("reading", ["[0].id", " | first", "[0]"])
def test_the_first_of_no_files_is_reported_with_what_lies_there_instead(project: SpecProject, reading: str) -> None:
    folder = f"/{project.folder.name}"
    app(project, "app", f"upload('{folder}/log.txt', 'x')")
    spec_of(project, f"weights: \"{{{{ launch.files['{folder}/*.pt']{reading} }}}}\"")
    assert f'no file in "{folder}" matches "*.pt"; there is: log.txt' in summary(project)


def test_what_the_launch_was_given_and_its_meta_are_results_without_a_secret(project: SpecProject) -> None:
    app(project, "app", "pass")
    spec_of(project, "lr: '{{ launch.params.lr }}', meta: '{{ launch.meta }}'", ", params: {lr: 0.25}")
    found = results(project)
    assert isinstance(found, dict)
    assert found["lr"] == 0.25
    assert found["meta"]["params"]["state"] == {"lr": 0.25}
    assert "sessionToken" not in found["meta"]


def test_a_file_is_found_by_folder_and_name(project: SpecProject) -> None:
    folder = f"/{project.folder.name}"
    app(
        project,
        "app",
        f"upload(f'{folder}/{{TASK}}/weights/best.pt', 'abc'); upload(f'{folder}/{{TASK}}/log.txt', 'x')",
    )
    file = f"{{file: {{folder: '{folder}/{{{{ launch.id }}}}', match: '*.pt'}}}}"
    pattern = f"{folder}/*/weights/*.pt"
    spec_of(project, f"file: {file}, all: \"{{{{ launch.files['{pattern}'] | map(attribute='path') | list }}}}\"")
    found = results(project)
    assert isinstance(found, dict)
    task_id = project.record("only").task_id
    path = f"{folder}/{task_id}/weights/best.pt"
    assert found["all"] == [path]
    assert found["file"] == {"path": path, "id": found["file"]["id"], "size": 3}
    assert project.server.api.file.get_info_by_id(found["file"]["id"]).path == path


def test_a_missing_file_is_reported_with_what_lies_there_instead(project: SpecProject) -> None:
    folder = f"/{project.folder.name}"
    app(project, "app", f"upload('{folder}/log.txt', 'x')")
    spec_of(project, f"weights: {{file: {{folder: '{folder}', match: '*.pt'}}}}")
    assert f'result "weights" of "only": no file in "{folder}" matches "*.pt"; there is: log.txt' in summary(project)


def test_several_files_need_a_rule_and_the_newest_is_one(project: SpecProject) -> None:
    folder = f"/{project.folder.name}"
    app(project, "app", f"[upload(f'{folder}/{{n}}.pt', 'x') for n in (3, 1, 2)]")
    spec_of(project, f"weights: {{file: {{folder: '{folder}', match: '*.pt'}}}}")
    assert "say `newest: true`" in summary(project)
    spec_of(project, f"weights: {{file: {{folder: '{folder}', match: '*.pt', newest: true}}}}")
    found = results(project)
    assert isinstance(found, dict)
    assert found["weights"]["path"] == f"{folder}/2.pt"


def test_a_project_of_a_name_is_the_one_made_since_the_launch_began(project: SpecProject) -> None:
    name = project.folder.name
    api = project.server.api
    old = api.transport.post("projects.add", {"workspaceId": 1, "name": f"{name} old"})["id"]
    app(project, "app", f"call('projects.add', workspaceId=1, name='{name}_001')")
    spec_of(project, f"project: {{project: {{name: '{name}'}}}}, kind: \"{{{{ launch.project['{name}'].type }}}}\"")
    found = results(project)
    assert isinstance(found, dict)
    assert api.project.get_info_by_id(found["project"]).name == f"{name}_001"
    assert found["kind"] == "images"
    spec_of(project, f"project: {{project: {{name: '{name} old'}}}}")
    app(project, "app", "pass")
    assert f"none was made since then; older: {old}" in summary(project)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("integer", '"abc"', 'must be an integer and is "abc" (text)'),
        ("integer", "True", "must be an integer and is true (boolean)"),
        ("integer", "5.0", "must be an integer and is 5.0 (number)"),
        ("number", "None", "must be a number and is null"),
        ("list", "{}", "must be a list and is {} (map)"),
        ("string", "[1]", "must be a text and is [1] (list)"),
    ],
)
def test_a_result_of_another_type_fails_the_task(project: SpecProject, kind: str, value: str, words: str) -> None:
    project.app("app", f"set_output({{'experiment': {{'data': {{'x': {value}}}}}}})")
    spec_of(project, f"x: {{value: '{{{{ launch.output.experiment.data.x }}}}', type: {kind}}}")
    assert f'result "x" of "only": {words}' in summary(project)


def test_a_result_of_its_type_is_the_value(project: SpecProject) -> None:
    project.app("app", "set_output({'experiment': {'data': {'n': 5, 'f': 1, 'l': [1]}}})")
    at = "{{ launch.output.experiment.data"
    spec_of(
        project,
        f"n: {{value: '{at}.n }}}}', type: integer, description: n}}, f: {{value: '{at}.f }}}}', type: number}}, "
        f"l: {{value: '{at}.l }}}}', type: list}}, map: {{a: '{at}.n }}}}'}}",
    )
    assert results(project) == {"n": 5, "f": 1, "l": [1], "map": {"a": 5}}


def test_a_missing_result_is_reported_with_the_deepest_place_that_is_there(project: SpecProject) -> None:
    project.app("app", "set_output({'experiment': {'b': 1, 'a': 2}})")
    spec_of(project, "x: '{{ launch.output.experiment.data.map }}'")
    words = '{{ launch.output.experiment.data.map }}: launch.output.experiment has no "data"; it has: a, b'
    assert f'result "x" of "only": {words}' in summary(project)


def test_evidence_that_comes_late_is_waited_for(project: SpecProject) -> None:
    folder = f"/{project.folder.name}"
    late = project.folder / "late.txt"
    late.write_text("late", encoding="utf-8")
    app(project, "app", "pass")
    spec_of(project, f"file: {{file: {{folder: '{folder}', match: '*.txt'}}}}")

    looks: list[str] = []
    listing = project.server.api.file.list

    def list_and_upload(team_id: int, path: str, recursive: bool = True) -> object:
        found = listing(team_id, path, recursive)
        if not looks:
            project.server.api.file.upload(1, late, f"{folder}/late.txt")
        looks.append(path)
        return found

    project.server.api.file.list = list_and_upload  # type: ignore[method-assign,assignment]  # the moment between two looks
    applied = project.apply(results_grace=30.0)
    assert applied.outcomes == {"only": "succeeded"}
    assert len(looks) == 2


def test_nothing_is_looked_for_that_is_not_read(project: SpecProject) -> None:
    app(project, "app", "pass")
    spec_of(project, "id: '{{ launch.id }}'")
    api = project.server.api

    def fail(*_: object, **__: object) -> object:
        raise AssertionError("this was not asked for")

    api.file.list = fail  # type: ignore[method-assign,assignment]  # a witness, no double
    api.project.get_list = fail  # type: ignore[method-assign,assignment]  # as above
    api.task.get_fields = fail  # type: ignore[method-assign,assignment]  # as above
    results(project)


def test_checks_and_outputs_read_evidence_too_also_when_they_are_published_again(project: SpecProject) -> None:
    folder = f"/{project.folder.name}"
    app(project, "app", f"upload('{folder}/a.pt', 'x')")
    count = f"{{{{ launch.files['{folder}/*.pt'] | length }}}}"
    spec_of(
        project, "", f', checks: [{{assert: "{count[:-3]} == 1 }}}}"}}], outputs: {{text: {{title: "{count} files"}}}}'
    )
    results(project)
    task_id = project.record("only").task_id
    assert project.info(task_id).output["general"]["title"] == "1 files"
    spec_of(project, "", f', outputs: {{text: {{title: "{count} weights"}}}}')
    assert project.apply().outcomes == {"only": "kept"}
    assert project.info(task_id).output["general"]["title"] == "1 weights"
