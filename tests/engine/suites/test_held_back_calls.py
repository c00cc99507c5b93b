"""A server holds back one call of a run. An interrupt ends the run all the same, and nothing is launched after it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import EngineEvent, RunBegan

from .faultserver import FORBIDDEN, HANG_BEFORE, FaultServer
from .spec_project import SpecProject

ONE = "{module: owner/app, version: v1"
SPECS = {
    "chain": (
        "finished",
        f"a: {ONE}}}\n  b: {ONE}, depends_on: [a], outputs: {{text: {{title: done}}}}}}",
    ),
    "failure": ("error", f"only: {ONE}}}"),
    "retry": ("error", f"only: {ONE}, retry: {{attempts: 2, backoff: 0s}}}}"),
    "attach": ("started", f"only: {ONE}, outputs: {{text: {{title: done}}}}}}"),
    "service": ("deployed", f"only: {ONE}, kind: service, ready: deployed, keep: true}}"),
}


def held_back(folder: Path, case: str, method: str = "", earlier: int = 0) -> tuple[list[str], bool, int]:
    """Apply a case, and hold back a call of a method that `earlier` others came before.

    Returns the calls of the run, whether it ended with that call held back, and the starts sent after the interrupt.
    """
    status, tasks = SPECS[case]
    folder.mkdir()
    with FaultServer(status_of_new=status) as server:
        began, starts = [0], [0]

        def hold_back() -> None:
            began[0] = len(server.order)
            server.script(method, *[None] * earlier, HANG_BEFORE)

        def react(run: Apply, event: EngineEvent) -> None:
            if isinstance(event, RunBegan):
                threading.Thread(target=interrupt, args=(run,)).start()

        def interrupt(run: Apply) -> None:
            if server.held.wait(0.3 if not method else 10):
                starts[0] = server.calls["tasks.run.app"]
            run.interrupt()

        with SpecProject.on_a_server(folder, server.address) as project:
            project.spec(f"tasks:\n  {tasks}\n")
            project.apply(react, between=hold_back)
            is_held = server.held.is_set() and not server.let_go.is_set()
            server.release.set()
        return server.order[began[0] :], is_held, server.calls["tasks.run.app"] - starts[0]


@pytest.mark.parametrize("case", SPECS)
def test_an_interrupt_ends_the_run_whichever_call_is_held_back(tmp_path: Path, case: str) -> None:
    order, _, _ = held_back(tmp_path / "undisturbed", case)
    kinds = {(method, order[:index].count(method)) for index, method in enumerate(order)}
    tried = sorted((method, earlier) for method, earlier in kinds if earlier < 3)
    assert ("tasks.run.app", 0) in tried
    for method, earlier in tried:
        _, is_held, later = held_back(tmp_path / f"{method}-{earlier}", case, method, earlier)
        assert later == 0, f"a start was sent after the interrupt, with {method} {earlier} held back"
        assert is_held, f"the run waited for {method} {earlier}"


@pytest.mark.parametrize(
    ("fail_fast", "expected"),
    [(True, {"first": "failed", "second": "skipped"}), (False, {"first": "failed", "second": "succeeded"})],
)
def test_a_launch_that_waits_for_facts_is_not_begun_once_a_failure_has_ended_the_run(
    tmp_path: Path, fail_fast: bool, expected: dict[str, str]
) -> None:
    with FaultServer() as server, SpecProject.on_a_server(tmp_path, server.address) as project:
        project.spec(f"tasks:\n  first: {ONE}}}\n  second: {ONE}}}\n")
        applied = project.apply(between=lambda: server.script("tasks.list", FORBIDDEN), fail_fast=fail_fast)
        assert applied.outcomes == expected
        assert server.calls["tasks.run.app"] == list(expected.values()).count("succeeded")
