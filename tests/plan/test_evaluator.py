"""What the one evaluator says: completion of a plan, results, checks, outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.errors import SpecError
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.request import agrees_with_plan
from taskspec.specfile.fields.launch_outputs import Output, as_json
from taskspec.template.expansion.instances import Instance
from taskspec.values import Unknown

from .planning import Pipeline

LATER = Unknown("tasks.a.results.x")


@pytest.mark.parametrize(
    ("planned", "final", "does"),
    [
        pytest.param(1, 1, True, id="the same"),
        pytest.param(1, 2, False, id="a known value changed"),
        pytest.param(LATER, 1, True, id="an unknown became known"),
        pytest.param(LATER, None, True, id="an unknown became null"),
        pytest.param(LATER, {"a": [1]}, True, id="an unknown became a whole tree"),
        pytest.param(1, LATER, False, id="a known value became unknown"),
        pytest.param([1, LATER], [1, 2], True, id="an item became known"),
        pytest.param([1, LATER], [2, 2], False, id="an item next to an unknown changed"),
        pytest.param([LATER], [1, 2], False, id="an item was added"),
        pytest.param([1, 2], [1], False, id="an item was lost"),
        pytest.param({"a": LATER, "b": 1}, {"a": 0, "b": 1}, True, id="a leaf became known"),
        pytest.param({"a": LATER, "b": 1}, {"a": 0, "b": 2}, False, id="a leaf next to an unknown changed"),
        pytest.param({"a": LATER}, {"a": 0, "b": 1}, False, id="a key was added"),
        pytest.param({"a": LATER, "b": 1}, {"a": 0}, False, id="a key was lost"),
        pytest.param({"a": {"b": [LATER, "x"]}}, {"a": {"b": [1, "y"]}}, False, id="deep down"),
        pytest.param(1, 1.0, False, id="an integer became a number"),
        pytest.param(1, True, False, id="one became true"),
        pytest.param("1", 1, False, id="text became an integer"),
        pytest.param(None, None, True, id="null stays null"),
        pytest.param(None, 0, False, id="null became zero"),
        pytest.param([], {}, False, id="a list became a map"),
        pytest.param((1,), [1], True, id="a tuple is a list"),
    ],
)
def test_a_final_value_may_only_fill_in_what_was_unknown(planned: Any, final: Any, does: bool) -> None:
    assert agrees_with_plan({"v": planned}, {"v": final}) is does


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
values = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=2), v, max_size=3))


@given(st.dictionaries(st.text(max_size=2), values, max_size=4))
def test_every_known_value_completes_itself(value: dict[str, Any]) -> None:
    assert agrees_with_plan(value, value)


@given(st.dictionaries(st.text(max_size=2), values, min_size=1, max_size=4), st.data())
def test_a_value_completes_itself_with_any_leaf_unknown(value: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    assert agrees_with_plan({**value, key: LATER}, value)
    assert not agrees_with_plan(value, {**value, key: LATER})


def first(pipeline: Pipeline) -> tuple[Evaluator, Instance]:
    project = pipeline.open()
    return project.evaluator, project.expansion.instances[0]


LAUNCH = {"id": 41, "status": "finished", "output": {"map": 0.9, "general": {"title": "Report"}}, "params": {}}


def test_results_are_read_from_the_launch_and_keep_their_type(write: Callable[[str], Pipeline]) -> None:
    pipeline = write("""
        tasks:
          a:
            module: owner/a
            version: v1
            results:
              map: "{{ launch.output.map }}"
              title: "{{ launch.output.general.title }}"
              text: "map {{ launch.output.map }}"
              id: "{{ launch.id }}"
    """)
    found, missing = first(pipeline)[0].results(first(pipeline)[1], LAUNCH)
    assert found == {"map": 0.9, "title": "Report", "text": "map 0.9", "id": 41}
    assert missing == {}


def test_a_result_that_is_not_there_is_missing_and_the_others_are_read(write: Callable[[str], Pipeline]) -> None:
    pipeline = write("""
        tasks:
          a:
            module: owner/a
            version: v1
            results: {gone: "{{ launch.output.project.id }}", map: "{{ launch.output.map }}"}
    """)
    evaluator, instance = first(pipeline)
    found, missing = evaluator.results(instance, LAUNCH)
    assert found == {"map": 0.9}
    assert list(missing) == ["gone"]
    assert "project" in missing["gone"]


@pytest.mark.parametrize(
    ("condition", "failed"),
    [
        ("{{ results.map > 0.5 }}", []),
        ("{{ launch.status == 'finished' }}", []),
        ("{{ results.map > 0.95 }}", ["map is 0.9"]),
        ("{{ results.map }}", ["map is 0.9"]),
        ("{{ none }}", ["map is 0.9"]),
        ("{{ results.nope > 1 }}", ["cannot be evaluated"]),
    ],
)
def test_a_check_holds_only_if_it_is_true(write: Callable[[str], Pipeline], condition: str, failed: list[str]) -> None:
    pipeline = write(f"""
        tasks:
          a:
            module: owner/a
            version: v1
            results: {{map: "{{{{ launch.output.map }}}}", nope: "{{{{ {{}} }}}}"}}
            checks: [{{assert: "{condition}", message: "map is {{{{ results.map }}}}"}}]
    """)
    evaluator, instance = first(pipeline)
    found = evaluator.failed_checks(instance, LAUNCH, {"map": 0.9})
    assert len(found) == len(failed)
    assert all(words in said for words, said in zip(failed, found, strict=True))


OUTPUTS = """
    tasks:
      a:
        module: owner/a
        version: v1
        results: {map: "{{ launch.output.map }}"}
        outputs:
          text: {title: "map {{ results.map }}", description: "launch {{ launch.id }}"}
          error: {title: "failed: {{ failure.summary }}"}
