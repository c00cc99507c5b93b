"""A virtual clock that moves only when every thread waits, and workers that use it.

Calls run in threads, but only one thread runs at a time and passes control itself. The clock and a seed determine the
order, never the machine. The same seed gives the same run.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from taskspec.engine.workers import Answer, WorkerPool

Action = Callable[[], None]


class RunEndedError(BaseException):
    """The run is over. Ends every call that still sleeps."""


def _held_lock() -> threading.Lock:
    """A lock that one thread releases and another waits for; a semaphore does the same in ten times the time."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class VirtualThread:
    """A thread that runs one call after another while the thread of the clock waits."""

    clock: Clock
    go: threading.Lock = field(default_factory=_held_lock)
    call: Action | None = None
    is_gone: bool = False
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def resume(self) -> None:
        """Let this thread run until it sleeps or its call ends."""
        before, self.clock.running = self.clock.running, self
        self.go.release()
        self.clock.back.acquire()
        self.clock.running = before

    def rest(self) -> None:
        """Return control to the clock, and wait for it."""
        self.clock.back.release()
        self.go.acquire()
        if self.is_gone:
            raise RunEndedError

    def _work(self) -> None:
        self.go.acquire()
        try:
            while self.call is not None:
                self.call()
                self.call = None
                self.clock.idle.append(self)
                self.rest()
        except RunEndedError:
            pass
        finally:
            self.clock.back.release()


@dataclass(slots=True)
class Clock:
    """Seconds since the start of the run, and all future actions in order.

    Actions at the same time come in random order, drawn from `chance`. Only one thread and its carriers may use it.
    """

    chance: Random
    now: float = 0.0
    back: threading.Lock = field(default_factory=_held_lock)
    idle: list[VirtualThread] = field(default_factory=list)
    running: VirtualThread | None = None
    _coming: list[tuple[float, float, int, Action]] = field(default_factory=list)
    _sleepers: dict[VirtualThread, threading.Event] = field(default_factory=dict)
    _carriers: list[VirtualThread] = field(default_factory=list)
    _count: int = 0

    def __call__(self) -> float:
        return self.now

    def at(self, when: float, action: Action) -> None:
        """Schedule an action."""
        self._count += 1
        heapq.heappush(self._coming, (max(when, self.now), self.chance.random(), self._count, action))

    def sleep(self, seconds: float) -> None:
        """Let time pass. A call lets other threads run; the owner of the clock runs them."""
        end = self.now + max(0.0, seconds)
        if self.running is None:
            self.run_until(end)
            return
        carrier = self.running
        self.at(end, carrier.resume)
        carrier.rest()

    def sleep_unless(self, seconds: float, gone: threading.Event) -> bool:
        """Like `sleep`, but end as soon as `gone` is set. Return whether it is set."""
        carrier = self.running
        if carrier is None or gone.is_set():
            if not gone.is_set():
                self.sleep(seconds)
            return gone.is_set()
        self._sleepers[carrier] = gone
        self.at(self.now + max(0.0, seconds), lambda: self._wake(carrier))
        carrier.rest()
        return gone.is_set()

    def _wake(self, carrier: VirtualThread) -> None:
        if self._sleepers.pop(carrier, None) is not None:
            carrier.resume()

    def carry_out(self, call: Action) -> None:
        """Start a call now. Return when it ends or sleeps."""
        carrier = self.idle.pop() if self.idle else VirtualThread(self)
        if carrier not in self._carriers:
            self._carriers.append(carrier)
        carrier.call = call
        carrier.resume()

    def run_until(self, end: float, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Run all actions up to `end`. Stop early once `is_enough` returns True."""
        while not is_enough():
            for carrier in [c for c, gone in self._sleepers.items() if gone.is_set()]:
                self._wake(carrier)
            if is_enough() or not self._coming or self._coming[0][0] > end:
                break
            when, _, _, action = heapq.heappop(self._coming)
            self.now = max(self.now, when)
            action()
        else:
            return
        if not is_enough():
            self.now = max(self.now, end)

    def close(self) -> None:
        """End every thread. Sleeping calls do not continue."""
        for carrier in self._carriers:
            carrier.is_gone = True
            carrier.resume()
            carrier.thread.join()
        self._carriers.clear()
        self.idle.clear()
        self._sleepers.clear()
        self._coming.clear()


@dataclass(slots=True)
class VirtualPool:
    """Workers on a virtual clock: at most `size` calls at a time, answers in the order of their ends."""

    clock: Clock
    size: int
    _busy: int = 0
    _waiting: deque[tuple[object, Callable[[], object]]] = field(default_factory=deque)
    _answers: deque[Answer] = field(default_factory=deque)
    _fatal: BaseException | None = None

    def submit(self, tag: object, call: Callable[[], object]) -> None:
        self._waiting.append((tag, call))
        self.clock.at(self.clock.now, self._begin)

    def spawn(self, tag: object, call: Callable[[], object]) -> None:
        self.clock.at(self.clock.now, lambda: self.clock.carry_out(lambda: self._carry_out(tag, call)))

    def post(self, tag: object) -> None:
        self._answers.append(Answer(tag))

    def next(self, timeout: float) -> Answer | None:
        end = self.clock.now + max(0.0, timeout)
        self.clock.run_until(end, lambda: bool(self._answers) or self._fatal is not None)
        if self._fatal is not None:
            raise self._fatal
        return self._answers.popleft() if self._answers else None

    def close(self) -> None:
        self.clock.close()

    def _begin(self) -> None:
        if self._waiting and self._busy < self.size:
            tag, call = self._waiting.popleft()
            self._busy += 1
            self.clock.carry_out(lambda: self._work(tag, call))

    def _work(self, tag: object, call: Callable[[], object]) -> None:
        self._carry_out(tag, call)
        self._busy -= 1
        self.clock.at(self.clock.now, self._begin)

    def _carry_out(self, tag: object, call: Callable[[], object]) -> None:
        try:
            self._answers.append(Answer(tag, call()))
        except RunEndedError:
            raise
        except Exception as error:  # every error is handled by the engine's thread
            self._answers.append(Answer(tag, error=error))
        except BaseException as error:  # for example the end of the simulated process
            self._fatal = error


@dataclass(frozen=True, slots=True)
class VirtualExecutor:
    """The `Executor` of an apply on a virtual clock."""

    clock: Clock

    def workers(self, size: int) -> WorkerPool:
        return VirtualPool(self.clock, size)

    def sleep(self, seconds: float, gone: threading.Event) -> bool:
        return self.clock.sleep_unless(seconds, gone)
