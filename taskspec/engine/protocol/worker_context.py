"""What commands work with: the server, the state and the pauses that end with the run."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from taskspec.api import Api, TaskInfo
from taskspec.engine.interrupt import InterruptState
from taskspec.engine.launches.context import RunContext
from taskspec.engine.launches.prepare import LaunchPreparer
from taskspec.engine.launches.start import Interrupted
from taskspec.engine.launches.stop import stop_and_wait


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What commands work with, in any thread. The pauses raise Interrupted as soon as the run ends meanwhile."""

    run_context: RunContext
    preparer: LaunchPreparer
    interrupt_state: InterruptState

    @property
    def api(self) -> Api:
        return self.run_context.server.api

    def pause(self, seconds: float) -> None:
        if self.run_context.executor.sleep(seconds, self.interrupt_state.is_abandoned):
            raise Interrupted

    def pause_call(self, seconds: float) -> None:
        """Sleep inside a call, which may go on while launches are left alone."""
        if self.run_context.executor.sleep(seconds, self.interrupt_state.calls_are_cut):
            raise Interrupted

    def pause_patiently(self, seconds: float) -> None:
        """Sleep also while the run ends: how long that may take is decided by the loop."""
        self.run_context.executor.sleep(seconds, threading.Event())

    def confirm(self) -> None:
        """Raises LockHeld where the state has another owner, and Interrupted once the run is ending."""
        if self.interrupt_state.is_signalled.is_set() or self.interrupt_state.is_abandoned.is_set():
            raise Interrupted
        self.run_context.store.confirm()

    def stop(self, task_id: int, *, key: str = "", patiently: bool = False) -> TaskInfo | None:
        pause = self.pause_patiently if patiently else self.pause
        return stop_and_wait(self.api, task_id, self.run_context.clock, pause, key=key)
