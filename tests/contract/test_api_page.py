"""docs/api.md has every public method of the client, and the endpoints that the client calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from taskspec.api import Api
from taskspec.api.records.paging import Paged
from tests.api.recorder import Recorder

from .calls import ANSWERS, CASES, call_ours
from .sdk import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (REPOSITORY / "docs" / "api.md").read_text()
METHODS, DIFFERENCES = PAGE.split("## Where we differ")
PARTS = (
    "task",
    "app",
    "agent",
    "team",
    "workspace",
    "user",
    "project",
    "file",
    "labeling_job",
    "labeling_queue",
    "local",
)
CALL = re.compile(r"`(\w+\.\w+)(?=\()")
ENDPOINT = re.compile(r"`([\w.-]+)`")


def rows(text: str) -> list[list[str]]:
    """Return the cells of all table rows in a text, without the headings."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [cells for cells in found if cells[0] != "call" and not cells[0].startswith("---")]


ENDPOINTS = {
    call: set(ENDPOINT.findall(endpoint)) for cells, endpoint, *_ in rows(METHODS) for call in CALL.findall(cells)
}


@pytest.fixture
def client() -> Iterator[Api]:
    with Api("http://127.0.0.1:1", "unused") as api:
        yield api


def test_every_public_method_is_on_the_page_and_nothing_else(client: Api) -> None:
    shared = {name for name in vars(Paged) if not name.startswith("_")}
    public = {
        f"{part}.{name}"
        for part in PARTS
        for name in dir(getattr(client, part))
        if not name.startswith("_")
        and not isinstance(getattr(client, part), type)
        and name not in (shared if part != "task" else ())
        and callable(getattr(getattr(client, part), name))
        and not isinstance(getattr(getattr(client, part), name), type)
    }
    assert set(ENDPOINTS) == public


def test_every_part_of_the_client_is_on_the_page(client: Api) -> None:
    parts = {name for name, part in vars(client).items() if isinstance(part, Paged)} | {"local"}
    assert parts == set(PARTS)


def test_the_endpoints_on_the_page_are_the_ones_that_are_called() -> None:
    seen: dict[str, set[str]] = {}
    with Recorder() as recorder, Api(recorder.address, "token", retries=0, sleep=lambda _: None) as api:
        for method, answer in ANSWERS.items():
            recorder.answer(method, answer)
        for case in CASES:
            recorder.seen.clear()
            call_ours(api, case)
            seen.setdefault(case.call, set()).update(request.method for request in recorder.seen)
    stated = {call: ENDPOINTS[call] for call in seen if "any list" not in row_of(call)}
    assert {call: found for call, found in seen.items() if call in stated and found != stated[call]} == {}


def test_a_difference_is_stated_of_calls_that_exist() -> None:
    named = set(re.findall(rf"`((?:{'|'.join(PARTS)})\.\w+)`", DIFFERENCES))
    assert named
    assert named <= set(ENDPOINTS)
    assert all(len(cells) == 4 for cells in rows(DIFFERENCES))


def row_of(call: str) -> str:
    return next(line for line in METHODS.splitlines() if f"`{call}(" in line)
