"""Connections: kept alive and retried for safe requests, new and used once for others.

A DeadlineWatch limits the total time of a call, because the library's timeouts are per read. Path of the watch:

    DeadlineWatch.__enter__ ─▶ _WATCH ─▶ connect() or a pool's _get_conn() ─▶ DeadlineWatch.attach(socket)
"""

from __future__ import annotations

import socket
from collections import deque
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import InvalidProxyURL
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from requests import PreparedRequest, Session
    from urllib3 import BaseHTTPResponse
    from urllib3._base_connection import BaseHTTPConnection

RETRY_AFTER_LIMIT: Final = 60.0
RETRIED = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 509, 598, 599})


def new_session(adapter: HTTPAdapter, token: str, *, trust_env: bool) -> Session:
    """Make a session that sends the token, but no cookies and no passwords from a netrc file."""
    session = requests.Session()
    session.trust_env = trust_env
    session.auth = _TokenHeader(token)
    session.headers["User-Agent"] = "taskspec"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _TokenHeader(AuthBase):
    """Sends the token. With an auth object, `requests` does not read passwords from a netrc file."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._token:
            request.headers["x-api-key"] = self._token
        return request


class Sessions:
    """A pool of sessions. Only one thread at a time uses a session, and all can be closed."""

    def __init__(self, make: Callable[[], Session]) -> None:
        self._make = make
        self._idle: deque[Session] = deque()
        self._closed = False

    @contextmanager
    def borrow(self) -> Iterator[Session]:
        try:
            session = self._idle.pop()
        except IndexError:
            session = self._make()
        try:
            yield session
        finally:
            self._idle.append(session)
            if self._closed:
                self.close()

    def close(self) -> None:
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().close()


class DeadlineWatch:
    """Limits one call: at the deadline it shuts the socket down.

    The library's timeouts are per read, so a server that sends a byte every few seconds would block a call for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.connected = False
        self.expired = False
        self.status: int | None = None
        self._socket: socket.socket | None = None
        self._lock = Lock()
        self._timer = Timer(seconds, self._expire) if seconds != float("inf") else None

    def __enter__(self) -> Self:
        self._token = _WATCH.set(self)
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _WATCH.reset(self._token)
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._socket = None

    def attach(self, connection: BaseHTTPConnection) -> None:
        """Watch a connected socket, before the request is sent."""
        with self._lock:
            if self.expired:
                connection.close()
                raise ConnectTimeoutError(None, "the deadline passed before the connection was made")
            self.connected = True
            self._socket = getattr(connection, "sock", None)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._socket is not None:
                with suppress(OSError):
                    # The method of the plain socket: that of the TLS socket drops state that the reading thread uses.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_WATCH: ContextVar[DeadlineWatch | None] = ContextVar("_WATCH", default=None)


def _attach(connection: BaseHTTPConnection) -> None:
    watch = _WATCH.get()
    if watch is not None and getattr(connection, "sock", None) is not None:
        watch.attach(connection)


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _attach(self)


class _TlsConnection(_PlainConnection, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection

    def _get_conn(self, timeout: float | None = None) -> BaseHTTPConnection:
        connection = super()._get_conn(timeout)
        _attach(connection)
        return connection


class _TlsPool(_PlainPool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _FreshPlainPool(_PlainPool):
    def _put_conn(self, conn: BaseHTTPConnection | None) -> None:
        if conn is not None:
            conn.close()


class _FreshTlsPool(_FreshPlainPool, _TlsPool):
    pass


class KeptAdapter(HTTPAdapter):
    """The library's adapter with watched connections in its pools, also behind a proxy."""

    pools: dict[str, type[HTTPConnectionPool]] = {"http": _PlainPool, "https": _TlsPool}  # noqa: RUF012 - never changed

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if not proxy.lower().startswith(("http://", "https://")):
            raise InvalidProxyURL("only http and https proxies are supported")
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self.pools
        return manager


class FreshAdapter(KeptAdapter):
    """Uses no connection twice. With a stale one, taskspec could not know whether a request was sent."""

    pools = {"http": _FreshPlainPool, "https": _FreshTlsPool}  # noqa: RUF012 - never changed


class _RetryPolicy(Retry):
    """The library's retry, which waits at most a minute when a server sends Retry-After."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, RETRY_AFTER_LIMIT)


def retry_policy(retries: int) -> _RetryPolicy:
    return _RetryPolicy(
        total=retries,
        connect=min(retries, 3),
        read=retries,
        status=retries,
        allowed_methods=None,  # every method: this API reads by POST, and unsafe calls never come this way
        status_forcelist=RETRIED,
        backoff_factor=0.2,
        backoff_jitter=0.1,
        backoff_max=10,
        raise_on_status=False,
    )
