"""Included specs, profiles and null params, all the way to a launch."""

from __future__ import annotations

import json

import pytest

from taskspec.errors import ExitCode, UsageError
from taskspec.operations import state_file
from taskspec.operations.project import Request, open_project

from .spec_project import SpecProject


def test_inputs_and_results_of_an_included_spec_travel_between_launches(project: SpecProject) -> None:
    (project.folder / "parts").mkdir()
    project.app("make", 'set_output({"experiment": {"data": {"id": 21}}})')
    project.app("parts/double", 'set_output({"experiment": {"data": {"id": 2 * int(os.environ["modal.state.id"])}}})')
    project.app("last", 'assert os.environ["modal.state.id"] == "42"')
    (project.folder / "parts" / "double.yaml").write_text(
        """
        taskspec: 1
        variables: {id: {type: integer}}
        tasks:
          run: {module: ./double, params: {id: "{{ var.id }}"}, results: {id: "{{ launch.output.experiment.data.id }}"}}
        results: {id: "{{ tasks.run.results.id }}"}
        """
    )
    project.spec(
        """
        include: {twice: {spec: parts/double.yaml, inputs: {id: "{{ tasks.make.results.id }}"}}}
        tasks:
          make: {module: ./make, results: {id: "{{ launch.output.experiment.data.id }}"}}
          last: {module: ./last, params: {id: "{{ tasks.twice.results.id }}"}}
        results: {id: "{{ tasks.twice.results.id }}"}
        """
    )
    applied = project.apply()
    assert applied.outcomes == {"make": "succeeded", "twice.run": "succeeded", "last": "succeeded"}
    assert applied.report.results == {"id": 42}
    assert not project.plan().has_changes


def test_an_unfit_input_fails_what_uses_it_and_nothing_else(project: SpecProject) -> None:
    project.app("make", 'set_output({"experiment": {"data": {"id": "many"}}})')
    project.app("good", shell="echo hello")
    (project.folder / "part.yaml").write_text(
        """
        taskspec: 1
        variables: {id: {type: integer}}
        tasks:
          uses: {module: ./good, params: {id: "{{ var.id }}"}}
          other: {module: ./good, results: {n: "{{ 1 + 1 }}"}}
        """
    )
    project.spec(
        """
        include: {part: {spec: part.yaml, inputs: {id: "{{ tasks.make.results.id }}"}}}
        tasks: {make: {module: ./make, results: {id: "{{ launch.output.experiment.data.id }}"}}}
        """
    )
    applied = project.apply()
    assert applied.outcomes == {"make": "succeeded", "part.uses": "failed", "part.other": "succeeded"}
    assert 'must be of type integer, and is "many"' in applied.ended("part.uses").summary


def test_a_null_param_is_sent_over_the_default_and_a_missing_one_sends_the_default(project: SpecProject) -> None:
    project.app("app", shell="true", defaults={"a": 1, "b": 2, "deep": {"x": 1, "y": 2}})
    project.spec("tasks: {t: {module: ./app, params: {a: null, deep: {x: null}}}}")
    project.apply()
    [launch] = project.launches()
    assert launch.params["state"] == {"a": None, "b": 2, "deep": {"x": None, "y": 2}}


@pytest.mark.parametrize("mapping", ["{a: 1}", "{}"])
def test_null_and_not_given_are_different_inputs(project: SpecProject, mapping: str) -> None:
    project.app("app", shell="true", defaults={"a": 1})
    project.spec("tasks: {t: {module: ./app, params: {a: null}}}")
    project.apply()
    project.spec(f"tasks: {{t: {{module: ./app, params: {mapping}}}}}")
    [task] = project.plan().tasks
    assert [(change.path, change.before, change.after) for change in task.changes] == [(("params", "a"), None, 1)]


def test_lists_are_built_from_lists_of_upstream(project: SpecProject) -> None:
    for name, ids in (("one", [1]), ("two", [2, 3])):
        project.app(name, f'set_output({{"experiment": {{"data": {{"ids": {json.dumps(ids)}}}}}}})')
    project.app("last", shell="true")
    ids = 'results: {ids: "{{ launch.output.experiment.data.ids }}"}'
    project.spec(
        f"""
        tasks:
          one: {{module: ./one, {ids}}}
          two: {{module: ./two, {ids}}}
          last:
            module: ./last
            params:
              all: "{{{{ tasks.one.results.ids + tasks.two.results.ids }}}}"
              pairs: ["{{{{ tasks.one.results.ids }}}}", [null]]
        """
    )
    assert project.apply().outcomes["last"] == "succeeded"
    [launch] = [launch for launch in project.launches() if "all" in launch.params.get("state", {})]
    assert launch.params["state"] == {"all": [1, 2, 3], "pairs": [[1], [None]]}


def test_a_profile_for_another_server_is_refused_before_anything_is_asked(remote: SpecProject) -> None:
    remote.spec(
        """
        profiles: {prod: {server: "https://app.example.com"}, here: {server: "SERVER"}}
        tasks: {t: {module: acme/t, version: v1.0.0}}
        """.replace("SERVER", f"http://{remote.server.label}/")
    )

    def path(profile: str) -> object:
        request = Request(remote.folder / "spec.yaml", "spec.yaml", {}, profile=profile)
        return state_file.state_path(open_project(request), request, remote.server)

    with pytest.raises(UsageError) as error:
        path("prod")
    assert error.value.exit_code == ExitCode.SPEC
    assert path("here") == path("")
