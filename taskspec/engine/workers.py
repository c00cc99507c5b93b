"""Calls that may take long, carried out side by side; every answer comes back through one queue.

The threads are daemons: a process that wants to end is never held by a server that does not answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

CLEANUP_SECONDS = 0.4
"""How long a run that ends waits for calls that were asked to end: less than the user notices after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call: the tag it was submitted with, and its value or its exception."""

    tag: object
    value: object = None
    error: Exception | None = None


class WorkerPool(Protocol):
    """Carries out calls; every answer comes back through `next`, in the engine's own thread."""

    def submit(self, tag: object, call: Callable[[], object]) -> None: ...

    def spawn(self, tag: object, call: Callable[[], object]) -> None:
        """Like `submit`, in a thread of its own, since it may take hours."""
        ...

    def post(self, tag: object) -> None: ...

    def next(self, timeout: float) -> Answer | None: ...

    def close(self) -> None: ...


class Executor(Protocol):
    """Where calls are carried out and how they sleep: threads and real time, or one clock that a rehearsal moves."""

    def workers(self, size: int) -> WorkerPool: ...

    def sleep(self, seconds: float, gone: threading.Event) -> bool:
        """Sleep inside a call; True as soon as `gone` is set."""
        ...


class ThreadPool:
    """A fixed number of threads with one queue in and one queue out."""

    def __init__(self, size: int) -> None:
        self._calls: SimpleQueue[tuple[object, Callable[[], object]] | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._own: list[threading.Thread] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def submit(self, tag: object, call: Callable[[], object]) -> None:
        self._calls.put((tag, call))

    def spawn(self, tag: object, call: Callable[[], object]) -> None:
        """Carry a call out in a thread of its own."""
        thread = threading.Thread(target=self._carry_out, args=(tag, call), daemon=True)
        self._own = [*(other for other in self._own if other.is_alive()), thread]
        thread.start()

    def post(self, tag: object) -> None:
        """Put a message among the answers; safe inside a signal handler."""
        self._answers.put(Answer(tag))

    def next(self, timeout: float) -> Answer | None:
        """The next answer, or None when there is none within `timeout` seconds."""
        try:
            return self._answers.get(timeout=max(0.0, timeout)) if timeout > 0 else self._answers.get_nowait()
        except Empty:
            return None

    def close(self) -> None:
        """Let idle threads end; those inside a call end with the process. A command gets a moment to be killed."""
        for _ in self._threads:
            self._calls.put(None)
        end = time.monotonic() + CLEANUP_SECONDS
        for thread in self._own:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            self._carry_out(*item)

    def _carry_out(self, tag: object, call: Callable[[], object]) -> None:
        try:
            self._answers.put(Answer(tag, call()))
        except Exception as error:  # whatever it is, it belongs to the engine's thread
            self._answers.put(Answer(tag, error=error))


class ThreadExecutor:
    """The real hands: a thread for each worker, and time that passes by itself."""

    def workers(self, size: int) -> WorkerPool:
        return ThreadPool(size)

    def sleep(self, seconds: float, gone: threading.Event) -> bool:
        return gone.wait(seconds)
