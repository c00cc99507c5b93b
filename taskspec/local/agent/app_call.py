"""One HTTP request to an app on this machine, without blocking the event loop. Knows nothing of launches.

h11 parses the answers, as it parses the requests to this server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Self

import h11

_HOST = "127.0.0.1"
_CONNECT_SECONDS = 5.0
_CHUNK = 64 * 1024
_CUT = "the app closed the connection before its answer was complete"
ANSWER_LIMIT = 256 * 1024 * 1024

Headers = list[tuple[bytes, bytes]]


class AppCallError(Exception):
    """The app could not be reached, or gave no complete answer."""


class NotListening(AppCallError):
    """No program listens on the app's port. The request was not sent."""


class AppExchange:
    """One request and its answer on a new connection. The caller closes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, port: int) -> Self:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return cls(*await asyncio.open_connection(_HOST, port))
        except (OSError, TimeoutError) as error:
            raise NotListening(str(error)) from None

    async def send(self, method: str, target: str, headers: Headers, body: AsyncIterable[bytes]) -> None:
        """Send the whole request. The app may answer before it has read everything."""
        try:
            request = h11.Request(method=method, target=target, headers=[(b"Host", _HOST.encode()), *headers])
        except h11.LocalProtocolError as error:
            raise AppCallError(f"the request cannot be sent: {error}") from None
        with contextlib.suppress(ConnectionError):
            await self._write(request)
            async for piece in body:
                await self._write(h11.Data(data=piece))
            await self._write(h11.EndOfMessage())

    async def head(self) -> h11.Response:
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise AppCallError(_CUT)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the pieces of the body as they arrive."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return
            else:
                raise AppCallError(_CUT)

    def close(self) -> None:
        self._writer.close()

    async def post(self, path: str, content: Any, *, seconds: float) -> tuple[h11.Response, bytes]:
        """Post JSON, read the whole answer, and close. Raises AppCallError when the answer is late."""
        try:
            async with asyncio.timeout(seconds):
                body = json.dumps(content).encode()
                length = str(len(body)).encode()
                kind, close = (b"Content-Type", b"application/json"), (b"Connection", b"close")
                await self.send("POST", path, [kind, (b"Content-Length", length), close], _one(body))
                head = await self.head()
                return head, await self._whole_body()
        except TimeoutError:
            raise AppCallError(f"the app did not answer within {seconds:g} s") from None
        finally:
            self.close()

    async def _whole_body(self) -> bytes:
        found = bytearray()
        async for piece in self.pieces():
            found += piece
            if len(found) > ANSWER_LIMIT:
                raise AppCallError(f"the app's answer is larger than {ANSWER_LIMIT} bytes")
        return bytes(found)

    async def _write(self, event: h11.Event) -> None:
        try:
            data = self._protocol.send(event)
        except h11.LocalProtocolError as error:  # the body does not have its Content-Length
            raise AppCallError(f"the request cannot be sent: {error}") from None
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _event(self) -> h11.Event:
        ended = False
        while True:
            try:
                event = self._protocol.next_event()
                if not isinstance(event, type):
                    return event
                if event is h11.PAUSED:
                    raise AppCallError("the app sent more than its answer")
                data = await self._reader.read(_CHUNK)
                ended = not data
                self._protocol.receive_data(data)
            except (h11.RemoteProtocolError, OSError) as error:
                raise AppCallError(_CUT if ended else f"the app's answer cannot be read: {error}") from None


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body
