"""Limits in real runs: how many launches of whom are there at once, and who goes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, LaunchStarted, TaskEnded
from taskspec.plan.plan_inputs import Selection

from .faultserver import FaultServer
from .spec_project import ApplyResult, SpecProject, interrupt_once_running


def most_at_once(applied: ApplyResult, group: Callable[[str], str]) -> dict[str, int]:
    """The most launches of each group that were there at one time, by the reports of the run."""
    now, most = Counter[str](), Counter[str]()
    for event in applied.log.events:
        if isinstance(event, LaunchStarted):
            now[group(event.address)] += 1
            most[group(event.address)] = max(most[group(event.address)], now[group(event.address)])
        elif isinstance(event, TaskEnded) and event.task_id is not None:
            now[group(event.address)] -= 1
    return dict(most)


def task(address: str) -> str:
    return address.split("[", maxsplit=1)[0]


def started(applied: ApplyResult) -> Sequence[str]:
    return applied.log.started()


def test_no_more_instances_of_a_task_run_at_once_than_it_allows(project: SpecProject) -> None:
    project.app("quick", shell="true")
    project.spec("""
        tasks:
          one: {module: ./quick, for_each: [a, b, c, d], max_parallel: 1}
          free: {module: ./quick, for_each: [a, b, c, d]}
    """)
    applied = project.apply()
    assert set(applied.outcomes.values()) == {"succeeded"}
    assert most_at_once(applied, task)["one"] == 1
    assert len(started(applied)) == 8


def test_a_pool_is_shared_by_tasks_and_what_does_not_fit_lets_others_pass(project: SpecProject) -> None:
    project.app("quick", shell="true")
    project.waiting_app("slow")
    project.spec("""
        pools: {gpu: 2}
        tasks:
          first: {module: ./slow, pool: gpu}
          large: {module: ./quick, pool: {gpu: 2}}
          small: {module: ./quick, pool: gpu}
          free: {module: ./quick}
    """)
    ended: list[str] = []

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded):
            ended.append(event.address)
            if {"small", "free"} <= set(ended):
                project.open_gate()

    applied = project.apply(react)
    assert set(applied.outcomes.values()) == {"succeeded"}
    assert started(applied)[-1] == "large"


def test_the_higher_priority_goes_first_and_equals_keep_their_order(project: SpecProject) -> None:
    project.app("quick", shell="true")
    project.spec("""
        tasks:
          a: {module: ./quick}
          b: {module: ./quick, priority: 1}
          c: {module: ./quick, priority: -1}
          d: {module: ./quick, for_each: [x, y], priority: 1}
          e: {module: ./quick}
    """)
    assert started(project.apply(parallelism=1)) == ["b", "d[x]", "d[y]", "a", "e", "c"]


def test_slots_of_an_agent_are_counted_for_each_agent_as_it_is_rendered(
    remote: SpecProject, faults: FaultServer
) -> None:
    faults.status_of_new = "started"
    remote.spec("""
        slots_per_agent: 2
        tasks:
          train:
            module: owner/app
            version: v1
            for_each: {a: 1, b: 1, c: 1, d: 2, e: 2, f: null}
            agent: "{{ each.value }}"
    """)

    def react(run: Apply, event: EngineEvent) -> None:
        if isinstance(event, LaunchStarted) and len(running) < 5:
            running.append(event.address)
            if len(running) == 5:
                run.interrupt()

    running: list[str] = []
    applied = remote.apply(react)
    assert sorted(running) == ["train[a]", "train[b]", "train[d]", "train[e]", "train[f]"]
    assert applied.outcomes["train[c]"] == "pending"
    assert {r.inputs["agent"] for r in remote.state.records.values()} == {1, 2, None}


def test_a_slot_is_free_again_while_its_task_waits_for_another_try(project: SpecProject) -> None:
    project.app("bad", shell="exit 3")
    project.app("quick", shell="true")
    project.spec("""
        pools: {one: 1}
        tasks:
          fails: {module: ./bad, pool: one, retry: {attempts: 2, backoff: 0.2s}}
          good: {module: ./quick, pool: one}
    """)
    applied = project.apply()
    assert applied.outcomes == {"fails": "failed", "good": "succeeded"}
    assert started(applied) == ["fails", "good", "fails"]


def test_what_an_earlier_run_left_running_takes_its_slot(project: SpecProject) -> None:
    project.app("quick", shell="true")
    project.waiting_app("slow")
    project.spec("""
        pools: {one: 1}
        tasks:
          quick: {module: ./quick, pool: one, priority: 9, depends_on: gate}
          gate: {module: ./quick}
          slow: {module: ./slow, pool: one}
    """)
    project.apply(interrupt_once_running("slow"), selection=Selection(targets=("slow",)))

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == "gate":
            project.open_gate()

    applied = project.apply(react)
    ends = [e.address for e in applied.log.events if isinstance(e, TaskEnded)]
    assert ends == ["gate", "slow", "quick"]


@pytest.mark.parametrize("limit", ["pool: gpu", "max_parallel: 1"])
def test_what_waits_for_a_slot_does_not_begin_after_the_failure_of_a_run_that_fails_fast(
    project: SpecProject, limit: str
) -> None:
    project.waiting_app("slow")
    project.app("bad", shell="exit 3")
    project.spec(f"""
        fail_fast: true
        pools: {{gpu: 1}}
        tasks:
          slow: {{module: ./slow, for_each: [a, b, c], {limit}}}
          bad: {{module: ./bad}}
          tidy: {{module: ./bad, run_on: always, depends_on: slow}}
    """)

    def react(_: Apply, event: EngineEvent) -> None:
        if isinstance(event, TaskEnded) and event.address == "bad":
            project.open_gate()

    outcomes = project.apply(react).outcomes
    assert outcomes["bad"] == "failed"
    assert sorted(outcomes[f"slow[{key}]"] for key in "abc") == ["skipped", "skipped", "succeeded"]
    assert outcomes["tidy"] == "failed"
