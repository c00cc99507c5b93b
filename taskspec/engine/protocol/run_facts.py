"""What rules may know in addition to the state of a task. They read it and change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.launches.context import Pace
from taskspec.engine.launches.prepare import LaunchPreparer
from taskspec.engine.server.connection import Server
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.model import PlannedTask
from taskspec.specfile.model import TaskDecl
from taskspec.template.expansion.instances import Instance


@dataclass(frozen=True, slots=True)
class RunSetup:
    """What is the same for every task of a run."""

    evaluator: Evaluator
    preparer: LaunchPreparer
    server: Server
    pace: Pace


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One task as the plan has it, and how the run stands.

    `interrupt` is how the run ends, None while it goes on; `is_detaching` once workers must not wait any longer.
    Of a service: `has_failed_user` where a task that needs it failed, `may_be_needed` where a user has still to end.
    """

    setup: RunSetup
    instance: Instance
    planned: PlannedTask
    interrupt: OnInterrupt | None = None
    is_detaching: bool = False
    has_failed_user: bool = False
    may_be_needed: bool = False

    @property
    def task(self) -> TaskDecl:
        return self.instance.task

    @property
    def address(self) -> str:
        return self.planned.address

    @property
    def pace(self) -> Pace:
        return self.setup.pace
