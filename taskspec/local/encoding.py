"""Answers as bytes. The only module that imports orjson, which is optional and faster than the standard library.

Both give the same bytes, but for floats with an exponent: 1e-05 and 1e-5 are two texts of one number.
"""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.responses import Response

try:
    import orjson
except ImportError:  # the extra "fast" is not installed
    orjson = None  # type: ignore[assignment]


def json_response(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(encode(content), status, media_type="application/json")


def encode(content: Any) -> bytes:
    """A value as JSON. The standard library also takes what orjson refuses: numbers beyond 64 bits, lone surrogates."""
    if orjson is not None:
        try:
            return orjson.dumps(content)
        except TypeError:
            pass
    return _encode_slowly(content)


def _encode_slowly(content: Any) -> bytes:
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # NaN and infinity become null, as orjson has it
        text = json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
