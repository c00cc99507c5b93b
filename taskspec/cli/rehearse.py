"""`taskspec apply --rehearse`: plan and run a spec on a virtual clock, against a simulated server.

A rehearsal has no effect outside of this process: the server is simulated, and the state is a temporary file.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from taskspec.cli.event_output import JsonLines, PlainLines
from taskspec.engine.events import RunReport
from taskspec.engine.launches.context import Pace
from taskspec.files.project_files import read_file
from taskspec.operations.apply import ApplyEnvironment, prepare_apply
from taskspec.operations.plan import make
from taskspec.operations.project import Request, open_project
from taskspec.plan.plan_inputs import Selection
from taskspec.rehearsal.faults import Script, read_script
from taskspec.rehearsal.rehearsal_environment import AnnouncedJournal, make_environment
from taskspec.state.lease import this_owner
from taskspec.state.store import open_store
from taskspec.view.diagnostic import draw_all
from taskspec.view.plan_text import draw_plan
from taskspec.view.report_text import draw_report
from taskspec.view.terminal_text import Paint

HORIZON = 7 * 86400.0
"""A rehearsal without --deadline detaches after this time."""
POLL_SECONDS = (2.0, 30.0)
"""The shortest and the longest pause between two polls. Polling is slow, and virtual time is free."""


def play_rehearsal(
    request: Request,
    selection: Selection,
    pace: Pace,
    faults: Path | None,
    seed: int,
    paint: Paint,
    *,
    as_json: bool,
    full: bool,
) -> RunReport:
    """Rehearse the spec. Raises SpecError for mistakes in the spec or in the fault script."""
    project = open_project(request)
    script = Script(seed) if faults is None else read_script(str(faults), read_file(faults, "--faults "), seed)
    instances = project.expansion.instances
    script.services = frozenset(instance.address for instance in instances if instance.task.service is not None)
    stage = make_environment(script, seed, project.evaluator.renderer, instances)
    with (
        tempfile.TemporaryDirectory(prefix="taskspec-") as folder,
        open_store(Path(folder) / "state.db", clock=stage.wall) as store,
    ):
        store.acquire(this_owner())
        planned = make(project, stage.server, store.load(), selection)
        if not as_json:
            click.echo(draw_all(planned.plan.warnings, paint), err=True, nl=False)
            click.echo(draw_plan(planned.plan, paint, full=full))
        shortest, longest = POLL_SECONDS
        slow = replace(pace, poll_shortest=shortest, poll_longest=longest, deadline=pace.deadline or HORIZON)
        journal = AnnouncedJournal(store, stage.fake)
        listener = JsonLines(stage.clock) if as_json else PlainLines(paint, stage.clock)
        environment = ApplyEnvironment(
            stage.clock, stage.wall, stage.executor, stage.call_executor, stage.lookups.look_up_needs
        )
        report = prepare_apply(project, stage.server, planned, journal, listener, slow, environment).execute()
    if not as_json:
        click.echo(f"\n{draw_report(report, paint, spec=request.shown_as)}", nl=False)
        click.echo("Rehearsed: nothing was launched, and every result is a placeholder.")
    return report
