"""Send HTTP requests, and translate each failure into an error class.

Safe requests (reads, and writes that may be repeated) use kept-alive connections and are retried. Unsafe requests (a
start) are sent once, on a new connection, with a deadline for the whole answer.

    refused, unknown host, TLS, connect timeout    NotSent
    4xx                                            Refused, Unauthorized, NotFound
    every other failure                            OutcomeUnknown
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from requests import Response, Session
from requests.exceptions import ConnectTimeout, InvalidProxyURL, InvalidURL, ProxyError, RequestException, SSLError
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

from taskspec.api.address import is_loopback, normalise
from taskspec.api.transport.answers import HttpReply, printable
from taskspec.api.transport.connections import (
    DeadlineWatch,
    FreshAdapter,
    KeptAdapter,
    Sessions,
    new_session,
    retry_policy,
)
from taskspec.api.transport.form_data import MultipartBody
from taskspec.api.wire import API_PREFIX, LOCAL_PREFIX
from taskspec.errors import NotSent, OutcomeUnknown, UsageError

_OBJECT = re.compile(r"^\w+\([^)]*\): ")


def was_never_sent(error: Exception) -> bool:
    """Return whether the error can only occur before the request leaves this machine."""
    if isinstance(error, ConnectTimeout | SSLError | InvalidURL | InvalidProxyURL | ConnectTimeoutError):
        return True
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(cause, NewConnectionError | ConnectTimeoutError) or isinstance(error, ProxyError)


def reason(error: Exception, token: str) -> str:
    """Return the innermost message of a chain of exceptions, on one line, without the token."""
    inner: Any = error.args[0] if error.args else error
    while isinstance(inner, BaseException):
        nested = getattr(inner, "reason", None) or (inner.args[-1] if inner.args else None)
        if not isinstance(nested, BaseException):
            break
        inner = nested
    text = str(inner or type(error).__name__)
    # urllib3 begins with the repr of its own objects: "_PlainConnection(host=…): Failed to …: [Errno 111] …".
    return printable(_OBJECT.sub("", text), token)


READ_LIMIT: Final = 64 * 2**20
START_LIMIT: Final = 2**20
READ_RETRIES: Final = 5
CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect` and `read` limit one wait on the socket, the other two a whole call."""

    connect: float = 10.0
    read: float = 60.0
    start: float = 30.0
    total: float = 300.0


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request. `body` is bytes, or a form that is read while it is sent."""

    name: str
    url: str
    verb: str = "POST"
    body: bytes | MultipartBody | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] | None = None
    safe: bool = True
    deadline: float = 0.0
    limit: int = READ_LIMIT


class Transport:
    """Sends requests to one server with one token. Threads can share it. Close it when done."""

    def __init__(
        self,
        address: str,
        token: str,
        *,
        timeouts: Timeouts | None = None,
        retries: int = READ_RETRIES,
        insecure: bool = False,
    ) -> None:
        self.address = normalise(address, insecure=insecure)
        self._token = token
        self._timeouts = timeouts or Timeouts()
        self._body_retries = min(retries, 2)
        trust_env = not is_loopback(self.address)  # loopback needs no proxy, and the search for one takes time
        self._reads = Sessions(
            lambda: new_session(KeptAdapter(max_retries=retry_policy(retries)), token, trust_env=trust_env)
        )
        self._single = Sessions(lambda: new_session(FreshAdapter(max_retries=0), token, trust_env=trust_env))

    def __repr__(self) -> str:
        return f"Transport({self.address!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every idle connection. Those in use are closed at the end of their call."""
        self._reads.close()
        self._single.close()

    def post(self, method: str, body: Any, *, safe: bool = True, deadline: float | None = None) -> Any:
        """Call an API method and return its JSON. With `safe=False` the request is never repeated."""
        return self._json(self._post_call(method, body, safe=safe, deadline=deadline))

    def post_for_status(self, method: str, body: Any, *, safe: bool = True, deadline: float | None = None) -> None:
        """Like `post`, for methods whose answer is only a status (wire protocol, section 1.2)."""
        self.send(self._post_call(method, body, safe=safe, deadline=deadline)).check()

    def get(self, method: str, params: Mapping[str, Any]) -> Any:
        """Call one of the few methods that use GET and return its JSON."""
        query = {key: value for key, value in params.items() if value is not None}
        return self._json(HttpCall(name=method, url=self._url(API_PREFIX, method), verb="GET", query=query))

    def post_local(self, name: str, body: Any) -> Any:
        """Call an endpoint that only the local server has and return its JSON."""
        return self._json(replace(self._post_call(name, body), url=self._url(LOCAL_PREFIX, name)))

    def get_local(self, name: str) -> Any:
        """Like `post_local`, for endpoints that use GET."""
        return self._json(HttpCall(name=name, url=self._url(LOCAL_PREFIX, name), verb="GET"))

    def upload(
        self, method: str, body: MultipartBody, *, headers: Mapping[str, str], query: Mapping[str, Any] | None = None
    ) -> HttpReply:
        """Stream a body, never repeated. Only each wait on the socket is limited. Return the successful answer."""
        url = self._url(API_PREFIX, method)
        call = HttpCall(
            name=method, url=url, body=body, headers=headers, query=query, safe=False, deadline=float("inf")
        )
        reply = self.send(call)
        reply.check()
        return reply

    def download(self, method: str, body: Any, sink: Callable[[bytes], object]) -> None:
        """Pass the answer to `sink` in pieces. Never repeated; without a limit of size or total time."""
        call = replace(self._post_call(method, body), safe=False, deadline=float("inf"), limit=READ_LIMIT)
        with self._opened(call) as (response, watch):
            if not 200 <= response.status_code < 300:
                self._reply(call, response, watch).check()
            for piece in response.iter_content(CHUNK):
                sink(piece)

    def send(self, call: HttpCall) -> HttpReply:
        """Return the complete answer with any status. Raises NotSent or OutcomeUnknown without an answer."""
        deadline = call.deadline or (self._timeouts.total if call.safe else self._timeouts.start)
        call = replace(call, deadline=deadline)
        with self._opened(call) as (response, watch):
            return self._reply(call, response, watch)

    def _json(self, call: HttpCall) -> Any:
        """Send and decode. Repeat a safe call with a damaged body, because urllib3 retries only up to the headers."""
        for _ in range(self._body_retries if call.safe else 0):
            try:
                return self.send(call).json()
            except OutcomeUnknown as error:
                if error.status != 200:
                    raise
        return self.send(call).json()

    def _post_call(self, method: str, body: Any, *, safe: bool = True, deadline: float | None = None) -> HttpCall:
        return HttpCall(
            name=method,
            url=self._url(API_PREFIX, method),
            body=_encode(method, body),
            headers={"Content-Type": "application/json"},
            safe=safe,
            deadline=deadline or 0.0,
            limit=READ_LIMIT if safe else START_LIMIT,
        )

    def _url(self, prefix: str, method: str) -> str:
        return f"{self.address}{prefix}{method}"

    @contextmanager
    def _opened(self, call: HttpCall) -> Iterator[tuple[Response, DeadlineWatch]]:
        sessions = self._reads if call.safe else self._single
        with (
            sessions.borrow() as session,
            DeadlineWatch(call.deadline) as watch,
            self._translated(call, watch),
            self._open(session, call) as response,
        ):
            yield response, watch

    def _open(self, session: Session, call: HttpCall) -> Response:
        read = self._timeouts.read if call.safe or call.deadline == float("inf") else call.deadline
        return session.request(
            call.verb,
            call.url,
            params=call.query,
            data=call.body,
            headers=dict(call.headers),
            timeout=(min(self._timeouts.connect, call.deadline), min(read, call.deadline)),
            allow_redirects=False,
            stream=True,
        )

    def _reply(self, call: HttpCall, response: Response, watch: DeadlineWatch) -> HttpReply:
        watch.status = response.status_code
        content = bytearray()
        for piece in response.iter_content(CHUNK):
            content += piece
            if len(content) > call.limit:
                raise OutcomeUnknown(
                    f"{self._endpoint_text(call)}: the answer is larger than {call.limit // 2**20} MiB",
                    remedy="ask for less at a time",
                )
        if watch.expired:
            raise RequestException("the deadline passed")
        location, wait = (response.headers.get(name, "") for name in ("Location", "Retry-After"))
        return HttpReply(self._endpoint_text(call), response.status_code, bytes(content), location, self._token, wait)

    def _endpoint_text(self, call: HttpCall) -> str:
        return f"{call.name} at {self.address}"

    @contextmanager
    def _translated(self, call: HttpCall, watch: DeadlineWatch) -> Iterator[None]:
        """Translate the exceptions of the library. No other place does."""
        try:
            yield
        except (RequestException, HTTPError) as error:
            said = reason(error, self._token)
            if was_never_sent(error) and not watch.connected:
                raise NotSent(
                    f"{self._endpoint_text(call)}: no connection: {said}",
                    remedy="check SERVER_ADDRESS, and that this machine can reach the server",
                ) from None
            if watch.expired:
                said = f"no complete answer within {call.deadline:g} s"
            raise OutcomeUnknown(
                f"{self._endpoint_text(call)}: {said}",
                status=watch.status,
                remedy="the request may have been carried out; check before sending it again",
            ) from None


def _encode(method: str, body: Any) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{method}: the request cannot be written as JSON: {error}",
            remedy="use only numbers (no NaN, no infinity), texts, true, false, null, lists and objects",
        ) from None
