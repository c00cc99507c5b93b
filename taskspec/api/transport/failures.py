"""What an exception of the library says about the fate of a request, and its words on one line."""

from __future__ import annotations

import re
from typing import Any

from requests.exceptions import ConnectTimeout, InvalidProxyURL, InvalidURL, ProxyError, SSLError
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from taskspec.api.answers import printable

_OBJECT = re.compile(r"^\w+\([^)]*\): ")


def never_left(error: Exception) -> bool:
    """True when the error class can only arise before the request leaves this machine."""
    if isinstance(error, ConnectTimeout | SSLError | InvalidURL | InvalidProxyURL | ConnectTimeoutError):
        return True
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(cause, NewConnectionError | ConnectTimeoutError) or isinstance(error, ProxyError)


def reason(error: Exception, token: str) -> str:
    """The innermost words of a chain of wrapped exceptions, on one line, without the token."""
    inner: Any = error.args[0] if error.args else error
    while isinstance(inner, BaseException):
        nested = getattr(inner, "reason", None) or (inner.args[-1] if inner.args else None)
        if not isinstance(nested, BaseException):
            break
        inner = nested
    words = str(inner or type(error).__name__)
    # urllib3 puts the repr of its own objects in front: "_PlainConnection(host=…): Failed to …: [Errno 111] …".
    return printable(_OBJECT.sub("", words), token)
