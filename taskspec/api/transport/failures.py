"""Interpret an exception of the library: was the request sent, and what is the reason?"""

from __future__ import annotations

import re
from typing import Any

from requests.exceptions import ConnectTimeout, InvalidProxyURL, InvalidURL, ProxyError, SSLError
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from taskspec.api.answers import printable

_OBJECT = re.compile(r"^\w+\([^)]*\): ")


def never_left(error: Exception) -> bool:
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
