"""The vendor's SDK reads lists of launches of the local server: filters, and all ways of paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local.serving import RunningServer, until

from .sdk import PROGRESS

if TYPE_CHECKING:
    from .sdk import Sdk

MANY = 620
"""More launches than the server sends in one page."""


@pytest.fixture(scope="module")
def crowd(queue_server: RunningServer) -> list[int]:
    """Launches that fill more than one page. All but the first two wait."""
    module = queue_server.register("crowd", entrypoint="true")
    ids = [queue_server.start_app(module, description=f"number {index}") for index in range(MANY)]
    queue_server.call("tasks.stop", id=ids[0])
    queue_server.call("tasks.status.update", id=ids[1], status="error")
    until(lambda: queue_server.info(ids[0])["status"] == "stopped")
    return ids


def test_pages_come_whole_and_in_order(queue_sdk: Sdk, crowd: list[int]) -> None:
    rows = queue_sdk("task.get_list", 1, [{"field": "id", "operator": ">=", "value": crowd[0]}])
    assert [row["id"] for row in rows] == crowd
    assert rows[5]["description"] == "number 5"


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ([("id", "=", 3)], [3]),
        ([("id", "eq", 3)], [3]),
        ([("id", "in", [4, 3])], [3, 4]),
        ([("id", "!=", 3), ("id", "<", 5)], [0, 1, 2, 4]),
        ([("id", "!in", [2, 3]), ("id", "lte", 4)], [0, 1, 4]),
        ([("status", "=", "stopped")], [0]),
        ([("status", "in", ["stopped", "error"])], [0, 1]),
        ([("status", "!=", "queued"), ("type", "=", "app")], [0, 1]),
        ([("status", "=", "queued"), ("id", "<=", 3)], [2, 3]),
        ([("type", "=", "import")], []),
    ],
    ids=str,
)
def test_filters_are_anded(
    queue_sdk: Sdk, crowd: list[int], clauses: list[tuple[str, str, Any]], expected: list[int]
) -> None:
    """Ids are written as positions in the list of launches."""
    filters = [{"field": "id", "operator": ">=", "value": crowd[0]}]
    for field, operator, value in clauses:
        given = value
        if field == "id":
            given = [crowd[each] for each in value] if isinstance(value, list) else crowd[value]
        filters.append({"field": field, "operator": operator, "value": given})
    rows = queue_sdk("task.get_list", 1, filters)
    assert [row["id"] for row in rows] == [crowd[each] for each in expected]


def test_a_limit_ends_the_pages_and_progress_counts_rows(queue_sdk: Sdk, crowd: list[int]) -> None:
    data = {"workspaceId": 1, "filter": [{"field": "id", "operator": "in", "value": crowd}], "per_page": 100}
    rows, first = queue_sdk(
        "task.get_list_all_pages", "tasks.list", data, PROGRESS, limit=150, return_first_response=True
    )
    assert [row["id"] for row in rows] == crowd[:150]
    assert (first["total"], first["perPage"], first["pagesCount"]) == (MANY, 100, 7)
    assert queue_sdk.progress == [100, 100]


def test_tokens_lead_through_the_whole_list(queue_sdk: Sdk, crowd: list[int]) -> None:
    data = {
        "workspaceId": 1,
        "filter": [{"field": "id", "operator": "in", "value": crowd}],
        "pagination_mode": "token",
        "per_page": 250,
    }
    batches = queue_sdk("task.get_list_all_pages_generator", "tasks.list", data, PROGRESS)
    assert [len(batch) for batch in batches] == queue_sdk.progress == [250, 250, 120]
    assert [row["id"] for batch in batches for row in batch] == crowd


def test_pages_come_one_by_one_in_the_background(queue_sdk: Sdk, crowd: list[int]) -> None:
    data = {"workspaceId": 1, "filter": [{"field": "id", "operator": "in", "value": crowd}], "per_page": 300}
    pages, rows = queue_sdk("task.get_list_idx_page_async", "tasks.list", {**data, "page": 2})
    assert pages == 3
    assert [row["id"] for row in rows] == crowd[300:600]
    batches = queue_sdk("task.get_list_page_generator_async", "tasks.list", data)
    assert [row["id"] for batch in batches for row in batch] == crowd


def test_the_newest_come_first_when_asked(queue_sdk: Sdk, crowd: list[int]) -> None:
    data = {"workspaceId": 1, "sort": "id", "sort_order": "desc"}
    rows = queue_sdk("task.get_list_all_pages", "tasks.list", data, limit=3)
    assert [row["id"] for row in rows] == crowd[:-4:-1]
