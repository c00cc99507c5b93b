"""The agent: take queued launches in order, start them, watch them, and record how they ended.

    queued ─▶ consumed ─▶ started ─▶ finished │ error │ stopped
       ▲                     │
       └── on_error, later ──┘

Runs on the server's event loop. It decides from the store and the run directories alone, so a new server continues
where a killed one stopped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from taskspec.api.wire import LaunchStatus, RestartPolicy
from taskspec.errors import LocalServerError
from taskspec.files.process_mark import mark_of
from taskspec.local.agent import launcher
from taskspec.local.agent.attempt import ExitVerdict, RunningAttempt, failure, judge, last_lines
from taskspec.local.agent.launcher import Job, RunDir
from taskspec.local.agent.process import LAST, Ports, find_by_argument, is_alive, kill_orphans, reap
from taskspec.local.agent.queue import Queue
from taskspec.local.db.launches import Launches, LaunchRow
from taskspec.local.db.logs import LogLine, Logs
from taskspec.local.db.server_database import Store
from taskspec.local.home import ServerHome

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Settings of the operator."""

    capacity: int = 64
    stop_grace: float = 5.0
    restart_limit: int = 3
    restart_delay: float = 1.0
    tail_interval: float = 0.5


class Agent:
    """Runs the launches of one server. Call `start` in a running event loop and `close` before the loop ends."""

    def __init__(
        self,
        home: ServerHome,
        store: Store,
        launches: Launches,
        logs: Logs,
        prepare: Callable[[LaunchRow, RunDir], Job],
        settings: AgentSettings,
    ) -> None:
        self._home, self._store, self._launches, self._logs = home, store, launches, logs
        self._prepare, self._settings = prepare, settings
        # Servers of other homes use the same range, so each begins at a random port.
        self._ports = Ports(secrets.randbelow(LAST))
        self._running: dict[int, RunningAttempt] = {}
        self._queue = Queue(launches, lambda: settings.capacity - len(self._running), self._start)
        self._tail_handle: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def active(self) -> int:
        """The number of running and waiting launches."""
        return len(self._running) + self._launches.count_queued()

    def start(self) -> None:
        """Take over the launches of an earlier server, then start the queue."""
        for launch in self._launches.unfinished():
            if launch.status is not LaunchStatus.QUEUED:
                self._adopt(launch)
        self.wake()

    def close(self) -> None:
        """Stop watching. The apps keep running; the next server adopts them."""
        self._closed = True
        for running in self._running.values():
            running.close()
        self._queue.close()
        if self._tail_handle is not None:
            self._tail_handle.cancel()

    def wake(self) -> None:
        """Look at the queue, because a launch was added."""
        self._queue.wake()

    def stop(self, launch: LaunchRow) -> LaunchStatus:
        """Stop a launch and return its status. A launch that has ended does not change."""
        running = self._running.get(launch.id)
        if running is None:
            self._launches.end(launch.id, LaunchStatus.STOPPED)
        elif not launch.stop_requested:
            self._launches.ask_to_stop(launch.id)
            running.stop(self._settings.stop_grace)
        if launch.status.is_terminal:  # perhaps set by a client, while the app still runs
            return launch.status
        return LaunchStatus.STOPPED if running is None else LaunchStatus.TERMINATING

    def runs(self, task_id: int) -> bool:
        """Whether a process of this launch is being watched."""
        return task_id in self._running

    def resume(self, launch: LaunchRow) -> bool:
        """Run an ended launch again under its id. Return False while its process still exists."""
        if launch.id in self._running:
            return False
        self._launches.resume(launch.id)
        self.wake()
        return True

    def drain(self, task_id: int) -> None:
        """Store what the launch has written so far, so that a client can read it now."""
        running = self._running.get(task_id)
        if running is not None:
            self._store_lines(running, final=False)

    def _start(self, due: list[LaunchRow]) -> None:
        """Record that the launches left the queue, then start them."""
        taken = [replace(launch, port=self._ports.reserve()) for launch in due]
        with self._store.transaction():
            for launch in taken:
                self._launches.consume(launch.id, launch.port)
        with self._store.transaction():
            for launch in taken:
                self._spawn(launch)

    def _spawn(self, launch: LaunchRow) -> None:
        running = self._hold(launch)
        try:
            job = self._prepare(launch, running.run_dir)
            if job.notes:
                self._logs.add(launch.id, [LogLine(note) for note in job.notes])
            pid = launcher.start(job)
        except LocalServerError as error:
            self._end_attempt(running, launch, failure(error.message))
            return
        except Exception as error:
            # No error of one launch may block the launches behind it in the queue.
            _logger.exception("task %d cannot be started", launch.id)
            self._end_attempt(running, launch, failure(f"the app cannot be started: {error}"))
            return
        self._watch(running, pid, fresh=True)

    def _hold(self, launch: LaunchRow) -> RunningAttempt:
        run_dir = RunDir(self._home.task(launch.id) / f"attempt-{launch.attempt}")
        running = self._running[launch.id] = RunningAttempt(launch, run_dir)
        if self._tail_handle is None:
            self._tail_handle = asyncio.get_running_loop().call_later(self._settings.tail_interval, self._tail)
        return running

    def _watch(self, running: RunningAttempt, pid: int, *, fresh: bool) -> None:
        # Reading the mark of a process during its exec would block. `_tail` reads it later.
        mark = None if fresh else mark_of(pid)
        self._launches.start(running.task_id, pid, mark)
        running.watch(pid, mark, lambda: self._ended(running), fresh=fresh)

    def _adopt(self, launch: LaunchRow) -> None:
        """Continue a launch of an earlier server, which never ran, still runs, or has ended."""
        run_dir = RunDir(self._home.task(launch.id) / f"attempt-{launch.attempt}")
        self._ports.keep(launch.port)
        if launch.pid_mark is None and not run_dir.is_claimed:
            self._start_or_fail(launch, run_dir)
            return
        running = self._hold(launch)
        if launch.pid is not None and is_alive(launch.pid, launch.pid_mark):
            running.watch(launch.pid, launch.pid_mark, lambda: self._ended(running))
            if launch.stop_requested:
                running.stop(self._settings.stop_grace)
            return
        self._ended(running)

    def _start_or_fail(self, launch: LaunchRow, run_dir: RunDir) -> None:
        """Start a launch that no shim has claimed. To stop it, the agent takes the claim, so that no shim can."""
        if not launch.stop_requested:
            self._spawn(launch)
        elif run_dir.claim():
            self._ports.release(launch.port)
            self._launches.end(launch.id, LaunchStatus.STOPPED)
        else:
            self._ended(self._hold(launch))

    def _ended(self, running: RunningAttempt) -> None:
        """Handle the end of the known process. Without an exit status, another process may hold the claim."""
        if running.pid is not None:
            reap(running.pid)
        if running.run_dir.exit_status is None and (self._follow_claimant(running) or self._ends_orphans(running)):
            return
        self._finish(running)

    def _follow_claimant(self, running: RunningAttempt) -> bool:
        """Watch the process that holds the claim, if it is another one. Two servers may have started a shim each."""
        if not running.run_dir.is_claimed:
            return False
        claimant = find_by_argument(str(running.run_dir.path), running.run_dir.claimant)
        if claimant is None or claimant == running.pid or mark_of(claimant) is None:
            return False
        running.close()
        self._watch(running, claimant, fresh=False)
        launch = self._launches.find(running.task_id)
        if launch is not None and launch.stop_requested:
            running.stop(self._settings.stop_grace)
        return True

    def _ends_orphans(self, running: RunningAttempt) -> bool:
        """Kill an app that has outlived its shim, and wait for its end: its launch may then start again."""
        claimant = running.run_dir.claimant
        orphan = None if claimant is None else kill_orphans(claimant, str(self._home.task(running.task_id)))
        if orphan is None:
            return False
        running.watch(orphan, mark_of(orphan), lambda: self._ended(running))
        return True

    def _finish(self, running: RunningAttempt) -> None:
        """Store the rest of the logs, then judge. One piece per turn of the loop, so that requests are answered."""
        if self._closed:
            return
        with self._store.transaction():
            if not self._store_lines(running, final=True):
                self._judge(running)
                return
        asyncio.get_running_loop().call_soon(self._finish, running)

    def _judge(self, running: RunningAttempt) -> None:
        launch = self._launches.find(running.task_id)
        stop_requested = launch is not None and launch.stop_requested
        status = running.run_dir.exit_status
        stderr = "" if status == 0 else last_lines(running.run_dir.stderr)
        self._end_attempt(running, launch, judge(status, stop_requested=stop_requested, stderr=stderr))

    def _end_attempt(self, running: RunningAttempt, launch: LaunchRow | None, verdict: ExitVerdict) -> None:
        running.close()
        self._running.pop(running.task_id, None)
        self._ports.release(running.port)
        with self._store.transaction():
            if verdict.error:
                extras = {"event_type": "EventType.TASK_CRASHED", "exit_status": verdict.error["exitCode"]}
                self._logs.add(running.task_id, [LogLine(str(verdict.error["message"]), "fatal", extras=extras)])
            if launch is not None and self._may_restart(launch, verdict):
                delay = self._settings.restart_delay * 2 ** (launch.attempt - 1)
                self._launches.queue_again(launch.id, time.time() + delay)
                self._queue.wake(delayed=True)
            else:
                self._launches.end(running.task_id, verdict.status, verdict.error)
        self._queue.capacity_freed()

    def _may_restart(self, launch: LaunchRow, verdict: ExitVerdict) -> bool:
        return (
            verdict.status is LaunchStatus.ERROR
            and not launch.status.is_terminal
            and launch.restart_policy == RestartPolicy.ON_ERROR
            and launch.attempt <= self._settings.restart_limit
        )

    def _store_lines(self, running: RunningAttempt, *, final: bool) -> bool:
        """Store new lines and their offset in one transaction, so that no line is stored twice. True: call again."""
        found, more = running.read(final=final)
        if found:
            with self._store.transaction():
                for stream, (lines, offset) in found.items():
                    self._logs.add(running.task_id, lines)
                    self._launches.remember_read(running.task_id, stream, offset)
                    if any(line.status is LaunchStatus.DEPLOYED for line in lines):
                        self._launches.announce(running.task_id, LaunchStatus.DEPLOYED, None)
        return more

    def _tail(self) -> None:
        self._tail_handle = None
        for running in self._running.values():
            self._store_lines(running, final=False)
            if running.read_mark():
                self._launches.remember_mark(running.task_id, running.mark)
        if self._running:
            self._tail_handle = asyncio.get_running_loop().call_later(self._settings.tail_interval, self._tail)
