"""The ASGI application: lets a request in, finds its route, and turns whatever comes back into an answer.

One function from request to response instead of a stack of middleware: every route is behind the same checks, and a
poll costs a fraction of a millisecond.
"""

from __future__ import annotations

import asyncio
import hmac
import inspect
import logging
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from taskspec.local.answers import Refusal
from taskspec.local.call import Call, Services
from taskspec.local.params import Params, from_body, from_query
from taskspec.local.routes.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

BODY_LIMIT = 32 * 1024 * 1024
BODY_SECONDS = 60.0

_logger = logging.getLogger(__name__)


class App:
    """Answers the requests of one server."""

    def __init__(self, services: Services, token: str, on_request: Callable[[], None]) -> None:
        self._services = services
        self._token = token.encode()
        self._hosts = frozenset(f"{name}:{services.info.port}" for name in ("127.0.0.1", "localhost"))
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        await (await self._respond(request))(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            return JSONResponse(await self._answer(request))
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        except ClientDisconnect:
            return JSONResponse({"error": "CLIENT_CLOSED_REQUEST"}, 400)
        except Exception:
            _logger.exception("%s %s failed", request.method, request.url.path)
            return JSONResponse(
                {"error": "FAIL", "details": {"message": "a bug in the local server; see its log"}}, 500
            )

    async def _answer(self, request: Request) -> Any:
        self._let_in(request)
        self._on_request()
        route = TABLE.get(request.url.path)
        if route is None:
            raise Refusal(404, "NOT_FOUND", f"this server has no {request.url.path}")
        found = route(Call(await _params(request), request.headers, self._services))
        return await found if inspect.isawaitable(found) else found

    def _let_in(self, request: Request) -> None:
        """Refuse what a web page or another user could send: a foreign name for us, a foreign origin, no token."""
        headers = request.headers
        if headers.get("host") not in self._hosts:
            raise Refusal(403, "FORBIDDEN", "the Host header does not name this server")
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            raise Refusal(403, "FORBIDDEN", "requests of other web pages are not answered")
        if not hmac.compare_digest(headers.get("x-api-key", "").encode(), self._token):
            raise Refusal(401, "UNAUTHORIZED", "the x-api-key header is missing or wrong")


async def _params(request: Request) -> Params:
    if request.method == "GET":
        return from_query(request.query_params.multi_items())
    if request.method != "POST":
        raise Refusal(
            405, "METHOD_NOT_ALLOWED", f"{request.method} is not used here; send POST with JSON, or GET to read"
        )
    return from_body(await _body(request))


async def _body(request: Request) -> bytes:
    """The whole body, within a size and a time: the SDK's multipart retry announces bytes that never come (1.4)."""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > BODY_LIMIT:
                    raise Refusal(413, "PAYLOAD_TOO_LARGE", f"the body is larger than {BODY_LIMIT} bytes")
    except TimeoutError:
        raise Refusal(400, "VALIDATION_ERROR", "the body did not arrive in time") from None
    return bytes(found)
