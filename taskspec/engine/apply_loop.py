"""Carries out a plan: the one loop that acts.

    begin what may begin → append events durably → submit commands → report → wait for the next message

All decisions are made by `Run`, from messages and the time alone. Workers talk to the server and read files; this
thread does neither. Nothing is sent before its intent is durable, because events always come first.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial

from taskspec.engine.deferred_planner import DeferredPlanner
from taskspec.engine.events import RunReport
from taskspec.engine.interrupt import InterruptState
from taskspec.engine.journal import RENEW_SECONDS, redacted_event
from taskspec.engine.launches.context import RunContext
from taskspec.engine.launches.prepare import LaunchPreparer
from taskspec.engine.protocol.commands import Command
from taskspec.engine.protocol.messages import InterruptAsked, Message
from taskspec.engine.protocol.run_facts import RunSetup
from taskspec.engine.protocol.worker_context import WorkerContext
from taskspec.engine.run.run import Run
from taskspec.plan.model import Plan

_WORKER_LIMIT = 16


class Apply:
    """One run of a plan. `interrupt` may be called from a signal handler; everything else belongs to one thread."""

    def __init__(self, plan: Plan, tools: RunContext) -> None:
        self.plan = plan
        self.run_context = tools
        self.run = uuid.uuid4().hex[:12]
        pace, now = tools.pace, tools.clock()
        deadline = now + pace.deadline if pace.deadline is not None else None
        self._interrupt_state = InterruptState(pace.on_interrupt, pace.detach_within, deadline)
        launching = LaunchPreparer(plan.lineage, tools)
        self._context = WorkerContext(tools, launching, self._interrupt_state)
        self._workers = tools.executor.workers(min(pace.parallelism, _WORKER_LIMIT) + 1)
        self._written_at = now
        setting = RunSetup(tools.evaluator, launching, tools.server, pace)
        self._run = Run(self.run, plan, setting, self._interrupt_state, partial(DeferredPlanner, tools, launching), now)

    def interrupt(self) -> None:
        """Ask the run to end: nothing new is launched, and what runs is left, awaited or stopped, as was asked."""
        self._interrupt_state.is_signalled.set()
        self._workers.post(InterruptAsked())

    def execute(self) -> RunReport:
        """Carry the plan out. Raises TaskspecError when the run as a whole cannot go on; the state is safe then too."""
        run, clock = self._run, self.run_context.clock
        try:
            while not run.is_over(clock()):
                run.begin_ready(clock())
                self._carry_out()
                self._take_messages()
                run.settle(clock())
            report = run.finish(clock())
            self._carry_out()
            return report
        finally:
            self._interrupt_state.is_abandoned.set()
            self._interrupt_state.calls_are_cut.set()
            self._workers.close()

    def _carry_out(self) -> None:
        """Events first: raises LockHeld when another run owns the state, and nothing is sent then."""
        effects = self._run.state.take_effects()
        if effects.events:
            secrets = self.run_context.evaluator.secrets
            self.run_context.store.append(self.run, [redacted_event(event, secrets) for event in effects.events])
            self._written_at = self.run_context.clock()
        elif self.run_context.clock() - self._written_at > RENEW_SECONDS:
            self.run_context.store.renew()
            self._written_at = self.run_context.clock()
        for command in effects.commands:
            work = partial(_perform, command, self._context)
            (self._workers.spawn if command.has_own_thread else self._workers.submit)(command, work)
        for event in effects.reports:
            self.run_context.listener.on(event)

    def _take_messages(self) -> None:
        """Wait for a message, or until something is due, then take in all that are there."""
        answer = self._workers.next(self._run.seconds_left(self.run_context.clock()))
        while answer is not None:
            if isinstance(answer.value, WorkerReply):
                self._run.handle(answer.value.message, self.run_context.clock(), answer.value.command)
            elif isinstance(answer.tag, InterruptAsked):
                self._run.handle(answer.tag, self.run_context.clock())
            answer = self._workers.next(0)


@dataclass(frozen=True, slots=True)
class WorkerReply:
    """What a worker reports, and the command that it answers."""

    message: Message
    command: Command


def _perform(command: Command, context: WorkerContext) -> WorkerReply:
    """Carry a command out, in a worker."""
    try:
        return WorkerReply(command.run(context), command)
    except Exception as error:  # whatever it is, the run decides what it means
        return WorkerReply(command.failed(error), command)
