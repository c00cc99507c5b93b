"""What an apply publishes on its launches: on success, on failure, once, and never over what the app has set."""

from __future__ import annotations

from typing import Any

from .spec_project import SpecProject

SPEAKING_APP = "set_output({'general': {'title': 'from the app', 'isError': False}})"


def output(project: SpecProject, address: str = "only") -> dict[str, Any]:
    return dict(project.info(project.record(address).task_id).output)


def test_a_success_shows_its_text_with_what_the_launch_gave(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("""
        tasks:
          only:
            module: ./good
            outputs:
              text: {title: "launch {{ launch.id }} done", description: all well}
              error: {title: never shown}
    """)
    project.apply()
    general = output(project)["general"]
    assert (general["title"], general["description"]) == (f"launch {project.record('only').task_id} done", "all well")
    assert general["isError"] is False
    assert project.kinds("only") == ["intent", "started", "ended", "published"]
    assert not project.plan().has_changes


def test_a_failure_shows_its_error_with_the_cause(project: SpecProject) -> None:
    project.app("bad", shell="exit 3")
    project.spec("""
        tasks:
          only:
            module: ./bad
            outputs: {text: {title: never shown}, error: {title: Broken, description: "{{ failure.summary }}"}}
    """)
    project.apply()
    general = output(project)["general"]
    assert (general["title"], general["isError"]) == ("Broken", True)
    assert "status error" in general["description"]


def test_what_the_app_has_set_is_kept_and_a_notice_says_so(project: SpecProject) -> None:
    project.app("speaking", SPEAKING_APP)
    project.spec("tasks: {only: {module: ./speaking, outputs: {text: {title: ours}}}}")
    applied = project.apply()
    assert output(project)["general"]["title"] == "from the app"
    assert any("replace: true" in notice for notice in applied.log.notices())
    assert applied.outcomes == {"only": "succeeded"}
    assert not project.plan().has_changes, "the notice comes once, not with every apply"


def test_what_the_app_has_set_is_replaced_where_the_author_asks_for_it(project: SpecProject) -> None:
    project.app("speaking", SPEAKING_APP)
    project.spec("tasks: {only: {module: ./speaking, outputs: {replace: true, text: {title: ours}}}}")
    applied = project.apply()
    assert output(project)["general"]["title"] == "ours"
    assert applied.log.notices() == []


def test_a_changed_text_is_published_on_the_old_launch_and_nothing_is_launched(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("tasks: {only: {module: ./good, outputs: {text: {title: Done}}}}")
    project.apply()
    project.spec("tasks: {only: {module: ./good, outputs: {text: {title: Ready}}}}")
    second = project.apply()
    assert [str(task.action) for task in second.plan.tasks] == ["publish"]
    assert second.log.started() == []
    assert output(project)["general"]["title"] == "Ready"
    assert len(project.launches()) == 1
    assert not project.plan().has_changes


def test_an_output_that_cannot_be_evaluated_changes_no_outcome(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec("""
        tasks: {only: {module: ./good, outputs: {text: {title: "{{ launch.output.experiment.data.map }}"}}}}
    """)
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert any("outputs not published" in notice for notice in applied.log.notices())


def test_an_output_the_server_refuses_changes_no_outcome_and_is_tried_again(project: SpecProject) -> None:
    project.app("good", shell="true")
    project.spec(f"tasks: {{only: {{module: ./good, outputs: {{text: {{title: {'x' * 300}}}}}}}}}")
    applied = project.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert any("tries again" in notice for notice in applied.log.notices())
    assert [str(task.action) for task in project.plan().tasks] == ["publish"]
