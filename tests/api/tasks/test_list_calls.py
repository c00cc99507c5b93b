from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from taskspec.api import Api
from taskspec.errors import OutcomeUnknown
from tests.api.recorder import Answer, Handler, Recorder


def page(ids: list[int], *, total: int, size: int, pages: int) -> dict[str, Any]:
    rows = [{"id": each, "status": "started"} for each in ids]
    return {"total": total, "perPage": size, "pagesCount": pages, "entities": rows}


def table(ids: list[int], *, honest: bool = True) -> Callable[[Handler], None]:
    """Script a list method with these ids. A dishonest one ignores filters."""

    def answer(handler: Handler) -> None:
        body = handler.recorder.seen[-1].json
        rows = sorted(ids, reverse=body.get("sort_order") == "desc")
        for clause in body["filter"] if honest else []:
            value = clause["value"]
            rows = [each for each in rows if (each > value if clause["operator"] == ">" else each in value)]
        size, number = body.get("per_page", 500), body.get("page", 1)
        cut = rows[(number - 1) * size : number * size]
        Answer(content=page(cut, total=len(rows), size=size, pages=-(-len(rows) // size)))(handler)

    return answer


def test_the_first_request_has_no_page_and_the_next_ones_the_servers_size(server: Recorder, api: Api) -> None:
    server.answer(
        "tasks.list",
        page([1, 2], total=5, size=2, pages=3),
        page([3, 4], total=5, size=2, pages=3),
        page([5], total=5, size=2, pages=3),
    )
    assert [task.id for task in api.task.get_list(7)] == [1, 2, 3, 4, 5]
    first = {"workspaceId": 7, "filter": [], "sort": "id", "sort_order": "asc"}
    assert server.bodies("tasks.list") == [
        first,
        {**first, "page": 2, "per_page": 2},
        {**first, "page": 3, "per_page": 2},
    ]


def test_filters_are_sent_as_they_are(server: Recorder, api: Api) -> None:
    server.answer("tasks.list", page([], total=0, size=500, pages=0))
    filters = [{"field": "id", "operator": "=", "value": 121230}]
    assert api.task.get_list(7, filters) == []
    assert server.bodies("tasks.list")[0]["filter"] == filters


def test_missing_rows_are_an_error(server: Recorder, api: Api) -> None:
    server.answer("tasks.list", page([1], total=3, size=500, pages=1))
    with pytest.raises(OutcomeUnknown, match="3 rows were announced, 1 arrived"):
        api.task.get_list(7)


def test_rows_added_while_we_read_are_no_error(server: Recorder, api: Api) -> None:
    server.answer("tasks.list", page([1], total=2, size=1, pages=2), page([2, 3], total=3, size=1, pages=3))
    assert [task.id for task in api.task.get_list(7)] == [1, 2, 3]


@pytest.mark.parametrize(
    "odd", [[], {}, {"entities": {}}, {"entities": [], "total": 0}, {"entities": [[]], "total": 0}]
)
def test_an_odd_page_is_an_error(server: Recorder, api: Api, odd: Any) -> None:
    server.answer("tasks.list", odd)
    with pytest.raises(OutcomeUnknown):
        api.task.get_list(7)


def test_a_limit_stops_early_and_the_first_answer_can_be_had(server: Recorder, api: Api) -> None:
    server.answer("x.list", page([1, 2], total=9, size=2, pages=5), page([3, 4], total=9, size=2, pages=5))
    seen: list[int] = []
    rows, first = api.task.get_list_all_pages(
        "x.list", {"a": 1}, seen.append, lambda row: row["id"], limit=3, return_first_response=True
    )
    assert (rows, first["total"], seen, len(server.seen)) == ([1, 2, 3], 9, [2, 2], 2)


def test_a_list_by_token_ends_with_the_last_token(server: Recorder, api: Api) -> None:
    server.answer(
        "x.list",
        {"total": 3, "after": "t1", "entities": [1, 2]},
        {"total": 3, "after": None, "entities": [3]},
    )
    data = {"pagination_mode": "token"}
    assert list(api.task.get_list_all_pages_generator("x.list", data)) == [[1, 2], [3]]
    assert [body.get("after") for body in server.bodies("x.list")] == [None, "t1"]
    assert data == {"pagination_mode": "token"}


def test_a_list_by_token_can_be_cut(server: Recorder, api: Api) -> None:
    server.answer("x.list", {"total": 4, "after": "t1", "entities": [1, 2]}, {"after": "t2", "entities": [3, 4]})
    assert list(api.task.get_list_all_pages_generator("x.list", {}, limit=3)) == [[1, 2], [3]]


def test_pages_come_in_the_background_too(server: Recorder, api: Api) -> None:
    server.answer("x.list", *[page([n], total=3, size=1, pages=3) for n in (1, 2, 3)])
    data = {"datasetId": 1}

    async def read(**options: Any) -> list[int]:
        pages = api.task.get_list_page_generator_async("x.list", data, **options)
        return [row["id"] async for rows in pages for row in rows]

    assert asyncio.run(read(semaphore=asyncio.Semaphore(1))) == [1, 2, 3]
    assert [body["page"] for body in server.bodies("x.list")] == [1, 2, 3]
    assert data == {"datasetId": 1}
    server.answer("x.list", page([1], total=3, size=1, pages=3))
    assert asyncio.run(read(pages_count=2)) == [1, 1]
    assert asyncio.run(api.task.get_list_idx_page_async("x.list", {"page": 2})) == (3, [{"id": 1, "status": "started"}])


class TestFinding:
    def test_many_launches_are_pages_of_one_list_call(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.list", table(list(range(1, 1201))))
        found = api.task.get_many(7, [*range(1, 1001), 5000, 1])
        assert list(found) == list(range(1, 1001))
        assert len(server.seen) == 3
        assert max(len(body["filter"][0]["value"]) for body in server.bodies("tasks.list")) == 500

    def test_no_ids_need_no_request(self, server: Recorder, api: Api) -> None:
        assert api.task.get_many(7, []) == {}
        assert server.seen == []

    @pytest.mark.parametrize("honest", [True, False], ids=["server that filters", "server that ignores filters"])
    def test_launches_above_an_id_come_in_order_and_completely(self, server: Recorder, api: Api, honest: bool) -> None:
        server.answer("tasks.list", table(list(range(1, 1306)), honest=honest))
        assert [task.id for task in api.task.list_after(7, 100)] == list(range(101, 1306))
        assert [task.id for task in api.task.list_page_after(7, 1300)] == [1301, 1302, 1303, 1304, 1305]
        assert [task.id for task in api.task.list_after(7, 1305)] == []

    @pytest.mark.parametrize("honest", [True, False], ids=["server that filters", "server that ignores filters"])
    def test_the_newest_launches_above_an_id_come_first_and_no_more_than_asked_for(
        self, server: Recorder, api: Api, honest: bool
    ) -> None:
        server.answer("tasks.list", table(list(range(1, 1306)), honest=honest))
        assert [task.id for task in api.task.newest_after(7, 100, limit=3)] == [1305, 1304, 1303]
        assert [task.id for task in api.task.newest_after(7, 1304, limit=600)] == [1305]
        assert api.task.newest_after(7, 1305, limit=600) == []

    @pytest.mark.parametrize(("ids", "highest"), [([], 0), ([3, 9, 4], 9)])
    def test_the_highest_id_is_one_row(self, server: Recorder, api: Api, ids: list[int], highest: int) -> None:
        server.answer("tasks.list", table(ids))
        assert api.task.highest_id(7) == highest
        assert len(server.seen) == 1
