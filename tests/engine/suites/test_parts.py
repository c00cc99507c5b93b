"""Every kind of task inside an included spec, all the way on the local server."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from taskspec.plan.model import Action

from .spec_project import SpecProject


def write(project: SpecProject, name: str, text: str) -> None:
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")


def test_a_fan_out_over_an_input_unfolds_once_the_task_it_comes_from_has_run(project: SpecProject) -> None:
    project.app("list", 'set_output({"experiment": {"data": {"names": ["north", "south"]}}})')
    (project.folder / "parts").mkdir()
    project.app("parts/take", 'set_output({"experiment": {"data": {"name": os.environ["modal.state.name"]}}})')
    write(
        project,
        "parts/each.yaml",
        """
        taskspec: 1
        variables: {names: {type: list}}
        locals: {wanted: "{{ var.names }}"}
        tasks:
          take:
            module: ./take
            for_each: "{{ local.wanted }}"
            params: {name: "{{ each.value }}"}
            results: {name: "{{ launch.output.experiment.data.name }}"}
        results: {names: "{{ tasks.take | map(attribute='results.name') | list }}"}
        """,
    )
    project.spec(
        """
        include: {all: {spec: parts/each.yaml, inputs: {names: "{{ tasks.list.results.names }}"}}}
        tasks: {list: {module: ./list, results: {names: "{{ launch.output.experiment.data.names }}"}}}
        results: {names: "{{ tasks.all.results.names }}"}
        """
    )
    folded = next(task for task in project.plan().tasks if task.address == "all.take[*]")
    assert folded.detail == "list, at most 1,000"
    applied = project.apply()
    assert applied.outcomes == {"list": "succeeded", "all.take[north]": "succeeded", "all.take[south]": "succeeded"}
    assert applied.report.results == {"names": ["north", "south"]}
    assert not project.plan().has_changes


def test_items_that_come_in_with_an_input_are_bounded_as_those_of_a_result_are(project: SpecProject) -> None:
    project.app("list", 'set_output({"experiment": {"data": {"names": ["a", "b", "c"]}}})')
    project.app("take", shell="echo hello")
    write(
        project,
        "each.yaml",
        """
        taskspec: 1
        variables: {names: {type: list}}
        tasks: {take: {module: ./take, for_each: "{{ var.names }}", at_most: 2}}
        """,
    )
    project.spec(
        """
        include: {all: {spec: each.yaml, inputs: {names: "{{ tasks.list.results.names }}"}}}
        tasks: {list: {module: ./list, results: {names: "{{ launch.output.experiment.data.names }}"}}}
        """
    )
    applied = project.apply()
    assert applied.outcomes["all.take[*]"] == "failed"
    assert "3 items, and at most 2 are allowed" in applied.ended("all.take[*]").summary


def test_a_command_of_an_included_spec_runs_in_the_folder_of_that_spec(project: SpecProject) -> None:
    write(project, "parts/word.txt", "inside")
    write(project, "word.txt", "outside")
    write(
        project,
        "parts/say.yaml",
        """
        taskspec: 1
        tasks: {say: {kind: local, command: [cat, word.txt], results: {word: "{{ response.stdout }}"}}}
        results: {word: "{{ tasks.say.results.word }}"}
        """,
    )
    project.spec(
        """
        include: {part: parts/say.yaml}
        tasks: {say: {kind: local, command: [cat, word.txt], results: {word: "{{ response.stdout }}"}}}
        results: {inside: "{{ tasks.part.results.word }}", outside: "{{ tasks.say.results.word }}"}
        """
    )
    applied = project.apply(allow_local=True)
    assert applied.report.results == {"inside": "inside", "outside": "outside"}


def test_an_upload_of_an_included_spec_takes_files_next_to_that_spec(project: SpecProject) -> None:
    write(project, "parts/word.txt", "inside")
    write(
        project,
        "parts/send.yaml",
        """
        taskspec: 1
        tasks: {send: {kind: api, call: upload_files, with: {from: word.txt, to: /words}}}
        """,
    )
    project.spec("include: {part: parts/send.yaml}\ntasks: {idle: {kind: local, command: ['true']}}")
    assert project.apply(allow_local=True).outcomes == {"part.send": "succeeded", "idle": "succeeded"}
    assert not project.plan().has_changes
    write(project, "parts/word.txt", "changed")
    again = {task.address: task.action for task in project.plan().tasks}
    assert again == {"part.send": Action.RERUN, "idle": Action.KEEP}


@pytest.mark.parametrize("partial", ["fail", "continue"])
def test_a_join_in_an_included_spec_may_go_on_with_a_part(project: SpecProject, partial: str) -> None:
    project.app("work", 'sys.exit(1) if os.environ["modal.state.key"] == "b" else None')
    project.app("join", 'set_output({"experiment": {"data": {"ids": len(json.loads(os.environ["modal.state.ids"]))}}})')
    write(
        project,
        "part.yaml",
        json.dumps(
            {
                "taskspec": 1,
                "tasks": {
                    "work": {"module": "./work", "for_each": ["a", "b"], "params": {"key": "{{ each.key }}"}},
                    "join": {
                        "module": "./join",
                        "partial": partial,
                        "params": {"ids": "{{ tasks.work | map(attribute='id') | list }}"},
                        "results": {"n": "{{ launch.output.experiment.data.ids }}"},
                    },
                },
            }
        ),
    )
    project.spec("include: {part: part.yaml}\ntasks: {idle: {module: ./work, params: {key: a}}}")
    applied = project.apply()
    assert applied.outcomes["part.work[b]"] == "failed"
    assert applied.outcomes["part.join"] == ("succeeded" if partial == "continue" else "skipped")
