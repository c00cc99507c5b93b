"""Read the bodies of requests, limited in size and time.

The time limit is needed because the SDK's multipart retry announces bytes that it never sends (wire protocol 1.4).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from taskspec.local.answers import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from starlette.requests import Request

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
