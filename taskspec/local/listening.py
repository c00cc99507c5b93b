"""The socket of the server: on loopback, and on the port of the last run if it is free."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from taskspec.errors import LocalServerError
from taskspec.local.home import read_info

if TYPE_CHECKING:
    from taskspec.local.home import ServerHome

LOOPBACK = "127.0.0.1"
_BACKLOG = 2048

_logger = logging.getLogger(__name__)


def listen(home: ServerHome, port: int | None) -> socket.socket:
    """Listen on the given port, else on that of the last run, which running apps still call, else on any."""
    if port is not None:
        return _bind(port)
    last = read_info(home)
    if last is not None:
        try:
            return _bind(last.port)
        except LocalServerError:
            _logger.warning("port %d of the last run is taken; using another", last.port)
    return _bind(0)


def _bind(port: int) -> socket.socket:
    # asyncio disables Nagle's delay only for a socket with IPPROTO_TCP. With the delay, each answer on a kept
    # connection waits 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise LocalServerError(
            f"the local server cannot listen on {LOOPBACK}:{port}: {error}", remedy="choose another port"
        ) from None
    return listener
