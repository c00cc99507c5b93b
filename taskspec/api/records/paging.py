"""Lists in pages: by page number, by continuation token, and asynchronously (wire protocol 1.7 and 1.8)."""

from __future__ import annotations

from contextlib import nullcontext
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from taskspec.api.records.wire_record import WireRecord
from taskspec.errors import NotFound, OutcomeUnknown, Refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from taskspec.api.transport import Transport

PAGE_LIMIT = 500
"""The largest page that the server sends."""

REMOVAL_SECONDS = 300.0
"""Seconds that a removal may take. It is never repeated, and without an answer its outcome is unknown."""


class Paged:
    """Base of all parts of the client: a transport and the list methods."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get_list_all_pages(
        self,
        method: str,
        data: Mapping[str, Any],
        progress_cb: Callable[[int], object] | None = None,
        convert_json_info_cb: Callable[[Any], Any] | None = None,
        limit: int | None = None,
        return_first_response: bool = False,
    ) -> Any:
        """Return all rows of a list method, or the first `limit`; with `return_first_response` also the first answer.

        `convert_json_info_cb` converts each row. Raises OutcomeUnknown when rows are missing.
        """
        rows: list[Any] = []
        first: Mapping[str, Any] = {}
        for answer, page in self._pages(method, data):
            first = first or answer
            rows.extend(page)
            if progress_cb is not None:
                progress_cb(len(page))
            if limit is not None and len(rows) >= limit:
                break
        else:
            _check_complete(method, first, len(rows))
        rows = rows[:limit] if convert_json_info_cb is None else [convert_json_info_cb(row) for row in rows[:limit]]
        return (rows, first) if return_first_response else rows

    def get_list_all_pages_generator(
        self,
        method: str,
        data: Mapping[str, Any],
        progress_cb: Callable[[int], object] | None = None,
        convert_json_info_cb: Callable[[Any], Any] | None = None,
        limit: int | None = None,
        return_first_response: bool = False,
    ) -> Iterator[Any]:
        """Yield batches of rows of a list method with continuation tokens."""
        seen = 0
        for answer, page in self._token_pages(method, data):
            wanted = page if limit is None else page[: limit - seen]
            seen += len(wanted)
            if progress_cb is not None:
                progress_cb(len(wanted))
            batch = wanted if convert_json_info_cb is None else [convert_json_info_cb(row) for row in wanted]
            yield (batch, answer) if return_first_response else batch
            if limit is not None and seen >= limit:
                return

    async def get_list_idx_page_async(self, method: str, data: Mapping[str, Any]) -> tuple[int, list[Any]]:
        """Return the number of pages, and the rows of the page that `data` names."""
        # The import of asyncio takes 20 ms. A caller of this method has imported it already.
        from asyncio import to_thread  # noqa: PLC0415 - see above

        answer = await to_thread(self._transport.post, method, dict(data))
        return _count(method, answer, "pagesCount"), _entities(method, answer)

    async def get_list_page_generator_async(
        self,
        method: str,
        data: Mapping[str, Any],
        pages_count: int | None = None,
        semaphore: asyncio.Semaphore | None = None,
    ) -> AsyncGenerator[list[Any], None]:
        """Yield pages in order, at most `pages_count`. `data` is not changed."""
        page, last = 1, 1
        while page <= last:
            async with semaphore or nullcontext():
                last, rows = await self.get_list_idx_page_async(method, {**data, "page": page})
            last = last if pages_count is None else min(last, pages_count)
            yield rows
            page += 1

    def _pages(self, method: str, data: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[Any]]]:
        body = dict(data) if "sort" in data else {**data, "sort": "id", "sort_order": "asc"}
        answer = self._transport.post(method, body)
        yield answer, _entities(method, answer)
        size = answer.get("perPage")
        for page in range(2, _count(method, answer, "pagesCount") + 1):
            following = self._transport.post(method, {**body, "page": page, "per_page": size})
            yield following, _entities(method, following)

    def _token_pages(self, method: str, data: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], list[Any]]]:
        body = dict(data) if "sort" in data else {**data, "sort": "id", "sort_order": "asc"}
        after: Any = None
        while True:
            answer = self._transport.post(method, body if after is None else {**body, "after": after})
            yield answer, _entities(method, answer)
            if answer.get("after") in {None, after}:
                return
            after = answer["after"]


def clause(field: str, operator: str, value: Any) -> dict[str, Any]:
    """Build one condition of a list method. Several conditions must all hold."""
    return {"field": field, "operator": operator, "value": value}


def _entities(method: str, answer: Any) -> list[Any]:
    entities = answer.get("entities") if isinstance(answer, dict) else None
    if not isinstance(entities, list):
        raise OutcomeUnknown(
            f'{method}: the answer is not a page: the list "entities" is missing',
            remedy="check that SERVER_ADDRESS is a Supervisely server of a supported version",
        )
    return entities


def _count(method: str, answer: Mapping[str, Any], key: str) -> int:
    value = answer.get(key)
    if isinstance(value, int):
        return value
    raise OutcomeUnknown(f'{method}: the server answered with a page without "{key}"', remedy="try again")


def _check_complete(method: str, first: Mapping[str, Any], found: int) -> None:
    """Raise for fewer rows than announced. More are fine: they were added meanwhile."""
    total = first.get("total")
    if isinstance(total, int) and found < total:
        raise OutcomeUnknown(f"{method}: {total} rows were announced, {found} arrived", remedy="try again")


R = TypeVar("R", bound=WireRecord)
SHOWN = 8


class Records(Paged, Generic[R]):
    """The objects of one kind. `path` begins the names of their methods."""

    record: type[R]
    path: str

    def get_info_by_id(self, id: int) -> R:
        """Return the object. Raises NotFound; the SDK returns None."""
        return self.record.parse(self._transport.post(f"{self.path}.info", {"id": id}))

    def _list(self, data: Mapping[str, Any]) -> list[R]:
        return [self.record.parse(row) for row in self.get_list_all_pages(f"{self.path}.list", data)]


def by_name(name: str) -> list[dict[str, Any]]:
    """Build the filter for one exact name."""
    return [clause("name", "=", name)]


def only_one(kind: str, name: str, found: Sequence[R], everything: Callable[[], Sequence[WireRecord]]) -> R:
    """Return the single hit. Raises NotFound with the existing names, or Refused when several have the name.

    The SDK returns None without a hit. `everything` is called only for the error message.
    """
    exact = [item for item in found if item.name == name]
    if len(exact) == 1:
        return exact[0]
    if exact:
        ids = ", ".join(str(item.id) for item in exact)
        raise Refused(f'{len(exact)} {kind}s are called "{name}": {ids}', status=409, remedy="use the id instead")
    raise NotFound(f'{kind} "{name}" does not exist', status=404, remedy=_suggestion(kind, name, everything()))


def _suggestion(kind: str, name: str, everything: Sequence[WireRecord]) -> str:
    names = sorted({item.name for item in everything if item.name})
    near = get_close_matches(name, names, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    shown = ", ".join(f'"{each}"' for each in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"there are: {shown}{more}" if names else f"there are no {kind}s"
