"""Tasks that launch nothing because an earlier run has: its results are kept, or its launch is attached to."""

from __future__ import annotations

from dataclasses import dataclass

from taskspec.engine.events import LaunchStarted
from taskspec.engine.progress import Active, Progress
from taskspec.engine.skipping import tell
from taskspec.plan.model import PlannedTask
from taskspec.state.model import Event, EventKind


@dataclass(frozen=True, slots=True)
class Takeover:
    """Takes over what earlier runs have launched."""

    progress: Progress

    def keep(self, node: int, planned: PlannedTask) -> None:
        """Reuse what an earlier launch or call has given."""
        if planned.previous is not None:
            self.progress.show(node, planned.previous.task_id, planned.previous.results)
            self.progress.board.keep(planned.address, planned.previous.task_id)
        self.progress.admission.release(node)
        tell(self.progress, self.progress.frontier.succeed(node))

    def attach(self, node: int, planned: PlannedTask) -> None:
        """Watch a launch of an earlier run that still runs."""
        record, observed = planned.previous, planned.observed
        if record is None or observed is None:
            raise AssertionError("a plan attaches only to a launch that was seen")
        progress = self.progress
        if record.task_id is None:
            body = {"task_id": observed.task_id, "adopted": True, "twins": list(observed.twins)}
            progress.ledger.write(Event(EventKind.STARTED, planned.address, record.key, body))
        began = progress.tools.clock()
        active = Active(planned, record.key, began, observed.task_id, attempt=record.attempt)
        active.fingerprint, active.reused = record.fingerprint, record.reused
        progress.active[node] = active
        if record.replaces:
            progress.replaced[node] = (record.key, record.replaces)
        workspace = progress.tools.server.workspace(record.inputs.get("workspace"))
        progress.watch.add(node, observed.task_id, workspace)
        progress.tools.listener.on(LaunchStarted(planned.address, observed.task_id, adopted=True))

    def go_on_with(self, node: int, planned: PlannedTask) -> None:
        """Nothing changed after all: what a job has done is kept, a service that runs is taken over."""
        if self.progress.instance(node).task.service is None:
            self.keep(node, planned)
        else:
            self.attach(node, planned)
