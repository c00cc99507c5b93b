"""What an apply publishes on its launches: on success, on failure, once, and never over what the app has set."""

from __future__ import annotations

from typing import Any

from .workshop import Workshop

SPEAKING_APP = "set_output({'general': {'title': 'from the app', 'isError': False}})"


def output(workshop: Workshop, address: str = "only") -> dict[str, Any]:
    return dict(workshop.info(workshop.record(address).task_id).output)


def test_a_success_shows_its_text_with_what_the_launch_gave(workshop: Workshop) -> None:
    workshop.app("good", shell="true")
    workshop.spec("""
        tasks:
          only:
            module: ./good
            outputs:
              text: {title: "launch {{ launch.id }} done", description: all well}
              error: {title: never shown}
    """)
    workshop.apply()
    general = output(workshop)["general"]
    assert (general["title"], general["description"]) == (f"launch {workshop.record('only').task_id} done", "all well")
    assert general["isError"] is False
    assert workshop.kinds("only") == ["intent", "started", "ended", "published"]
    assert not workshop.plan().has_changes


def test_a_failure_shows_its_error_with_the_cause(workshop: Workshop) -> None:
    workshop.app("bad", shell="exit 3")
    workshop.spec("""
        tasks:
          only:
            module: ./bad
            outputs: {text: {title: never shown}, error: {title: Broken, description: "{{ failure.summary }}"}}
    """)
    workshop.apply()
    general = output(workshop)["general"]
    assert (general["title"], general["isError"]) == ("Broken", True)
    assert "status error" in general["description"]


def test_what_the_app_has_set_is_kept_and_a_notice_says_so(workshop: Workshop) -> None:
    workshop.app("speaking", SPEAKING_APP)
    workshop.spec("tasks: {only: {module: ./speaking, outputs: {text: {title: ours}}}}")
    applied = workshop.apply()
    assert output(workshop)["general"]["title"] == "from the app"
    assert any("replace: true" in notice for notice in applied.told.notices())
    assert applied.outcomes == {"only": "succeeded"}
    assert not workshop.plan().has_changes, "the notice comes once, not with every apply"


def test_what_the_app_has_set_is_replaced_where_the_author_asks_for_it(workshop: Workshop) -> None:
    workshop.app("speaking", SPEAKING_APP)
    workshop.spec("tasks: {only: {module: ./speaking, outputs: {replace: true, text: {title: ours}}}}")
    applied = workshop.apply()
    assert output(workshop)["general"]["title"] == "ours"
    assert applied.told.notices() == []


def test_a_changed_text_is_published_on_the_old_launch_and_nothing_is_launched(workshop: Workshop) -> None:
    workshop.app("good", shell="true")
    workshop.spec("tasks: {only: {module: ./good, outputs: {text: {title: Done}}}}")
    workshop.apply()
    workshop.spec("tasks: {only: {module: ./good, outputs: {text: {title: Ready}}}}")
    second = workshop.apply()
    assert [str(task.action) for task in second.plan.tasks] == ["publish"]
    assert second.told.started() == []
    assert output(workshop)["general"]["title"] == "Ready"
    assert len(workshop.launches()) == 1
    assert not workshop.plan().has_changes


def test_an_output_that_cannot_be_evaluated_changes_no_outcome(workshop: Workshop) -> None:
    workshop.app("good", shell="true")
    workshop.spec("""
        tasks: {only: {module: ./good, outputs: {text: {title: "{{ launch.output.experiment.data.map }}"}}}}
    """)
    applied = workshop.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert any("outputs not published" in notice for notice in applied.told.notices())


def test_an_output_the_server_refuses_changes_no_outcome_and_is_tried_again(workshop: Workshop) -> None:
    workshop.app("good", shell="true")
    workshop.spec(f"tasks: {{only: {{module: ./good, outputs: {{text: {{title: {'x' * 300}}}}}}}}}")
    applied = workshop.apply()
    assert applied.outcomes == {"only": "succeeded"}
    assert any("tries again" in notice for notice in applied.told.notices())
    assert [str(task.action) for task in workshop.plan().tasks] == ["publish"]
