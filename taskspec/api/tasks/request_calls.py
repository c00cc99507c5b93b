"""Calls to a running app through the server.

Facts: wire protocol, section 2.7. A call may have any effect, so it is repeated only when the caller allows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from taskspec.api.records.paging import Paged
from taskspec.errors import NotSent, OutcomeUnknown, Refused, Unauthorized, UsageError

METHOD = "tasks.request.direct"
MARGIN = 10.0
"""Seconds that the server may need to relay an answer, in addition to the timeout."""


class RequestCalls(Paged):
    """Requests to a running app."""

    _sleep: Callable[[float], object] = staticmethod(time.sleep)

    def send_request(
        self,
        task_id: int,
        method: str,
        data: Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
        skip_response: bool = False,
        timeout: float = 60,
        outside_request: bool = True,
        retries: int = 1,
        raise_error: bool = False,
    ) -> Any:
        """Return the app's answer as JSON, or None with `skip_response` (the SDK fails on an empty answer).

        Up to `retries` attempts (ten in the SDK), with `raise_error` only one. `timeout` also limits the client's
        wait. `context` is not changed; the SDK writes into a shared default.
        """
        if not isinstance(data, dict):
            raise UsageError(f'the data of "{method}" must be an object', remedy="pass a dict")
        body = {
            "taskId": task_id,
            "command": method,
            "context": {**(context or {}), "outside_request": outside_request},
            "state": data,
            "skipResponse": skip_response,
            "timeout": timeout,
        }
        for attempt in range(0 if raise_error else retries - 1):
            try:
                return self._request(body, skip_response, timeout)
            except (NotSent, OutcomeUnknown):
                self._sleep(min(2.0**attempt, 60.0))
        return self._request(body, skip_response, timeout)

    def is_running(self, task_id: int) -> bool:
        """Return whether the app answers. Raises when the connection or the permission is the problem."""
        return self._probe(task_id, "is_running") is not None

    def is_ready(self, task_id: int) -> bool:
        """Return whether the app answers that it is ready. False without a status; the SDK crashes."""
        answer = self._probe(task_id, "is_ready")
        return isinstance(answer, dict) and answer.get("status") == "ready"

    def _probe(self, task_id: int, command: str) -> Any:
        """Return the answer of the app, or None when the server reports none."""
        try:
            answer = self.send_request(task_id, command, {}, retries=1, raise_error=True)
        except Unauthorized:
            raise
        except Refused:
            return None
        except OutcomeUnknown as error:
            if error.status is None or error.status < 400:
                raise
            return None
        return {} if answer is None else answer

    def _request(self, body: Mapping[str, Any], skip_response: bool, timeout: float) -> Any:
        deadline = timeout + MARGIN
        if not skip_response:
            return self._transport.post(METHOD, body, safe=False, deadline=deadline)
        self._transport.post_for_status(METHOD, body, safe=False, deadline=deadline)
        return None
