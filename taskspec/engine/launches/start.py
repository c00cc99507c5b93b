"""One launch, started once: send, and when the answer is lost, look before sending again.

Runs in a worker; it talks to the server and waits, and never writes state. The caller has made the intent durable.
Protocol and error classes: docs/exactly-once.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from taskspec.api import Api, StartRequest, TaskInfo
from taskspec.engine.launches.stop import stop_and_wait, try_stop
from taskspec.engine.server.observe import has_ended, key_of, launches_by_key
from taskspec.errors import ApiError, NotSent, OutcomeUnknown, Refused

SETTLE_SECONDS = 60.0
"""How long a start may be on its way before we may believe it never arrived; shorter windows double-start."""
GIVE_UP_SECONDS = 300.0
"""How long after the window we go on asking a server that does not answer."""
SEND_LIMIT = 5
LONGEST_RETRY_AFTER = 60.0
"""Seconds that a server may ask us to wait before a start that it refused for now is sent again."""
LONGEST_LOOK = 5.0
"""Seconds between two looks, at most; and always, once the window is over and the server does not answer."""


@dataclass(frozen=True, slots=True)
class UnresolvedStart:
    """An older start of the same task, with other inputs, that may or may not have arrived."""

    key: str
    watermark: int
    unresolved_for: float


@dataclass(frozen=True, slots=True)
class StartOrder:
    """A start whose intent is on record. `unresolved_for` is set when an earlier send may still be on its way."""

    address: str
    key: str
    request: StartRequest
    workspace: int
    watermark: int
    unresolved_for: float | None = None
    unresolved_start: UnresolvedStart | None = None


@dataclass(frozen=True, slots=True)
class StartDone:
    """The server has the launch. `twins` are later launches of the same key, which were stopped.

    `resent` says that the start was sent again after a settle window, so that a twin may still turn up late.
    """

    task_id: int
    adopted: bool
    duplicates: tuple[int, ...] = ()
    resent: bool = False


class Interrupted(Exception):
    """The run is ending; what was sent is on record and the next apply looks for it."""


class NeverSent(Interrupted):
    """The run was ending before the start was sent for the first time: there is nothing to look for."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Carries out orders. `pause` sleeps, and raises Interrupted when the run ends meanwhile.

    `confirm` is called right before anything is sent. It raises LockHeld when the state has another owner by then, so a
    process that was paused beyond its lease sends nothing. It raises Interrupted once a run is ending.
    """

    api: Api
    clock: Callable[[], float]
    pause: Callable[[float], None]
    confirm: Callable[[], None]
    settle: float = SETTLE_SECONDS

    def start(self, order: StartOrder) -> StartDone:
        """Start exactly once. Raises Refused or NotSent when the server certainly has no such launch."""
        if order.unresolved_start is not None:
            self._end(order, order.unresolved_start)
        resent = order.unresolved_for is not None
        if order.unresolved_for is not None:
            found = self._settle(order, order.key, order.watermark, order.unresolved_for)
            if found:
                return self._adopted(found)
        for attempt in range(SEND_LIMIT):
            try:
                return self._send(order, resent=resent, is_first=attempt == 0)
            except NotSent:
                self._again(attempt)
            except Refused as error:
                if error.status != 429:
                    raise
                self._again(attempt, min(error.retry_after, LONGEST_RETRY_AFTER))
            except OutcomeUnknown:
                found = self._settle(order, order.key, order.watermark, 0.0)
                if found:
                    return self._adopted(found)
                resent = True
        return self._send(order, resent=resent)

    def _send(self, order: StartOrder, *, resent: bool, is_first: bool = False) -> StartDone:
        try:
            self.confirm()
        except Interrupted:
            raise NeverSent if is_first and not resent else Interrupted from None
        return StartDone(self.api.task.start_request(order.request).id, adopted=False, resent=resent)

    def _end(self, order: StartOrder, forerunner: UnresolvedStart) -> None:
        """Make sure that an older start with other inputs does not run at the same time as the new one."""
        found = self._settle(order, forerunner.key, forerunner.watermark, forerunner.unresolved_for)
        for launch in found:
            stop_and_wait(self.api, launch.id, self.clock, self.pause)

    def _again(self, attempt: int, at_least: float = 0.0) -> None:
        self.pause(max(at_least, min(0.5 * 2**attempt, 8.0)))

    def _settle(self, order: StartOrder, key: str, watermark: int, passed: float) -> list[TaskInfo]:
        """Look for launches of a key until the settle window is over; none when it certainly did not arrive.

        Only a look that was answered counts. Raises OutcomeUnknown when none is, long after the window.
        """
        end = self.clock() + max(0.0, self.settle - passed)
        wait = 0.1
        while True:
            now = self.clock()
            try:
                listed = list(self.api.task.list_after(order.workspace, watermark))
            except ApiError as error:
                if now > end + GIVE_UP_SECONDS:
                    raise _unresolved(order, error) from None
            else:
                found = [launch for launch in listed if key_of(launch) == key]
                if not found and now >= end:
                    _check_none_hides(order, listed)
                if found or now >= end:
                    return found
            left = end - self.clock()
            self.pause(min(wait, LONGEST_LOOK, max(left, 0.05)) if left > 0 else LONGEST_LOOK)
            wait *= 2

    def _adopted(self, found: list[TaskInfo]) -> StartDone:
        """The launch with the lowest id is ours; the others are one start carried out more than once."""
        return StartDone(found[0].id, adopted=True, duplicates=self._stop_duplicates(found[1:]))

    def _stop_duplicates(self, twins: list[TaskInfo]) -> tuple[int, ...]:
        for twin in twins:
            if twin.status is None or not twin.status.is_terminal:
                self.api.task.stop(twin.id)
        return tuple(twin.id for twin in twins)


def _check_none_hides(order: StartOrder, listed: Sequence[TaskInfo]) -> None:
    """Raise OutcomeUnknown where the launch that is looked for may be there, on a server that shows no start keys."""
    if any(map(key_of, listed)):
        return
    address, name = order.address, order.request.task_name
    for launch in listed:
        if launch.module_id in (None, order.request.module_id) and launch.name in ("", name or launch.name):
            raise OutcomeUnknown(
                f'cannot determine whether "{address}" was started: the server shows no start keys, and launch '
                f"{launch.id} may be the one",
                remedy=f"look at launch {launch.id}. If it is the one: taskspec state forget --force '{address}', then "
                f"taskspec state adopt '{address}' {launch.id}. If it is not: only forget, and apply again",
            )


def _unresolved(order: StartOrder, error: ApiError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f'cannot determine whether "{order.address}" was started: {error.message}',
        remedy="apply again when the server answers; it looks for the launch before it starts anything",
    )


def stop_duplicates(
    api: Api,
    answered: Sequence[tuple[StartOrder, int]],
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Iterator[tuple[str, str]]:
    """Stop every other launch of starts that were answered; the address, and what was done. Runs in a worker."""
    for workspace in sorted({order.workspace for order, _ in answered}):
        here = [(order, task_id) for order, task_id in answered if order.workspace == workspace]
        try:
            found = launches_by_key(api, workspace, min(order.watermark for order, _ in here))
        except ApiError as error:
            why = f"cannot look for duplicate launches: {error.message}; the next apply looks again"
            yield here[0][0].address, why
            continue
        for order, task_id in here:
            # Where the answer named another launch, ours is the first with the key.
            ours = sorted(found.get(order.key, []), key=lambda launch: (launch.id != task_id, launch.id))
            for twin in ours[1:]:
                yield order.address, f"started more than once; {_end_twin(api, twin, clock, pause)}"


def _end_twin(api: Api, twin: TaskInfo, clock: Callable[[], float], pause: Callable[[float], None]) -> str:
    if has_ended(twin):
        return f"launch {twin.id} ran too, and is {twin.raw_status}"
    problem = try_stop(api, twin.id, clock, pause)
    return f"the later launch {twin.id} " + (f"could not be stopped: {problem}" if problem else "was stopped")
