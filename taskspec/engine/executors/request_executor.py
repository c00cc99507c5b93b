"""Requests to a running service: one attempt unless repeating is allowed, or again until a condition holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import ceil
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from taskspec.engine.executors.call_protocol import CallFailed, CallOrder, Pause
from taskspec.engine.server.connection import Server
from taskspec.errors import ApiError, NotFound, NotSent, OutcomeUnknown, Refused, Unauthorized
from taskspec.specfile.fields.kinds import Poll, can_be_repeated
from taskspec.specfile.fields.retries_and_deadlines import FailureKind, show
from taskspec.values import Json, canonical

if TYPE_CHECKING:
    from taskspec.api import Api

LONGEST_REQUEST = 7 * 24 * 3600.0
"""Seconds that a request may take where the spec sets no limit; servers allow no more."""
POLL_REQUEST = 60.0
"""How long one request of a poll may take: the service is asked again anyway."""
LAST_LOOK = 1.0
"""What the last request of a poll has at least, when the time is over."""
NO_ANSWER = 424
"""Failed Dependency (RFC 4918, 11.4): the server asked the app, which said nothing."""
SHOWN = 200
LOOK_SECONDS = 10.0
"""Between two looks whether the service is still there while an answer is awaited."""
RESEND_LIMIT = 5
AFTER_LOST_ANSWER = (
    "see whether it did; raise `timeout` if it needs longer; `idempotent: true` if asking twice does no harm"
)
_LOST = FailureKind.UNKNOWN_START
"""Never repeated automatically: the service may have carried it out."""
_NAP_SHORTEST, _NAP_LONGEST = 0.005, 0.25
Begin = Callable[[Callable[[], None]], None]
"""Carries out a call in a thread of its own while the caller waits."""


def in_a_thread(call: Callable[[], None]) -> None:
    """No thread waits for it: a request that is given up goes on until the server answers."""
    threading.Thread(target=call, daemon=True).start()


@dataclass(frozen=True, slots=True)
class RequestExecutor:
    """Asks services of one server."""

    server: Server
    clock: Callable[[], float]
    begin: Begin = in_a_thread

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        """The service's answer."""
        service = order.body["service"]
        if not isinstance(service, int) or isinstance(service, bool):
            message = f"service must be a task of kind service or the id of a launch, and is {service!r}"
            raise CallFailed(message, FailureKind.INPUTS)
        limit = order.call.timeout if order.call.timeout is not None else LONGEST_REQUEST
        asked = _Attempt(self.server.api, self.clock, self.begin, service, order, self.clock() + limit, pause)
        return asked.once() if order.call.poll is None else asked.until(order.call.poll)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One request, or one poll, on its way; `end` is the moment at which its time is over."""

    api: Api
    clock: Callable[[], float]
    begin: Begin
    service: int
    order: CallOrder
    end: float
    pause: Pause

    @property
    def _method(self) -> str:
        return str(self.order.body["method"])

    def once(self) -> Json:
        """One answer. Where the call may be repeated, a lost one is asked for again, with growing pauses."""
        for attempt in range(1, RESEND_LIMIT if self.order.call.idempotent else 1):
            with suppress(NotSent, OutcomeUnknown):
                return self._accepted(self._ask(self._left()))
            self.pause(min(2.0**attempt, max(0.0, self._left())))
            self._check_alive()
        try:
            return self._accepted(self._ask(self._left()))
        except OutcomeUnknown as error:
            message = f"{error.message}; the service may have done what was asked"
            raise CallFailed(message, _LOST, remedy=AFTER_LOST_ANSWER) from None

    def until(self, poll: Poll) -> Json:
        """The first answer that meets the condition; lost ones are asked for again."""
        asked, why = 0, "nothing was answered"
        while True:
            asked += 1
            try:
                answer = self._accepted(self._ask(min(POLL_REQUEST, max(self.end - self.clock(), LAST_LOOK))))
                why = self.order.why_not_met(answer)
                if not why:
                    return answer
                why += f", and it answered {_short(answer)}"
            except (NotSent, OutcomeUnknown) as error:
                why = error.message
            if poll.attempts is not None and asked >= poll.attempts:
                raise CallFailed(f"{self._method} of launch {self.service}: not met after {asked} requests: {why}")
            left = self.end - self.clock()
            if left <= 0:
                raise self._too_late(f"not met: {why}")
            self.pause(min(poll.every, left))
            self._check_alive()

    def _ask(self, limit: float) -> Json:
        """The answer to one request, within `limit` seconds; ends at once when the service or the run does."""
        answers: SimpleQueue[tuple[Json, Exception | None]] = SimpleQueue()
        self.begin(partial(self._send, limit, answers))
        began, nap, look = self.clock(), _NAP_SHORTEST, self.clock() + LOOK_SECONDS
        while True:
            with suppress(Empty):
                value, error = answers.get_nowait()
                if isinstance(error, Refused):
                    self._check_alive()  # "no app answers" has a cause worth telling
                    raise self._refused(error)
                if error is not None:
                    raise error
                return value
            if self.clock() - began > limit:
                raise OutcomeUnknown(f"{self._method} of launch {self.service}: no answer within {show(limit)}")
            if self.clock() >= look:
                self._check_alive(is_out=True)
                look = self.clock() + LOOK_SECONDS
            self.pause(nap)
            nap = min(nap * 1.5, _NAP_LONGEST)

    def _send(self, limit: float, answers: SimpleQueue[tuple[Json, Exception | None]]) -> None:
        data = dict(self.order.body.get("data", {}))
        try:
            # Rounded, since it is read in messages.
            seconds = ceil(limit * 10) / 10
            value = self.api.task.send_request(self.service, self._method, data, timeout=seconds, raise_error=True)
            answers.put((value, None))
        except Exception as error:  # whatever it is, it belongs to the thread that waits
            answers.put((None, error))

    def _accepted(self, answer: Json) -> Json:
        """The answer, unless the service says in it that it has failed."""
        error = answer.get("error") if isinstance(answer, Mapping) else None
        if error:
            said = error if isinstance(error, str) else canonical(error)
            raise CallFailed(f"{self._method} of launch {self.service} answered with an error: {said}")
        return answer

    def _check_alive(self, *, is_out: bool = False) -> None:
        """Raises CallFailed once the service has ended; a server that does not answer says nothing about it.

        Until a request is answered, it is unknown what the service did with it.
        """
        try:
            info = self.api.task.get_info_by_id(self.service)
        except NotFound:
            raise self._gone("is not known to the server", is_out=is_out) from None
        except Refused:
            raise
        except ApiError:
            return
        if info.status is not None and info.status.is_terminal:
            raise self._gone(f"is {info.raw_status}", is_out=is_out)

    def _refused(self, error: Refused) -> Exception:
        """A relay that got no answer from the app does not know what the app has done."""
        if error.status == NO_ANSWER:
            return OutcomeUnknown(f"{self._method} of launch {self.service}: {error.message}", status=error.status)
        if isinstance(error, Unauthorized):
            return error
        remedy = "check `method` and `data`; `taskspec logs` shows what the app says"
        message = f"{self._method} of launch {self.service} was refused: {error.message}"
        return CallFailed(message, FailureKind.REFUSED, remedy=remedy)

    def _left(self) -> float:
        left = self.end - self.clock()
        if left <= 0:
            raise self._too_late("no answer")
        return left

    def _gone(self, how: str, *, is_out: bool) -> CallFailed:
        message = f"the service {how} (launch {self.service}), so {self._method} cannot be answered"
        remedy = "start the service again; `taskspec logs` shows why it ended"
        if not is_out or can_be_repeated(self.order.kind, self.order.call):
            return CallFailed(message, remedy=remedy)
        return CallFailed(f"{message}; it may have done what was asked", remedy=remedy, kind=_LOST)

    def _too_late(self, why: str) -> CallFailed:
        limit = show(self.order.call.timeout or LONGEST_REQUEST)
        return CallFailed(f"{self._method} of launch {self.service}: {why} within {limit}", remedy="raise `timeout`")


def _short(answer: Json) -> str:
    text = canonical(answer)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
