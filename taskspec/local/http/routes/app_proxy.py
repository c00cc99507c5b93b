"""`tasks.request.direct` and `/net/<session token>/<path>`: requests to a running app (wire protocol 2.7, 4.9).

For an app that does not run, the answer is a 4xx. A 200 would mean that it runs. After a 5xx, the SDK would repeat the
request for five minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from taskspec.local.agent.app_call import AppCallError, AppExchange, Headers, NotListening
from taskspec.local.db.launches import LaunchRow
from taskspec.local.http.bodies import chunks
from taskspec.local.http.call import Route, RouteCall, ServerParts
from taskspec.local.refusal import Refusal, unknown

NET_PREFIX = "/net/"
DEFAULT_SECONDS = 60.0
LONGEST_SECONDS = 7 * 24 * 3600.0

# Headers of one connection, and credentials of this server. They are not passed on.
_OWN_HEADERS = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade"),
        *(b"host", b"x-api-key", b"expect"),
    }
)
_ANSWER_HEADERS = _OWN_HEADERS | {b"transfer-encoding", b"date"}
_logger = logging.getLogger(__name__)
_background: set[asyncio.Task[None]] = set()


async def request_direct(call: RouteCall) -> Any:
    """Post a command to the app and return its status and JSON."""
    params = call.params
    launch = call.launch("taskId")
    command = params.text("command")
    body = {
        "state": params.mapping("state", {}),
        "context": params.mapping("context", {}),
        "api_token": call.headers.get("x-api-key"),
        "server_address": call.parts.info.address,
    }
    seconds = params.number("timeout", DEFAULT_SECONDS, lowest=0.001, highest=LONGEST_SECONDS)
    exchange = await _open(launch)
    answer = exchange.post("/" + quote(command.lstrip("/"), safe="/"), body, seconds=seconds)
    if params.flag("skipResponse", True):
        _run_on(launch, answer)
        return {"success": True}
    try:
        head, content = await answer
    except AppCallError as error:
        raise _broken(launch, error) from None
    kind = next((value.decode("latin-1") for name, value in head.headers if name == b"content-type"), "")
    # The client parses the answer as JSON, and the app may send an empty body.
    return Response(content or b"null", head.status_code, media_type=kind or "application/json")


async def direct_request(request: Request, parts: ServerParts) -> Response:
    """Pass on any request to an app. The token in the path authorises it; bodies are streamed."""
    raw_path: bytes = request.scope["raw_path"]
    token, slash, path = raw_path.decode("latin-1").removeprefix(NET_PREFIX).partition("/")
    launch = parts.launches.find_by_session(token)
    if launch is None:
        raise unknown("session", "of this token")
    query = request.scope["query_string"].decode("latin-1")
    exchange = await _open(launch)
    try:
        target = (slash + path or "/") + (f"?{query}" if query else "")
        await exchange.send(request.method, target, _forwarded_headers(request), chunks(request))
        head = await exchange.head()
    except BaseException as error:
        exchange.close()
        if isinstance(error, AppCallError):
            raise _broken(launch, error) from None
        raise
    response = StreamingResponse(_pieces(exchange), head.status_code)
    response.raw_headers = [(name, value) for name, value in head.headers if name not in _ANSWER_HEADERS]
    return response


async def _open(launch: LaunchRow) -> AppExchange:
    if launch.status.is_terminal or launch.port is None:
        raise Refusal(409, "APP_NOT_RUNNING", f'task {launch.id} is "{launch.status}"; no app runs for it')
    try:
        return await AppExchange.open(launch.port)
    except NotListening:
        message = f"the app of task {launch.id} does not listen on port {launch.port} (see its variable VIRTUAL_PORT)"
        raise Refusal(409, "APP_NOT_LISTENING", message) from None


async def _pieces(exchange: AppExchange) -> AsyncIterator[bytes]:
    try:
        async for piece in exchange.pieces():
            yield piece
    finally:
        exchange.close()


def _forwarded_headers(request: Request) -> Headers:
    kept = [(name, value) for name, value in request.headers.raw if name not in _OWN_HEADERS]
    return [*kept, (b"Connection", b"close")]


def _broken(launch: LaunchRow, error: AppCallError) -> Refusal:
    return Refusal(424, "APP_GAVE_NO_ANSWER", f"task {launch.id}: {error}")


def _run_on(launch: LaunchRow, answer: Coroutine[Any, Any, object]) -> None:
    """Continue a request in the background and drop its answer."""

    async def run() -> None:
        try:
            await answer
        except AppCallError as error:
            _logger.info("task %d: a request in the background failed: %s", launch.id, error)

    task = asyncio.create_task(run())
    _background.add(task)
    task.add_done_callback(_background.discard)


ROUTES: dict[str, Route] = {"tasks.request.direct": request_direct}
