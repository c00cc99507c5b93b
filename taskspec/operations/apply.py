"""Prepare an apply: permissions, and the environment in which a plan is carried out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import Listener
from taskspec.engine.executors.all_executors import call_executors
from taskspec.engine.executors.call_protocol import CallExecutor
from taskspec.engine.journal import Journal
from taskspec.engine.launches.context import Pace, RunContext
from taskspec.engine.server.connection import Server
from taskspec.engine.server.lookups import LookupResult, look_up_needs
from taskspec.engine.workers import Executor, ThreadExecutor
from taskspec.errors import UsageError
from taskspec.operations.plan import PlannedRun
from taskspec.operations.project import Project
from taskspec.plan.lookup_needs import Need
from taskspec.plan.model import Plan
from taskspec.wording import listing

if TYPE_CHECKING:
    from taskspec.api import Api, TaskInfo


@dataclass(frozen=True, slots=True)
class ApplyEnvironment:
    """What an apply uses of the outside, apart from the server: time, threads, calls and lookups.

    `clock` is monotonic, `wall` is the time of day.
    """

    clock: Callable[[], float]
    wall: Callable[[], float]
    executor: Executor
    call_executor: CallExecutor
    look_up_needs: Callable[[Api, TaskInfo, Iterable[Need]], LookupResult]


def real_environment(project: Project, server: Server, plan: Plan, *, commands: Path | None = None) -> ApplyEnvironment:
    """The environment of this process. `commands` is the file that notes which local commands run.

    Without it the plan may not run any: raises UsageError where it would.
    """
    refused = [f'"{task.address}"' for task in plan.tasks if task.runs_here and commands is None]
    if refused:
        raise UsageError(
            f"{listing(refused, 5)} would run commands on this machine, which is not allowed",
            remedy="read the commands in the plan, then apply with --allow-local",
        )
    secrets = project.evaluator.secrets
    performer = call_executors(server, project.folder, time.monotonic, os.environ, secrets, commands=commands)
    return ApplyEnvironment(time.monotonic, time.time, ThreadExecutor(), performer, look_up_needs)


def prepare_apply(
    project: Project,
    server: Server,
    planned: PlannedRun,
    store: Journal,
    listener: Listener,
    pace: Pace,
    environment: ApplyEnvironment,
) -> Apply:
    """Return an apply that is ready to start, so that a signal handler can interrupt it."""
    project.evaluator.renderer.stop_counting()
    tools = RunContext(
        server=server,
        store=store,
        evaluator=project.evaluator.starting_from(planned.plan.views),
        catalogue=planned.catalogue,
        listener=listener,
        clock=environment.clock,
        wall=environment.wall,
        pace=pace,
        executor=environment.executor,
        call_executor=environment.call_executor,
        inputs=planned.inputs,
        look_up_needs=environment.look_up_needs,
    )
    return Apply(planned.plan, tools)
