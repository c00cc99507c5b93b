"""Read the bodies of requests, limited in size and time.

The time limit is needed because the SDK's multipart retry announces bytes that it never sends (wire protocol 1.4).
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from taskspec.json_tree import map_leaves
from taskspec.local.refusal import Refusal

BODY_LIMIT = 32 * 1024 * 1024
BODY_SECONDS = 60.0


async def whole(pieces: AsyncIterable[bytes]) -> bytes:
    """Read the whole body into memory."""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in pieces:
                found += chunk
                if len(found) > BODY_LIMIT:
                    raise Refusal(413, "PAYLOAD_TOO_LARGE", f"the body is larger than {BODY_LIMIT} bytes")
    except TimeoutError:
        raise _late() from None
    return bytes(found)


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the pieces of a body of any size. Each piece must arrive in time."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise _late() from None
        if chunk is None:
            return
        yield chunk


def _late() -> Refusal:
    return Refusal(400, "VALIDATION_ERROR", "the body did not arrive in time")


try:
    import orjson
except ImportError:  # the extra "fast" is not installed
    orjson = None  # type: ignore[assignment]


def json_response(content: Any, status: int = 200) -> Response:
    return Response(encode(content), status, media_type="application/json")


def encode(content: Any) -> bytes:
    """Encode a value. The standard library does what orjson refuses: numbers beyond 64 bits and lone surrogates."""
    if orjson is not None:
        try:
            return orjson.dumps(content)
        except TypeError:
            pass
    return _encode_slowly(content)


def _encode_slowly(content: Any) -> bytes:
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # NaN and infinity become null, as in orjson
        text = json.dumps(map_leaves(content, _finite), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _finite(leaf: Any) -> Any:
    return None if isinstance(leaf, float) and not math.isfinite(leaf) else leaf
