"""Encode answers as JSON. Only this module imports orjson, which is optional and faster than the standard library.

Both give the same bytes, except for floats with an exponent: one writes 1e-05, the other 1e-5.
"""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.responses import Response

from taskspec.json_tree import map_leaves

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
