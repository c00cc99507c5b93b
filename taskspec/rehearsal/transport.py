"""The way from our client to the rehearsed server without a network: the same errors as the real one, on its clock.

Only the single sending of a request is replaced; what an answer means is decided by the code that always does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from taskspec.api.answers import Reply
from taskspec.api.transport import Transport
from taskspec.api.transport.sending import READ_RETRIES, HttpCall
from taskspec.errors import NotSent, OutcomeUnknown
from taskspec.rehearsal.server import Exchange, FakeServer, Way

ADDRESS = "http://rehearsal"
LATENCY = 0.02
START_DEADLINE = 30.0
_PASSING = frozenset({429, 500, 502, 503, 504})
"""Answers after which a safe request is sent again, as the real transport does."""


class VirtualTransport(Transport):
    """Sends to a FakeServer. `now` and `sleep` belong to the rehearsal; `before` sees every request that leaves."""

    def __init__(
        self,
        server: FakeServer,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        before: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(ADDRESS, "")
        self._server, self._now, self._sleep, self._before = server, now, sleep, before

    def send(self, call: HttpCall) -> Reply:
        """The complete answer. Raises NotSent or OutcomeUnknown when there is none."""
        exchange = self._exchange(call)
        for attempt in range(READ_RETRIES if call.safe else 0):
            if exchange.way is Way.ARRIVES and exchange.status not in _PASSING:
                break
            self._sleep(0.5 * 2**attempt)
            exchange = self._exchange(call)
        return self._reply_to(call, exchange)

    def _exchange(self, call: HttpCall) -> Exchange:
        self._before(f"send {call.name}")
        self._sleep(LATENCY)
        exchange = self._server.receive(call.name, _body(call), self._now())
        self._sleep(START_DEADLINE if exchange.way is Way.HANGS else LATENCY)
        self._before(f"receive {call.name}")
        return exchange

    def _reply_to(self, call: HttpCall, exchange: Exchange) -> Reply:
        where = self._where(call)
        if exchange.way is Way.NO_CONNECTION:
            raise NotSent(f"{where}: no connection", remedy="played by the fault script")
        if exchange.way is not Way.ARRIVES:
            raise OutcomeUnknown(f"{where}: the answer was lost ({exchange.way})", remedy="played by the fault script")
        return Reply(where, exchange.status, exchange.body)


def _body(call: HttpCall) -> dict[str, Any]:
    if isinstance(call.body, bytes):
        body: dict[str, Any] = json.loads(call.body)
        return body
    return dict(call.query or {})
