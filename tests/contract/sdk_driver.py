"""Runs in an interpreter with the vendor's SDK: reads one JSON object per line, writes one answer per line.

    {"call": "task.start", "args": [...], "kwargs": {...}, "then": [["get_arguments", [], {}]], "environ": {...}}
    {"value": ..., "progress": [...]}   or   {"error": {"type": ..., "text": ...}, "progress": [...]}

`then` calls methods of the answer. The import takes seconds, so one process makes many calls.
"""

from __future__ import annotations

import asyncio
import enum
import inspect
import json
import os
import sys
from contextlib import contextmanager

# The SDK prints to standard output, which is for answers only.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import supervisely as sly  # noqa: E402 - it prints at import
from supervisely.api.task_api import KubernetesSettings  # noqa: E402 - as above

RETRIES = 2
"""Few retries: a 5xx fails the test at once, not after five minutes."""


class Calls:
    """One `Api` and its calls."""

    def __init__(self) -> None:
        self._api = sly.Api(os.environ["SERVER_ADDRESS"], os.environ["API_TOKEN"], retry_count=RETRIES)
        self._progress: list[int] = []

    def answer(self, request: dict) -> dict:
        self._progress = []
        try:
            with environment(request.get("environ", {})):
                value = plain(self._value(request))
            return {"value": value, "progress": self._progress}
        except BaseException as error:  # every exception of the SDK is an answer
            seen = {"type": type(error).__name__, "text": str(error)}
            return {"error": seen, "progress": self._progress}

    def _value(self, request: dict) -> object:
        value = self._call(self._api, request["call"], request.get("args", []), request.get("kwargs", {}))
        for name, args, kwargs in request.get("then", []):
            value = self._call(value, name, args, kwargs)
        return value

    def _call(self, thing: object, name: str, args: list, kwargs: dict) -> object:
        for part in name.split("."):
            thing = getattr(thing, part)
        if not callable(thing):
            return thing
        return drained(thing(*map(self._given, args), **{key: self._given(value) for key, value in kwargs.items()}))

    def _given(self, value: object) -> object:
        """Decode an argument. An object with one key that begins with `$` is a value that JSON does not have."""
        if not isinstance(value, dict):
            return [self._given(item) for item in value] if isinstance(value, list) else value
        if "$status" in value:
            return self._api.task.Status(value["$status"])
        if "$kubernetes" in value:
            return KubernetesSettings(**value["$kubernetes"])
        if "$progress" in value:
            return self._progress.append
        return value


@contextmanager
def environment(values: dict):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def drained(value: object) -> object:
    """Return the result of a generator or a coroutine."""
    if inspect.isgenerator(value):
        return list(value)
    if inspect.isasyncgen(value):
        return asyncio.run(collected(value))
    return asyncio.run(value) if inspect.iscoroutine(value) else value


async def collected(batches) -> list:
    return [batch async for batch in batches]


def plain(value: object) -> object:
    """Encode a value: named tuples by field names, enums by values, other types by their text."""
    if isinstance(value, enum.Enum):
        return value.value
    if hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def main() -> None:
    calls = Calls()
    ANSWERS.write(json.dumps({"value": sly.__version__}) + "\n")
    ANSWERS.flush()
    for line in sys.stdin:
        ANSWERS.write(json.dumps(calls.answer(json.loads(line))) + "\n")
        ANSWERS.flush()


if __name__ == "__main__":
    main()