"""


def test_outputs_of_a_success_and_of_a_failure_are_apart(write: Callable[[str], Pipeline]) -> None:
    evaluator, instance = first(write(OUTPUTS))
    extra = {"launch": LAUNCH, "results": {"map": 0.9}, "failure": {"summary": "exit code 1"}}
    succeeded = (Output("text", {"title": "map 0.9", "description": "launch 41"}),)
    assert evaluator.outputs(instance, extra, failed=False) == succeeded
    assert as_json(succeeded) == {"text": {"title": "map 0.9", "description": "launch 41"}}
    assert evaluator.outputs(instance, extra, failed=True) == (Output("error", {"title": "failed: exit code 1"}),)


def test_the_digest_of_outputs_follows_their_text_and_the_results(write: Callable[[str], Pipeline]) -> None:
    def digest(text: str, score: float = 0.9) -> str:
        evaluator, instance = first(write(text))
        return evaluator.outputs_digest(instance, {"map": score})

    assert digest(OUTPUTS) == digest(OUTPUTS)
    assert digest(OUTPUTS) != digest(OUTPUTS, 0.8)
    assert digest(OUTPUTS) != digest(OUTPUTS.replace("map {{", "mAP {{"))
    assert digest(OUTPUTS) != digest(OUTPUTS.replace("launch {{", "task {{")), "also next to what only the launch gives"
    assert digest(OUTPUTS) == digest(OUTPUTS.replace("failed:", "broken:")), "what a success shows is the same"


def test_the_type_of_a_target_is_checked_before_anything_is_sent(write: Callable[[str], Pipeline]) -> None:
    pipeline = write("""
        tasks: {a: {module: owner/a, version: v1, target: {images_project: "{{ 'lemons' }}"}}}
    """)
    with pytest.raises(SpecError) as wrong:
        pipeline.plan()
    assert "images_project" in wrong.value.diagnostics[0].summary


def test_a_launch_gets_the_apps_defaults_with_the_target_and_the_params_laid_over(
    write: Callable[[str], Pipeline],
) -> None:
    plan = write("""
        tasks: {a: {module: owner/a, version: v1, target: {images_project: 5}, params: {model: {name: large}}}}
    """).plan()
    request = plan.tasks[0].request
    assert request is not None
    assert request.params == {"lr": 0.1, "model": {"name": "large", "layers": [1, 2]}, "slyProjectId": 5}
