"""The ASGI application: check a request, find its route, and turn the result into a response.

One function does all of it, without middleware. Every route is behind the same checks, and a poll costs less than a
millisecond.
"""

from __future__ import annotations

import hmac
import inspect
import logging
from collections.abc import Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from taskspec.local.db.team_files import STORAGE_PREFIX
from taskspec.local.http.bodies import chunks, json_response, whole
from taskspec.local.http.call import RouteCall, ServerParts
from taskspec.local.http.routes.app_proxy import NET_PREFIX, direct_request
from taskspec.local.http.routes.files import content
from taskspec.local.http.routes.table import READS, TABLE, UPLOADS
from taskspec.local.refusal import Refusal
from taskspec.local.request_fields import RequestFields, from_body, from_query

_logger = logging.getLogger(__name__)


class HttpApp:
    """Answers the requests of one server."""

    def __init__(self, parts: ServerParts, token: str, on_request: Callable[[], None]) -> None:
        self._parts = parts
        self._token = token.encode()
        self._hosts = frozenset(f"{name}:{parts.info.port}" for name in ("127.0.0.1", "localhost"))
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            answer = await self._answer(request)
            return answer if isinstance(answer, Response) else json_response(answer)
        except Refusal as refusal:
            return json_response(refusal.body, refusal.status)
        except ClientDisconnect:
            return json_response({"error": "CLIENT_CLOSED_REQUEST"}, 400)
        except Exception:
            _logger.exception("%s %s failed", request.method, request.url.path)
            return json_response(
                {"error": "FAIL", "details": {"message": "a bug in the local server; see its log"}}, 500
            )

    async def _answer(self, request: Request) -> Any:
        path = request.url.path
        self._check_sender(request)
        self._on_request()
        if path.startswith(NET_PREFIX):
            return await direct_request(request, self._parts)
        if path.startswith(STORAGE_PREFIX):
            return content(path, self._parts)
        route = TABLE.get(path) or UPLOADS.get(path)
        if route is None:
            raise Refusal(404, "NOT_FOUND", f"this server has no {path}")
        try:
            found = route(RouteCall(await _params(request), request.headers, chunks(request), self._parts))
            return await found if inspect.isawaitable(found) else found
        except OSError as error:
            if path not in UPLOADS:
                raise
            # A second try would fail too, so this is not a 5xx.
            raise Refusal(400, "FAIL", f"the content cannot be stored: {error}") from None

    def _check_sender(self, request: Request) -> None:
        """Refuse requests of web pages (another host name, or another origin) and requests without a token."""
        headers = request.headers
        if headers.get("host") not in self._hosts:
            raise Refusal(403, "FORBIDDEN", "the Host header does not name this server")
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            raise Refusal(403, "FORBIDDEN", "requests from other web pages are refused")
        given = headers.get("x-api-key", "").encode()
        # The path of a direct request holds a token of its own.
        if not request.url.path.startswith(NET_PREFIX) and not hmac.compare_digest(given, self._token):
            raise Refusal(401, "UNAUTHORIZED", "the x-api-key header is missing or wrong")


async def _params(request: Request) -> RequestFields:
    reads = request.method == "GET" and request.url.path in READS
    if request.method != "POST" and not reads:
        raise Refusal(405, "METHOD_NOT_ALLOWED", f"{request.method} is not supported: use POST, or GET to read")
    if reads or request.url.path in UPLOADS:
        return from_query(request.query_params.multi_items())
    return from_body(await whole(request.stream()))
