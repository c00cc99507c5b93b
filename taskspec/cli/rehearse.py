"""`taskspec apply --rehearse`: plan and run a spec on a virtual clock, against a simulated server.

A rehearsal has no effect outside of this process: the server is simulated, and the state is a temporary file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click

from taskspec.engine.events import EngineEvent, RunReport
from taskspec.engine.launches.context import Pace
from taskspec.files.project_files import read_file
from taskspec.operations.apply import ApplyEnvironment, prepare_apply
from taskspec.operations.plan import make
from taskspec.operations.project import Request, open_project
from taskspec.plan.plan_inputs import Selection
from taskspec.rehearsal.clock import Clock
from taskspec.rehearsal.faults import Script, read_script
from taskspec.rehearsal.rehearsal_environment import AnnouncedJournal, make_environment
from taskspec.state.lease import this_owner
from taskspec.state.store import open_store
from taskspec.view.diagnostic import draw_all
from taskspec.view.event_lines import line
from taskspec.view.json_documents import event_document
from taskspec.view.labels import duration
from taskspec.view.plan_text import draw_plan
from taskspec.view.report_text import draw_report
from taskspec.view.terminal_text import Paint

HORIZON = 7 * 86400.0
"""A rehearsal without --deadline detaches after this time."""
POLL_SECONDS = (2.0, 30.0)
"""The shortest and the longest pause between two polls. Polling is slow, and virtual time is free."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed, and how it is shown."""

    request: Request
    selection: Selection
    pace: Pace
    faults: Path | None
    seed: int
    paint: Paint
    as_json: bool
    full: bool

    def play(self) -> RunReport:
        """Rehearse the spec. Raises SpecError for mistakes in the spec or in the fault script."""
        request = self.request
        project = open_project(request)
        script = _script(self)
        instances = project.expansion.instances
        script.services = frozenset(instance.address for instance in instances if instance.task.service is not None)
        stage = make_environment(script, self.seed, project.evaluator.renderer, instances)
        with (
            tempfile.TemporaryDirectory(prefix="taskspec-") as folder,
            open_store(Path(folder) / "state.db", clock=stage.wall) as store,
        ):
            store.acquire(this_owner())
            planned = make(project, stage.server, store.load(), self.selection)
            if not self.as_json:
                click.echo(draw_all(planned.plan.warnings, self.paint), err=True, nl=False)
                click.echo(draw_plan(planned.plan, self.paint, full=self.full))
            shortest, longest = POLL_SECONDS
            deadline = self.pace.deadline or HORIZON
            pace = replace(self.pace, poll_shortest=shortest, poll_longest=longest, deadline=deadline)
            journal = AnnouncedJournal(store, stage.fake)
            listener = TimedJson(stage.clock) if self.as_json else Timeline(stage.clock, self.paint)
            environment = ApplyEnvironment(
                stage.clock, stage.wall, stage.executor, stage.call_executor, stage.lookups.look_up_needs
            )
            report = prepare_apply(project, stage.server, planned, journal, listener, pace, environment).execute()
        if not self.as_json:
            click.echo(f"\n{draw_report(report, self.paint, spec=request.shown_as)}", nl=False)
            click.echo("Rehearsed: nothing was launched, and every result is a placeholder.")
        return report


def _script(rehearsal: Rehearsal) -> Script:
    if rehearsal.faults is None:
        return Script(rehearsal.seed)
    return read_script(str(rehearsal.faults), read_file(rehearsal.faults, "--faults "), rehearsal.seed)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Prints one line for each event, with the virtual time."""

    clock: Clock
    paint: Paint

    def on(self, event: EngineEvent) -> None:
        text = line(event, self.paint)
        if text is not None:
            click.echo(f"{self.paint(f'{duration(self.clock()):>8}', 'dim')}  {text}")


@dataclass(frozen=True, slots=True)
class TimedJson:
    """Prints one JSON object for each event; `at` is the virtual time in seconds."""

    clock: Clock

    def on(self, event: EngineEvent) -> None:
        document = {**event_document(event), "at": round(self.clock(), 3)}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
