"""A transport to the simulated server, without a network but with the same errors, on the virtual clock.

Replaces only the sending of one request. The usual code interprets the answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from taskspec.api.transport import Transport
from taskspec.api.transport.answers import HttpReply
from taskspec.api.transport.sending import READ_RETRIES, HttpCall
from taskspec.errors import NotSent, OutcomeUnknown
from taskspec.rehearsal.fake_server import Delivery, FakeReply, FakeServer

ADDRESS = "https://rehearsal"
LATENCY = 0.02
START_DEADLINE = 30.0
_PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses after which a safe request is repeated, as in the real transport."""


class VirtualTransport(Transport):
    """Sends to a FakeServer. `now` and `sleep` are those of the rehearsal; `before` is called at each step."""

    def __init__(
        self,
        server: FakeServer,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        before: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(ADDRESS, "")
        self._server, self._now, self._sleep, self._before = server, now, sleep, before

    def send(self, call: HttpCall) -> HttpReply:
        """Return the complete answer. Raises NotSent or OutcomeUnknown without one."""
        exchange = self._exchange(call)
        for attempt in range(READ_RETRIES if call.safe else 0):
            if exchange.way is Delivery.ARRIVES and exchange.status not in _PASSING:
                break
            self._sleep(0.5 * 2**attempt)
            exchange = self._exchange(call)
        return self._reply_to(call, exchange)

    def _exchange(self, call: HttpCall) -> FakeReply:
        self._before(f"send {call.name}")
        self._sleep(LATENCY)
        exchange = self._server.receive(call.name, _body(call), self._now())
        self._sleep(START_DEADLINE if exchange.way is Delivery.HANGS else LATENCY)
        self._before(f"receive {call.name}")
        return exchange

    def _reply_to(self, call: HttpCall, exchange: FakeReply) -> HttpReply:
        where = self._endpoint_text(call)
        if exchange.way is Delivery.NO_CONNECTION:
            raise NotSent(f"{where}: no connection", remedy="played by the fault script")
        if exchange.way is not Delivery.ARRIVES:
            raise OutcomeUnknown(f"{where}: the answer was lost ({exchange.way})", remedy="played by the fault script")
        return HttpReply(where, exchange.status, exchange.body)


def _body(call: HttpCall) -> dict[str, Any]:
    if isinstance(call.body, bytes):
        body: dict[str, Any] = json.loads(call.body)
        return body
    return dict(call.query or {})
