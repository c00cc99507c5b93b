"""Answers as bytes. The only module that imports orjson: a page of 500 launches is encoded at every poll."""

from __future__ import annotations

import json
from typing import Any

import orjson
from starlette.responses import Response


def json_response(content: Any, status: int = 200) -> Response:
    """A JSON answer. Numbers beyond 64 bits, which apps may send us, take the slow road."""
    try:
        body = orjson.dumps(content)
    except TypeError:
        body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    return Response(body, status, media_type="application/json")
